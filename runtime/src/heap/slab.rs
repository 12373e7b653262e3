//! Owns the sharing of pages by small allocations: slabs, and the bins that hold the slabs of one size class.
//!
//! A *slab* is one page cut into equal slots; a bit a slot says whether it is free. The bits live here, outside the
//! heap. A *bin* has the slabs of one class that one shard of the threads allocates from. Pages and slots are numbers
//! here: nothing in this file touches memory.
//!
//! A bin keeps one empty slab for the next allocation, so that a loop that allocates and frees one object does not
//! take and give back a page each time. More empty slabs than that are given back at once, the last one when the heap
//! runs out of pages.

use super::classes::{Class, QUANTUM};
use super::runs::Page;
use crate::addr::PAGE;

/// Empty slabs that a bin keeps. One is enough to stop a page from going back and forth.
const KEEP: usize = 1;

/// Words of the largest slot bitmap.
const WORDS: usize = PAGE / QUANTUM / 64;

/// One page of slots.
///
/// Invariants: a set bit is a free slot; bit `w` of `summary` is set exactly if `free[w]` has a set bit; `used` counts
/// the slots that are not free.
struct Slab {
    page: Page,
    used: u32,
    /// Where it is in its bin's `open`, if it has a free slot.
    open_at: u32,
    summary: u64,
    free: Box<[u64]>,
}

const _: () = assert!(WORDS <= 64, "one summary word covers the bitmap");

impl Slab {
    fn new(page: Page, class: Class) -> Self {
        let slots = class.slots();
        let mut free = vec![u64::MAX; slots.div_ceil(64)].into_boxed_slice();
        if let (Some(last), rest @ 1..) = (free.last_mut(), slots % 64) {
            *last = (1 << rest) - 1;
        }
        let summary = u64::MAX >> (64 - free.len());
        Slab { page, used: 0, open_at: 0, summary, free }
    }

    /// Takes the lowest free slot. There must be one.
    fn take(&mut self) -> usize {
        let word = self.summary.trailing_zeros() as usize;
        let bits = &mut self.free[word];
        let bit = bits.trailing_zeros() as usize;
        *bits &= *bits - 1;
        if *bits == 0 {
            self.summary &= !(1 << word);
        }
        self.used += 1;
        word * 64 + bit
    }

    /// Gives a slot back; false if it is free already.
    fn give(&mut self, slot: usize) -> bool {
        let (word, mask) = (slot / 64, 1 << (slot % 64));
        if self.free[word] & mask != 0 {
            return false;
        }
        self.free[word] |= mask;
        self.summary |= 1 << word;
        self.used -= 1;
        true
    }

    fn is_full(&self) -> bool {
        self.summary == 0
    }
}

/// A slot of a slab, as its page and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) page: Page,
    pub(super) slot: usize,
}

/// What giving a slot back led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// Nothing more.
    Slot,
    /// The slab became empty and left the bin: its page is the caller's.
    Page,
    /// Nothing was given back: the slot was free, or the slab is not there.
    Refused,
}

/// The slabs of one class and shard.
///
/// Invariants: `slabs[i]` is `Some` exactly if `i` is not in `vacant`; `open` holds the indices of the slabs with a free
/// slot, each at its slab's `open_at`; `empty` counts the slabs with no used slot.
pub(super) struct Bin {
    class: Class,
    slabs: Vec<Option<Slab>>,
    vacant: Vec<u32>,
    open: Vec<u32>,
    empty: usize,
    /// Allocations that live in this bin, and the bytes that their layouts ask for.
    live: (usize, usize),
}

impl Bin {
    pub(super) fn new(class: Class) -> Self {
        Bin { class, slabs: Vec::new(), vacant: Vec::new(), open: Vec::new(), empty: 0, live: (0, 0) }
    }

    /// Takes a slot for `bytes` bytes, if a slab has one.
    pub(super) fn take(&mut self, bytes: usize) -> Option<Slot> {
        let index = *self.open.last()?;
        let slab = self.slabs[index as usize].as_mut()?;
        if slab.used == 0 {
            self.empty -= 1;
        }
        let slot = Slot { page: slab.page, slot: slab.take() };
        if slab.is_full() {
            self.open.pop();
        }
        self.live = (self.live.0 + 1, self.live.1 + bytes);
        Some(slot)
    }

    /// Gives a slot back that held `bytes` bytes.
    pub(super) fn give(&mut self, index: u32, at: Slot, bytes: usize) -> Given {
        let Some(Some(slab)) = self.slabs.get_mut(index as usize) else { return Given::Refused };
        let was_full = slab.is_full();
        if slab.page != at.page || !slab.give(at.slot) {
            return Given::Refused;
        }
        self.live = (self.live.0 - 1, self.live.1.saturating_sub(bytes));
        let emptied = slab.used == 0;
        if was_full {
            slab.open_at = self.open.len() as u32;
            self.open.push(index);
        }
        if !emptied {
            return Given::Slot;
        }
        if self.empty < KEEP {
            self.empty += 1;
            return Given::Slot;
        }
        self.remove(index);
        Given::Page
    }

