//! Every module of the corpus is valid before and after it is lowered, in every form.

use vksvm_spirv::{Dereferences, Error, Options, Translation, lower};

use crate::{
    modules::{corpus, translations},
    spirv_val::validate,
};

/// How many words a module's functions have.
fn code(words: &[u32]) -> usize {
    const OP_FUNCTION: u32 = 54;
    let mut rest = &words[5..];
    while rest[0] & 0xffff != OP_FUNCTION {
        rest = &rest[(rest[0] >> 16) as usize..];
    }
    rest.len()
}

/// Fails with all messages at once.
fn none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn valid_as_compiled() {
    let modules = corpus();
    assert!(modules.len() > 60, "the corpus has only {} modules", modules.len());
    let wrong =
        modules.iter().filter_map(|module| Some(format!("{}: {}", module.name, validate(&module.words).err()?)));
    none(wrong.collect());
}

#[test]
fn valid_when_lowered() {
    let mut wrong = vec![];
    for module in corpus() {
        for (form, translation) in translations() {
            match lower(&module.words, &Options::new(translation)) {
                Ok(lowered) => {
                    wrong
                        .extend(validate(&lowered.words).err().map(|error| format!("{} {form}: {error}", module.name)));
                }
                Err(error) => wrong.push(format!("{} {form}: {error}", module.name)),
            }
        }
    }
    none(wrong);
}

#[test]
fn lowering_changes_every_module_once() {
    let mut wrong = vec![];
    for module in corpus() {
        let identity = lower(&module.words, &Options::new(Translation::Identity)).unwrap();
        if identity.facts.dereferences == Dereferences::default() {
            wrong.push(format!("{}: has no dereferences", module.name));
        }
        for (form, translation) in translations() {
            // The test above tells of modules that cannot be lowered.
            let Ok(lowered) = lower(&module.words, &Options::new(translation)) else { continue };
            let again = lower(&module.words, &Options::new(translation)).unwrap();
            if again.words != lowered.words {
                wrong.push(format!("{} {form}: not the same words the second time", module.name));
            }
            if lowered.facts.dereferences != identity.facts.dereferences
                || lowered.facts.blocks != identity.facts.blocks
            {
                wrong.push(format!("{} {form}: other facts than those of the module itself", module.name));
            }
            if translation == Translation::Identity {
                if lowered.words != module.words {
                    wrong.push(format!("{} {form}: the words have changed", module.name));
                }
                continue;
            }
            if code(&lowered.words) <= code(&module.words) {
                wrong.push(format!("{} {form}: nothing was translated", module.name));
            }
            let twice = lower(&lowered.words, &Options::new(translation));
            if !matches!(twice, Err(Error::AlreadyLowered { .. })) {
                wrong.push(format!("{} {form}: lowered twice", module.name));
            }
        }
    }
    none(wrong);
}
