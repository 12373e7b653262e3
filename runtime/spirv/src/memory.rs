//! Memory operands of loads, stores and copies.

use rspirv::spirv::MemoryAccess;

/// Memory operands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemoryOperands {
    flags: u32,
    /// Bytes, a power of two if the module is valid.
    pub alignment: Option<u32>,
    available: u32,
    visible: u32,
}

const ALIGNED: u32 = MemoryAccess::ALIGNED.bits();
const AVAILABLE: u32 = MemoryAccess::MAKE_POINTER_AVAILABLE.bits();
const VISIBLE: u32 = MemoryAccess::MAKE_POINTER_VISIBLE.bits();
const KNOWN: u32 = ALIGNED
    | AVAILABLE
    | VISIBLE
    | MemoryAccess::VOLATILE.bits()
    | MemoryAccess::NONTEMPORAL.bits()
    | MemoryAccess::NON_PRIVATE_POINTER.bits();

impl MemoryOperands {
    /// Reads the operands that `words` starts with and returns what follows. `None` if there are some that this crate
    /// does not know, or words are missing.
    pub fn read(words: &[u32]) -> Option<(Self, &[u32])> {
        let Some((&flags, mut rest)) = words.split_first() else { return Some((Self::default(), words)) };
        let mut operands = MemoryOperands { flags, ..Self::default() };
        if flags & !KNOWN != 0 {
            return None;
        }
        let mut next = |flag: u32| {
            if flags & flag == 0 {
                return Some(0);
            }
            let (first, after) = rest.split_first()?;
            rest = after;
            Some(*first)
        };
        let alignment = next(ALIGNED)?;
        operands.alignment = (flags & ALIGNED != 0).then_some(alignment);
        operands.available = next(AVAILABLE)?;
        operands.visible = next(VISIBLE)?;
        Some((operands, rest))
    }

    /// What of them is about reading.
    pub fn of_load(self) -> Self {
        MemoryOperands { flags: self.flags & !AVAILABLE, ..self }
    }

    /// What of them is about writing.
    pub fn of_store(self) -> Self {
        MemoryOperands { flags: self.flags & !VISIBLE, ..self }
    }

    /// With another alignment, or none.
    pub fn aligned(self, alignment: Option<u32>) -> Self {
        let flags = self.flags & !ALIGNED | if alignment.is_some() { ALIGNED } else { 0 };
        MemoryOperands { flags, alignment, ..self }
    }

    /// The words to append to an instruction.
    pub fn words(self) -> impl Iterator<Item = u32> {
        let operand = |flag: u32, word: u32| (self.flags & flag != 0).then_some(word);
        let mask = (self.flags != 0).then_some(self.flags);
        let alignment = operand(ALIGNED, self.alignment.unwrap_or(0));
        [mask, alignment, operand(AVAILABLE, self.available), operand(VISIBLE, self.visible)].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_comes_back_as_it_was() {
        for flags in (0..64).filter(|flags| flags & !KNOWN == 0) {
            let operand = |flag: u32, word: u32| (flags & flag != 0).then_some(word);
            let rest = [operand(ALIGNED, 16), operand(AVAILABLE, 70), operand(VISIBLE, 80), Some(99)];
            let words: Vec<u32> = std::iter::once(flags).chain(rest.into_iter().flatten()).collect();
            let (operands, rest) = MemoryOperands::read(&words).unwrap();
            assert_eq!(rest, [99]);
            let again: Vec<u32> = operands.words().collect();
            assert_eq!(again, if flags == 0 { &[][..] } else { &words[..words.len() - 1] });
            let of_load: Vec<u32> = operands.of_load().words().collect();
            assert!(!of_load.contains(&70), "{words:?}");
            let of_store: Vec<u32> = operands.of_store().words().collect();
            assert!(!of_store.contains(&80), "{words:?}");
        }
    }

    #[test]
    fn unknown_and_missing_operands_are_refused() {
        assert_eq!(MemoryOperands::read(&[1 << 16]), None);
        assert_eq!(MemoryOperands::read(&[ALIGNED]), None);
        assert_eq!(MemoryOperands::read(&[ALIGNED | VISIBLE, 4]), None);
        assert_eq!(MemoryOperands::read(&[]), Some((MemoryOperands::default(), &[][..])));
    }
}
