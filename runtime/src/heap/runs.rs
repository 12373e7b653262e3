//! Owns the free pages: runs of them, best fit, coalesced when they come back.
//!
//! Best fit, the lower address among equals, keeps long runs whole; both lookups are ordered-map searches. Pages are
//! numbers here: nothing in this file touches memory.

use std::collections::{BTreeMap, BTreeSet};

/// A page's number, counted from the heap's start.
pub(super) type Page = u32;

/// The free runs of a heap.
///
/// Invariants: runs are not empty, do not overlap and do not cross a border; two runs never touch unless a border lies
/// between them; `by_len` holds exactly the runs of `by_start`; `free` is their sum.
#[derive(Debug)]
pub(super) struct Runs {
    /// Length by first page.
    by_start: BTreeMap<Page, u32>,
    /// (length, first page).
    by_len: BTreeSet<(u32, Page)>,
    free: u32,
    /// No run crosses a multiple of this. `u32::MAX` where there are no borders.
    border: u32,
}

impl Runs {
    /// All of `pages` free. With `border`, no run will cross a multiple of that many pages.
    pub(super) fn new(pages: u32, border: Option<u32>) -> Self {
        let border = border.unwrap_or(u32::MAX).max(1);
        let mut runs = Runs { by_start: BTreeMap::new(), by_len: BTreeSet::new(), free: 0, border };
        let mut start = 0;
        while start < pages {
            let len = border.min(pages - start);
            runs.insert(start, len);
            start += len;
        }
        runs
    }

    /// Takes `len` pages (at least 1), the first a multiple of `align` (a power of two) from the heap's start.
    pub(super) fn take(&mut self, len: u32, align: u32) -> Option<Page> {
        let (start, run, first) = self.by_len.range((len, 0)..).find_map(|&(run, start)| {
            let first = start.checked_next_multiple_of(align)?;
            let end = first.checked_add(len)?;
            (end <= start + run).then_some((start, run, first))
        })?;
        self.carve(start, run, first, len);
        Some(first)
    }

    /// Takes exactly the `len` pages from `first` on, if all are free and no border lies in between or before them.
    pub(super) fn take_at(&mut self, first: Page, len: u32) -> bool {
        if len == 0 {
            return true;
        }
        if first.is_multiple_of(self.border) {
            return false;
        }
        let Some((&start, &run)) = self.by_start.range(..=first).next_back() else { return false };
        let fits = first.checked_add(len).is_some_and(|end| end <= start + run);
        if fits {
            self.carve(start, run, first, len);
        }
        fits
    }

    /// Gives pages back. They must have been taken.
    pub(super) fn give(&mut self, first: Page, len: u32) {
        if len == 0 {
            return;
        }
        let (mut start, mut run) = (first, len);
        if !first.is_multiple_of(self.border)
            && let Some((&before, &length)) = self.by_start.range(..first).next_back()
            && before + length == first
        {
            self.remove(before, length);
            start = before;
            run += length;
        }
        let after = first + len;
        if !after.is_multiple_of(self.border)
            && let Some(&length) = self.by_start.get(&after)
        {
            self.remove(after, length);
            run += length;
        }
        self.insert(start, run);
    }

    /// Whether none of these pages (at least one) is free.
    pub(super) fn are_taken(&self, first: Page, len: u32) -> bool {
        let end = first.saturating_add(len);
        self.by_start.range(..end).next_back().is_none_or(|(start, run)| start + run <= first)
    }

    /// Free pages.
    pub(super) fn free(&self) -> u32 {
        self.free
    }

    /// Pages in the longest run.
    pub(super) fn largest(&self) -> u32 {
        self.by_len.last().map_or(0, |&(run, _)| run)
    }

    /// Cuts `len` pages from `first` on out of the run (`start`, `run`), which contains them.
    fn carve(&mut self, start: Page, run: u32, first: Page, len: u32) {
        self.remove(start, run);
        self.insert(start, first - start);
        self.insert(first + len, start + run - (first + len));
    }

    fn insert(&mut self, start: Page, len: u32) {
        if len > 0 {
            self.by_start.insert(start, len);
            self.by_len.insert((len, start));
            self.free += len;
        }
    }