    /// An allocation changed its size in its slot.
    pub(super) fn resized(&mut self, from: usize, to: usize) {
        self.live.1 = (self.live.1 + to).saturating_sub(from);
    }

    /// Makes a page a slab of this bin and returns its index.
    pub(super) fn add(&mut self, page: Page) -> u32 {
        let mut slab = Slab::new(page, self.class);
        slab.open_at = self.open.len() as u32;
        let index = match self.vacant.pop() {
            Some(index) => {
                self.slabs[index as usize] = Some(slab);
                index
            }
            None => {
                self.slabs.push(Some(slab));
                (self.slabs.len() - 1) as u32
            }
        };
        self.open.push(index);
        self.empty += 1;
        index
    }

    /// Removes an empty slab, if there is one, and returns its page.
    pub(super) fn remove_empty(&mut self) -> Option<Page> {
        if self.empty == 0 {
            return None;
        }
        let is_empty = |index: &&u32| self.slabs[**index as usize].as_ref().is_some_and(|slab| slab.used == 0);
        let index = *self.open.iter().rev().find(is_empty)?;
        self.empty -= 1;
        self.remove(index)
    }

    /// Allocations, and the bytes that their layouts ask for.
    pub(super) fn live(&self) -> (usize, usize) {
        self.live
    }

    /// Takes an open slab out of the bin.
    fn remove(&mut self, index: u32) -> Option<Page> {
        let slab = self.slabs[index as usize].take()?;
        self.vacant.push(index);
        self.open.swap_remove(slab.open_at as usize);
        if let Some(&moved) = self.open.get(slab.open_at as usize)
            && let Some(moved) = &mut self.slabs[moved as usize]
        {
            moved.open_at = slab.open_at;
        }
        Some(slab.page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{HashMap, HashSet};

    #[test]
    fn a_slab_gives_each_slot_once_lowest_first() {
        for class in Class::all() {
            let mut slab = Slab::new(3, class);
            for slot in 0..class.slots() {
                assert!(!slab.is_full());
                assert_eq!(slab.take(), slot, "{class:?}");
            }
            assert!(slab.is_full(), "{class:?}");
            let last = class.slots() - 1;
            assert!(slab.give(last) && slab.give(0));
            assert!(!slab.give(0), "given twice");
            assert_eq!((slab.take(), slab.take()), (0, last));
        }
    }

    #[test]
    fn a_bin_refuses_what_it_does_not_hold() {
        let class = Class::from_index(0).unwrap();
        let mut bin = Bin::new(class);
        assert_eq!(bin.take(1), None);
        let index = bin.add(9);
        let slot = bin.take(5).unwrap();
        assert_eq!(bin.live(), (1, 5));
        for (index, wrong) in [(index, Slot { slot: 7, ..slot }), (index, Slot { page: 8, ..slot }), (4, slot)] {
            assert_eq!(bin.give(index, wrong, 5), Given::Refused);
        }
        assert_eq!(bin.give(index, slot, 5), Given::Slot);
        assert_eq!(bin.give(index, slot, 5), Given::Refused);
        assert_eq!(bin.live(), (0, 0));
        assert_eq!(bin.remove_empty(), Some(9));
        assert_eq!(bin.remove_empty(), None);
        assert_eq!(bin.give(index, slot, 5), Given::Refused);
    }

    proptest! {
        /// Against a set of slots: none is handed out twice, and at most one empty slab stays.
        #[test]
        fn agrees_with_a_set(
            steps in proptest::collection::vec((any::<bool>(), any::<usize>()), 1..400),
            class in prop_oneof![Just(37_usize), Just(33), Just(20)],
        ) {
            let class = Class::from_index(class).unwrap();
            let mut bin = Bin::new(class);
            let mut indices: HashMap<Page, u32> = HashMap::new();
            let mut held: Vec<(Slot, usize)> = Vec::new();
            let mut taken: HashSet<(Page, usize)> = HashSet::new();
            for (step, (take, which)) in steps.into_iter().enumerate() {
                if take || held.is_empty() {
                    let bytes = which % 9;
                    let slot = bin.take(bytes).unwrap_or_else(|| {
                        assert_eq!(taken.len(), indices.len() * class.slots(), "refused with free slots");
                        let page = step as Page;
                        indices.insert(page, bin.add(page));
                        bin.take(bytes).unwrap()
                    });
                    prop_assert!(indices.contains_key(&slot.page) && slot.slot < class.slots());
                    prop_assert!(taken.insert((slot.page, slot.slot)), "handed out twice");
                    held.push((slot, bytes));
                } else {
                    let (slot, bytes) = held.swap_remove(which % held.len());
                    taken.remove(&(slot.page, slot.slot));
                    match bin.give(indices[&slot.page], slot, bytes) {
                        Given::Slot => {}
                        Given::Page => {
                            indices.remove(&slot.page);
                        }
                        Given::Refused => prop_assert!(false, "refused a slot that was taken"),
                    }
                }
                let empty = indices.keys().filter(|page| taken.iter().all(|(other, _)| other != *page)).count();
                prop_assert!(empty <= KEEP);
                prop_assert_eq!(bin.live(), (held.len(), held.iter().map(|(_, bytes)| bytes).sum()));
            }
        }
    }
}
