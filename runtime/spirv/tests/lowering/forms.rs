//! Translations chosen at random, right ones and wrong ones, and what must hold of every lowering.

use vksvm_spirv::{Error, Mirrored, Offset, Options, Table, Translation, lower};

use crate::mutate::Choices;

/// A translation: mostly one whose numbers fit together.
pub fn translation(choices: &mut Choices<'_>) -> Translation {
    let page_shift = [16, 8, 12, 6, 30, 5, 31, choices.u32()][choices.below(8)];
    match choices.below(6) {
        0 => Translation::Identity,
        1 => Translation::Offset(Offset(choices.u64())),
        2 => {
            Translation::Table(Table { base: choices.u64(), pages: choices.u64(), page_shift, entries: choices.u64() })
        }
        3 => Translation::Table(Table {
            base: 1 << 40,
            pages: 1 + choices.below(1 << 20) as u64,
            page_shift,
            entries: choices.u64() & 0xffff_ffff_fff8,
        }),
        4 => Translation::Mirrored(Mirrored {
            root: choices.u64() & 0xffff_ffff_fff8,
            page_shift,
            leaf_shift: 1 + choices.below(30) as u32,
        }),
        _ => Translation::Mirrored(Mirrored { root: choices.u64(), page_shift, leaf_shift: choices.u32() }),
    }
}

/// What a module is lowered to; none if it was refused, or is to stay as it is. What comes out is lowered again, for it
/// is a module as any other; that this must be refused holds only for modules that are valid.
pub fn lowered(words: &[u32], translation: Translation) -> Option<Lowered> {
    let options = Options::new(translation);
    match lower(words, &options) {
        Ok(lowered) if translation == Translation::Identity => {
            assert_eq!(lowered.words.len(), words.len(), "identity changed the module");
            None
        }
        Ok(lowered) => {
            let again = lower(&lowered.words, &options).err();
            Some(Lowered { words: lowered.words, again })
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            None
        }
    }
}

/// A lowered module.
pub struct Lowered {
    pub words: Vec<u32>,
    /// Why it was refused when it was to be lowered again.
    pub again: Option<Error>,
}
