//! The hints of a program, as the log has them.

use std::ops::Range;
use vksvm_pages::{Advised, Side, What};

/// Something that a program has said or asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Said of pages, or taken back.
    Said(Advised, bool),
    /// How often a launch that uses them reads and writes each byte; 0 for unknown.
    Expects(u8, u8),
    /// To be moved.
    Prefetch(Side),
    /// Of no use until written again.
    Discard,
}

impl Hint {
    /// Every one, but that nothing is expected.
    #[cfg(test)]
    pub fn all() -> impl Iterator<Item = Hint> {
        let said = Advised::ALL.into_iter().flat_map(|what| [Hint::Said(what, true), Hint::Said(what, false)]);
        said.chain([Hint::Expects(3, 0), Hint::Prefetch(Side::Host), Hint::Prefetch(Side::Device), Hint::Discard])
    }

    /// As two numbers.
    pub(super) fn pack(self) -> (u8, u64) {
        let side = |side| u64::from(side == Side::Device);
        match self {
            Hint::Said(what, on) => (0, (what as u64) << 1 | u64::from(on)),
            Hint::Expects(reads, writes) => (1, u64::from(reads) << 8 | u64::from(writes)),
            Hint::Prefetch(to) => (2, side(to)),
            Hint::Discard => (3, 0),
        }
    }

    /// From them; `None` for numbers that no hint has.
    pub(super) fn unpack(kind: u8, with: u64) -> Option<Self> {
        Some(match (kind, with) {
            (0, _) => Hint::Said(*Advised::ALL.get((with >> 1) as usize)?, with & 1 == 1),
            (1, 0..=0xffff) => Hint::Expects((with >> 8) as u8, with as u8),
            (2, 0) => Hint::Prefetch(Side::Host),
            (2, 1) => Hint::Prefetch(Side::Device),
            (3, 0) => Hint::Discard,
            _ => return None,
        })
    }

    /// Where it says anything of where pages should be or how they are used, and is no order: advice.
    #[cfg(feature = "report")]
    pub(super) fn is_advice(self) -> bool {
        matches!(self, Hint::Said(what, true) if what != Advised::ReadMostly)
    }

    /// In a few words.
    #[cfg(feature = "report")]
    pub(super) fn name(self) -> &'static str {
        match self {
            Hint::Said(Advised::ReadMostly, true) => "advise_read_mostly",
            Hint::Said(Advised::PrefersHost, true) => "prefer_location(Host)",
            Hint::Said(Advised::PrefersDevice, true) => "prefer_location(Device)",
            Hint::Said(Advised::AccessedByHost, true) => "accessed_by(Host)",
            Hint::Said(Advised::AccessedByDevice, true) => "accessed_by(Device)",
            Hint::Said(Advised::PinnedHost, true) => "pin(Host)",
            Hint::Said(Advised::PinnedDevice, true) => "pin(Device)",
            Hint::Said(Advised::Hot, true) => "access_hint(hot)",
            Hint::Said(Advised::Cold, true) => "access_hint(cold)",
            Hint::Said(Advised::ReadMostly, false) => "unadvise_read_mostly",
            Hint::Said(Advised::PrefersHost | Advised::PrefersDevice, false) => "unprefer_location",
            Hint::Said(Advised::AccessedByHost | Advised::AccessedByDevice, false) => "not_accessed_by",
            Hint::Said(Advised::PinnedHost | Advised::PinnedDevice, false) => "unpin",
            Hint::Said(Advised::Hot | Advised::Cold, false) => "clear_access_hint",
            Hint::Expects(..) => "access_hint",
            Hint::Prefetch(Side::Host) => "prefetch(Host)",
            Hint::Prefetch(Side::Device) => "prefetch(Device)",
            Hint::Discard => "discard",
        }
    }

    /// As access traces have it.
    pub(super) fn what(self, pages: Range<usize>) -> What {
        match self {
            Hint::Said(what, on) => What::Advise { what, pages, on },
            Hint::Expects(reads, writes) => What::Expect { pages, reads, writes },
            Hint::Prefetch(to) => What::Prefetch { pages, to },
            Hint::Discard => What::Discard { pages },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        for hint in Hint::all() {
            let (kind, with) = hint.pack();
            assert_eq!(Hint::unpack(kind, with), Some(hint));
        }
        for (kind, with) in [(0, 18), (1, 0x1_0000), (2, 2), (3, 1), (4, 0)] {
            assert_eq!(Hint::unpack(kind, with), None, "{kind} {with}");
        }
    }
}