    fn remove(&mut self, start: Page, len: u32) {
        self.by_start.remove(&start);
        self.by_len.remove(&(len, start));
        self.free -= len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn takes_the_best_fit_and_the_lowest_of_equals() {
        let mut runs = Runs::new(100, None);
        assert_eq!(runs.take(100, 1), Some(0));
        runs.give(10, 5);
        runs.give(30, 3);
        runs.give(50, 3);
        assert_eq!(runs.take(3, 1), Some(30));
        assert_eq!(runs.take(2, 1), Some(50));
        assert_eq!(runs.take(4, 1), Some(10));
        assert_eq!(runs.take(2, 1), None);
        assert_eq!((runs.free(), runs.largest()), (2, 1));
    }

    #[test]
    fn aligns_from_the_heaps_start() {
        let mut runs = Runs::new(128, None);
        assert_eq!(runs.take(1, 1), Some(0));
        assert_eq!(runs.take(32, 32), Some(32));
        assert_eq!(runs.take(3, 2), Some(2));
        assert_eq!(runs.take(96, 32), None);
        assert_eq!(runs.take(64, 32), Some(64));
    }

    #[test]
    fn nothing_crosses_a_border() {
        let mut runs = Runs::new(100, Some(32));
        assert_eq!(runs.largest(), 32);
        assert_eq!(runs.take(33, 1), None);
        assert_eq!(runs.take(4, 1), Some(96));
        for start in [0, 32, 64] {
            assert_eq!(runs.take(32, 1), Some(start));
        }
        for start in [32, 64, 0] {
            runs.give(start, 32);
        }
        assert_eq!(runs.largest(), 32);
        assert_eq!(runs.take(20, 1), Some(0));
        assert!(runs.take_at(20, 12));
        assert!(!runs.take_at(32, 1), "growing over a border");
    }

    #[test]
    fn borders_at_the_ends_of_the_number_range_do_not_overflow() {
        let mut runs = Runs::new(u32::MAX, None);
        assert_eq!(runs.take(u32::MAX, 1 << 31), Some(0));
        assert_eq!(runs.take(1, 1), None);
        runs.give(0, u32::MAX);
        assert_eq!(runs.take(1, 32), Some(0));
        assert_eq!(runs.take(u32::MAX, 1), None);
    }

    /// What to do to a heap of 64 pages.
    #[derive(Clone, Debug)]
    enum Step {
        Take { len: u32, align: u32 },
        Grow { which: usize, len: u32 },
        Give { which: usize },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (1..20_u32, 0..4_u32).prop_map(|(len, bits)| Step::Take { len, align: 1 << bits }),
            1 => (any::<usize>(), 1..8_u32).prop_map(|(which, len)| Step::Grow { which, len }),
            2 => any::<usize>().prop_map(|which| Step::Give { which }),
        ]
    }

    proptest! {
        /// Against a plain array of booleans: what is taken was free, what is refused had no place.
        #[test]
        fn agrees_with_an_array(steps in proptest::collection::vec(step(), 1..80), border in prop_oneof![Just(None), Just(Some(16_u32))]) {
            const PAGES: u32 = 64;
            let mut runs = Runs::new(PAGES, border);
            let mut taken = [false; PAGES as usize];
            let mut held: Vec<(u32, u32)> = Vec::new();
            let inside = |first: u32, len: u32| first + len <= PAGES
                && border.is_none_or(|border| first / border == (first + len - 1) / border);
            for step in steps {
                match step {
                    Step::Take { len, align } => {
                        let fits = |first: &u32| inside(*first, len)
                            && taken[*first as usize..(*first + len) as usize].iter().all(|taken| !taken);
                        match runs.take(len, align) {
                            Some(first) => {
                                prop_assert!(first.is_multiple_of(align) && fits(&first));
                                taken[first as usize..(first + len) as usize].fill(true);
                                held.push((first, len));
                            }
                            None => prop_assert_eq!((0..PAGES).step_by(align as usize).find(fits), None),
                        }
                    }
                    Step::Grow { which, len } => {
                        if held.is_empty() { continue }
                        let index = which % held.len();
                        let (first, had) = held[index];
                        let end = first + had;
                        let fits = inside(first, had + len) && !taken[end as usize..(end + len) as usize].iter().any(|taken| *taken);
                        prop_assert_eq!(runs.take_at(end, len), fits);
                        if fits {
                            taken[end as usize..(end + len) as usize].fill(true);
                            held[index].1 += len;
                        }
                    }
                    Step::Give { which } => {
                        if held.is_empty() { continue }
                        let (first, len) = held.swap_remove(which % held.len());
                        runs.give(first, len);
                        taken[first as usize..(first + len) as usize].fill(false);
                    }
                }
                for first in 0..PAGES {
                    for len in [1, 5, PAGES - first] {
                        let end = (first + len).min(PAGES);
                        let all = taken[first as usize..end as usize].iter().all(|taken| *taken);
                        prop_assert_eq!(runs.are_taken(first, end - first), all);
                    }
                }
                prop_assert_eq!(runs.free() as usize, taken.iter().filter(|taken| !**taken).count());
            }
            for (first, len) in held {
                runs.give(first, len);
            }
            prop_assert_eq!(runs.largest(), border.unwrap_or(PAGES));
        }
    }
}
