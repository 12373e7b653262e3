//! What the log holds: one thing that happened, and its form as words.

use super::{Cause, Hint};
use std::ops::Range;
use vksvm_pages::Happening;

/// Words of an entry. The first says that the entry is complete: it is never zero, and is stored last.
pub(super) const WORDS: usize = 6;

/// One thing that happened. Pages are counted from the heap's start; times are in ns of the system's monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A launch got its point; by this thread, of the kernel with this number.
    Launched { point: u64, kernel: u32, thread: u32, at: u64 },
    /// It uses these pages. Follows its `Launched`, for each run of pages.
    Used { point: u64, first: usize, pages: usize, write: bool, in_place: bool },
    /// It has run, by the device's clock.
    Ran { point: u64, ticks: [u64; 2] },
    /// Pages were copied to the device.
    ToDevice { first: usize, pages: usize, cause: Cause, since: u64, at: u64 },
    /// Pages were copied to the host.
    ToHost { first: usize, pages: usize, cause: Cause, since: u64, at: u64 },
    /// The device has no copy of pages any more.
    Left { first: usize, pages: usize, cause: Cause, at: u64 },
    /// A page stays with the host for a while, since it went to and fro.
    Bouncing { page: usize, at: u64 },
    /// A CPU touch was served on the spot.
    Faulted { page: usize, write: bool, thread: u32, since: u64, at: u64 },
    /// A CPU touch could not be served yet.
    Parked { page: usize, write: bool, thread: u32, at: u64 },
    /// Touches of this kind and page that were parked are served.
    Unparked { page: usize, write: bool, at: u64 },
    /// A hint of the program; by this thread.
    Hinted { hint: Hint, first: usize, pages: usize, thread: u32, at: u64 },
    /// Whole pages were allocated.
    Allocated { first: usize, pages: usize, at: u64 },
    /// They were freed.
    Freed { first: usize, pages: usize, at: u64 },
}

/// The first word: what kind of entry, a number that goes with it, two flags, and a thread.
struct Head {
    kind: u8,
    with: u8,
    flags: [bool; 2],
    thread: u32,
}

impl Head {
    fn pack(&self) -> u64 {
        let flags = u64::from(self.flags[0]) | u64::from(self.flags[1]) << 1;
        u64::from(self.kind) | u64::from(self.with) << 8 | flags << 16 | u64::from(self.thread) << 32
    }

    fn unpack(word: u64) -> Self {
        let flag = |bit: u32| word >> bit & 1 == 1;
        Head { kind: word as u8, with: (word >> 8) as u8, flags: [flag(16), flag(17)], thread: (word >> 32) as u32 }
    }
}

impl Entry {
    /// What the page protocol tells of.
    pub fn of(what: Happening, at: u64) -> Self {
        match what {
            Happening::ToDevice { first, pages, cause, since } => Entry::ToDevice { first, pages, cause, since, at },
            Happening::ToHost { first, pages, cause, since } => Entry::ToHost { first, pages, cause, since, at },
            Happening::Left { first, pages, cause } => Entry::Left { first, pages, cause, at },
            Happening::Bouncing { page } => Entry::Bouncing { page, at },
        }
    }

    /// The pages that something happened to.
    pub(super) fn touches(&self) -> Option<Range<usize>> {
        match *self {
            Entry::Used { first, pages, .. }
            | Entry::ToDevice { first, pages, .. }
            | Entry::ToHost { first, pages, .. }
            | Entry::Left { first, pages, .. } => Some(first..first + pages),
            Entry::Faulted { page, .. } | Entry::Parked { page, .. } => Some(page..page + 1),
            _ => None,
        }
    }

    /// The words, of which the first is not zero.
    pub(super) fn pack(self) -> [u64; WORDS] {
        let head = |kind, with, flags, thread| Head { kind, with, flags, thread }.pack();
        let none = [false; 2];
        let moved = |kind, cause: Cause, first: usize, pages: usize, since, at| {
            [head(kind, cause as u8, none, 0), first as u64, pages as u64, since, at, 0]
        };
        match self {
            Entry::Launched { point, kernel, thread, at } => [head(1, 0, none, thread), point, kernel.into(), 0, at, 0],
            Entry::Used { point, first, pages, write, in_place } => {
                [head(2, 0, [write, in_place], 0), first as u64, pages as u64, 0, 0, point]
            }
            Entry::Ran { point, ticks: [start, end] } => [head(3, 0, none, 0), 0, 0, start, end, point],
            Entry::ToDevice { first, pages, cause, since, at } => moved(4, cause, first, pages, since, at),
            Entry::ToHost { first, pages, cause, since, at } => moved(5, cause, first, pages, since, at),
            Entry::Left { first, pages, cause, at } => moved(6, cause, first, pages, at, at),
            Entry::Bouncing { page, at } => [head(7, 0, none, 0), page as u64, 1, at, at, 0],
            Entry::Faulted { page, write, thread, since, at } => {
                [head(8, 0, [write, false], thread), page as u64, 1, since, at, 0]
            }
            Entry::Parked { page, write, thread, at } => {
                [head(9, 0, [write, false], thread), page as u64, 1, at, at, 0]
            }
            Entry::Unparked { page, write, at } => [head(10, 0, [write, false], 0), page as u64, 1, at, at, 0],
            Entry::Hinted { hint, first, pages, thread, at } => {
                let (kind, with) = hint.pack();
                [head(11, kind, none, thread), first as u64, pages as u64, with, at, 0]
            }
            Entry::Allocated { first, pages, at } => [head(12, 0, none, 0), first as u64, pages as u64, at, at, 0],
            Entry::Freed { first, pages, at } => [head(13, 0, none, 0), first as u64, pages as u64, at, at, 0],
        }
    }

