//! Owns the page table of the allocator: for each page what it is used for, and whether it may hold old bytes.
//!
//! Both tables are allocated zeroed, which the system does lazily: a heap of a million pages costs 8 MiB of
//! addresses and only the memory of the entries that were ever written.
//!
//! # Safety
//!
//! The only `unsafe` turns zeroed memory into atomics, for which all zeros is a valid value.
#![allow(unsafe_code)]

use super::classes::Class;
use super::runs::Page;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a page is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Free, or inside a run that starts earlier.
    Nothing,
    /// First page of an allocation that has `pages` pages to itself.
    Run { pages: u32 },
    /// Shared by small allocations: the `slab`th slab of a bin.
    Slab { class: Class, shard: u8, slab: u32 },
}

/// The table. Threads that change an entry own the page at that moment; the atomics only make reading the entry of a
/// pointer that is not theirs (a caller's mistake) a wrong answer and not undefined behaviour.
pub(super) struct Pages {
    uses: Box<[AtomicU64]>,
    /// A bit a page: it may hold something else than zeros.
    dirty: Box<[AtomicU64]>,
}

impl Pages {
    pub(super) fn new(pages: u32) -> Self {
        Pages { uses: zeroed(pages as usize), dirty: zeroed((pages as usize).div_ceil(64)) }
    }

    pub(super) fn get(&self, page: Page) -> Use {
        decode(self.uses[page as usize].load(Ordering::Acquire))
    }

    pub(super) fn set(&self, page: Page, to: Use) {
        self.uses[page as usize].store(encode(to), Ordering::Release);
    }

    /// Sets an entry if it is `from`, and says whether it was: of two threads that free the same run, one is told so.
    pub(super) fn replace(&self, page: Page, from: Use, to: Use) -> bool {
        let (from, to) = (encode(from), encode(to));
        self.uses[page as usize].compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Marks pages as holding old bytes, or as being all zeros.
    pub(super) fn set_dirty(&self, pages: Range<Page>, dirty: bool) {
        for (word, mask) in words(pages) {
            if dirty {
                self.dirty[word].fetch_or(mask, Ordering::Relaxed);
            } else if self.dirty[word].load(Ordering::Relaxed) & mask != 0 {
                self.dirty[word].fetch_and(!mask, Ordering::Relaxed);
            }
        }
    }

    /// The runs of `pages` that may hold old bytes.
    pub(super) fn dirty(&self, pages: Range<Page>) -> impl Iterator<Item = Range<Page>> {
        let mut at = pages.start;
        std::iter::from_fn(move || {
            let start = self.next(at..pages.end, true)?;
            let end = self.next(start..pages.end, false).unwrap_or(pages.end);
            at = end;
            Some(start..end)
        })
    }

    /// The first of `pages` whose dirty bit is `wanted`.
    fn next(&self, pages: Range<Page>, wanted: bool) -> Option<Page> {
        words(pages).find_map(|(word, mask)| {
            let bits = self.dirty[word].load(Ordering::Relaxed);
            let found = if wanted { bits } else { !bits } & mask;
            (found != 0).then(|| word as Page * 64 + found.trailing_zeros())
        })
    }
}

/// The words that hold the bits of `pages`, each with the mask of those bits.
fn words(pages: Range<Page>) -> impl Iterator<Item = (usize, u64)> {
    let words = if pages.is_empty() { 0..0 } else { pages.start / 64..(pages.end - 1) / 64 + 1 };
    words.map(move |word| {
        let base = word * 64;
        let low = pages.start.max(base) - base;
        let high = (pages.end - 1).min(base + 63) - base;
        (word as usize, (u64::MAX << low) & (u64::MAX >> (63 - high)))
    })
}

// An entry: the kind in bits 0..8, class in 8..16, shard in 16..24, pages or slab in 32..64.
const RUN: u64 = 1;
const SLAB: u64 = 2;

fn encode(it: Use) -> u64 {
    match it {
        Use::Nothing => 0,
        Use::Run { pages } => RUN | u64::from(pages) << 32,
        Use::Slab { class, shard, slab } => {
            SLAB | (class.index() as u64) << 8 | u64::from(shard) << 16 | u64::from(slab) << 32
        }
    }
}

fn decode(entry: u64) -> Use {
    let (class, shard, high) = ((entry >> 8) as u8, (entry >> 16) as u8, (entry >> 32) as u32);
    match (entry & 0xff, Class::from_index(usize::from(class))) {
        (RUN, _) => Use::Run { pages: high },
        (SLAB, Some(class)) => Use::Slab { class, shard, slab: high },
        _ => Use::Nothing,
    }
}

fn zeroed(len: usize) -> Box<[AtomicU64]> {
    let table = Box::<[AtomicU64]>::new_zeroed_slice(len);
    // SAFETY: all zeros is a valid AtomicU64.
    unsafe { table.assume_init() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn entries_come_back_as_they_were_set() {
        let pages = Pages::new(3);
        assert_eq!(pages.get(2), Use::Nothing);
        for class in Class::all() {
            for it in [Use::Slab { class, shard: 255, slab: u32::MAX }, Use::Slab { class, shard: 0, slab: 0 }] {
                pages.set(1, it);
                assert_eq!(pages.get(1), it);
            }
        }
        for it in [Use::Run { pages: 1 }, Use::Run { pages: u32::MAX }, Use::Nothing] {
            pages.set(1, it);
            assert_eq!(pages.get(1), it);
        }
        assert_eq!((pages.get(0), pages.get(2)), (Use::Nothing, Use::Nothing));
    }

    #[test]
    fn only_one_replacement_succeeds() {
        let pages = Pages::new(1);
        let run = Use::Run { pages: 7 };
        pages.set(0, run);
        assert!(pages.replace(0, run, Use::Nothing));
        assert!(!pages.replace(0, run, Use::Nothing));
    }

    proptest! {
        #[test]
        fn dirty_bits_agree_with_an_array(
            steps in proptest::collection::vec((0..300_u32, 0..300_u32, any::<bool>()), 1..20),
            (from, to) in (0..300_u32, 0..300_u32),
        ) {
            let pages = Pages::new(300);
            let mut model = [false; 300];
            for (a, b, dirty) in steps {
                let range = a.min(b)..a.max(b);
                pages.set_dirty(range.clone(), dirty);
                model[range.start as usize..range.end as usize].fill(dirty);
            }
            let range = from.min(to)..from.max(to);
            let mut seen = [false; 300];
            for run in pages.dirty(range.clone()) {
                prop_assert!(!run.is_empty() && range.start <= run.start && run.end <= range.end);
                seen[run.start as usize..run.end as usize].fill(true);
            }
            for page in 0..300 {
                prop_assert_eq!(seen[page as usize], range.contains(&page) && model[page as usize], "page {}", page);
            }
        }
    }
}