    /// From the words; `None` for words that no entry has.
    pub(super) fn unpack([head, a, b, since, at, point]: [u64; WORDS]) -> Option<Self> {
        let Head { kind, with, flags: [write, in_place], thread } = Head::unpack(head);
        let (first, page, pages) = (a as usize, a as usize, b as usize);
        let cause = || Cause::ALL.get(usize::from(with)).copied();
        Some(match kind {
            1 => Entry::Launched { point: a, kernel: b as u32, thread, at },
            2 => Entry::Used { point, first, pages, write, in_place },
            3 => Entry::Ran { point, ticks: [since, at] },
            4 => Entry::ToDevice { first, pages, cause: cause()?, since, at },
            5 => Entry::ToHost { first, pages, cause: cause()?, since, at },
            6 => Entry::Left { first, pages, cause: cause()?, at },
            7 => Entry::Bouncing { page, at },
            8 => Entry::Faulted { page, write, thread, since, at },
            9 => Entry::Parked { page, write, thread, at },
            10 => Entry::Unparked { page, write, at },
            11 => Entry::Hinted { hint: Hint::unpack(with, since)?, first, pages, thread, at },
            12 => Entry::Allocated { first, pages, at },
            13 => Entry::Freed { first, pages, at },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries() -> impl Strategy<Value = Entry> {
        let cause = || (0..Cause::ALL.len()).prop_map(|at| Cause::ALL[at]);
        let run = || (any::<usize>(), any::<usize>());
        let times = || any::<[u64; 2]>();
        prop_oneof![
            (any::<[u64; 2]>(), any::<[u32; 2]>()).prop_map(|([point, at], [kernel, thread])| Entry::Launched {
                point,
                kernel,
                thread,
                at
            }),
            (any::<u64>(), run(), any::<[bool; 2]>()).prop_map(|(point, (first, pages), [write, in_place])| {
                Entry::Used { point, first, pages, write, in_place }
            }),
            (any::<u64>(), times()).prop_map(|(point, ticks)| Entry::Ran { point, ticks }),
            (run(), cause(), times()).prop_map(|((first, pages), cause, [since, at])| {
                Entry::ToDevice { first, pages, cause, since, at }
            }),
            (run(), cause(), times())
                .prop_map(|((first, pages), cause, [since, at])| { Entry::ToHost { first, pages, cause, since, at } }),
            (run(), cause(), any::<u64>()).prop_map(|((first, pages), cause, at)| Entry::Left {
                first,
                pages,
                cause,
                at
            }),
            (any::<usize>(), any::<u64>()).prop_map(|(page, at)| Entry::Bouncing { page, at }),
            (any::<usize>(), any::<bool>(), any::<u32>(), times())
                .prop_map(|(page, write, thread, [since, at])| { Entry::Faulted { page, write, thread, since, at } }),
            (any::<usize>(), any::<bool>(), any::<u32>(), any::<u64>())
                .prop_map(|(page, write, thread, at)| Entry::Parked { page, write, thread, at }),
            (any::<usize>(), any::<bool>(), any::<u64>()).prop_map(|(page, write, at)| Entry::Unparked {
                page,
                write,
                at
            }),
            (prop::sample::select(Hint::all().collect::<Vec<_>>()), run(), any::<u32>(), any::<u64>())
                .prop_map(|(hint, (first, pages), thread, at)| { Entry::Hinted { hint, first, pages, thread, at } }),
            (run(), any::<u64>()).prop_map(|((first, pages), at)| Entry::Allocated { first, pages, at }),
            (run(), any::<u64>()).prop_map(|((first, pages), at)| Entry::Freed { first, pages, at }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(entry in entries()) {
            let words = entry.pack();
            prop_assert!(words[0] != 0);
            prop_assert_eq!(Entry::unpack(words), Some(entry));
        }

        #[test]
        fn any_words_are_an_entry_or_none(words in any::<[u64; WORDS]>()) {
            if let Some(entry) = Entry::unpack(words) {
                prop_assert_eq!(Entry::unpack(entry.pack()), Some(entry));
            }
        }
    }
}
