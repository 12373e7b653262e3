//! Device memory as slots: which are free, how many there may be, and which blocks have any.

use crate::{
    mechanism::Slot,
    sync::{Condvar, Mutex, lock, wait},
};
use std::ops::Range;

/// The slots of one heap.
pub(crate) struct Pool {
    state: Mutex<State>,
    /// Slots were given back, or pages that were held or moving are no longer, and their slots may be had now.
    changed: Condvar,
    /// Most slots that there may ever be.
    limit: usize,
}

struct State {
    /// Taken from the end: of fresh slots the lowest first, so that neighbours in the heap are neighbours there.
    free: Vec<Slot>,
    /// Slots that were made.
    made: usize,
    /// Whether more can be had.
    full: bool,
    peak: usize,
    /// Blocks that had pages in device memory when they were last looked at.
    blocks: Vec<usize>,
    /// Counts changes, for those who wait for one.
    generation: u64,
}

/// There are not as many free slots as were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Short {
    pub lacking: usize,
    /// For [`Pool::wait`]: of the moment in which they were lacking, so that no change since then is missed.
    pub generation: u64,
}

/// What device memory is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Slots that have a page.
    pub used: usize,
    /// The most that ever had.
    pub peak: usize,
    /// Most that may have.
    pub limit: usize,
}

impl Pool {
    pub fn new(limit: usize) -> Self {
        let state = State { free: vec![], made: 0, full: false, peak: 0, blocks: vec![], generation: 0 };
        Pool { state: Mutex::new(state), changed: Condvar::new(), limit }
    }

    /// So many slots at once, or how many are lacking.
    pub fn take(&self, slots: usize) -> Result<Vec<Slot>, Short> {
        if slots == 0 {
            return Ok(vec![]);
        }
        let mut s = lock(&self.state);
        let free = s.free.len();
        let short = || Short { lacking: slots - free, generation: s.generation };
        let left = free.checked_sub(slots).ok_or_else(short)?;
        let mut taken: Vec<Slot> = s.free.drain(left..).collect();
        s.peak = s.peak.max(s.made - s.free.len());
        drop(s);
        // They may have been given back in any order, and what is a run on both sides is copied at once.
        taken.sort_unstable();
        Ok(taken)
    }

    /// Gives slots back. Allocates nothing: there was room for them before.
    pub fn give(&self, slots: impl Iterator<Item = Slot>) {
        let mut s = lock(&self.state);
        s.free.extend(slots);
        s.generation += 1;
        drop(s);
        self.changed.notify_all();
    }

    /// Pages in device memory are no longer held or moving, so that eviction may find some.
    pub fn note(&self) {
        lock(&self.state).generation += 1;
        self.changed.notify_all();
    }

    /// Waits until something has changed since `generation`.
    pub fn wait(&self, generation: u64) {
        let mut s = lock(&self.state);
        while s.generation == generation {
            s = wait(&self.changed, s);
        }
    }

    pub fn may_grow(&self) -> bool {
        let s = lock(&self.state);
        !s.full && s.made < self.limit
    }

    /// Adds what was made; `None` says that no more can be had. Whether there is anything new.
    pub fn add(&self, slots: Option<Range<Slot>>) -> bool {
        let mut s = lock(&self.state);
        let Some(slots) = slots.filter(|slots| !slots.is_empty()) else {
            s.full = true;
            return false;
        };
        s.made += slots.len();
        let made = s.made;
        // Room for all of them now: slots are given back where nothing may be allocated.
        let room = made - s.free.len();
        s.free.reserve(room);
        // Taken last: older ones have been in use and are free by chance, in any order.
        s.free.splice(0..0, slots.rev());
        true
    }

    pub fn free(&self) -> usize {
        lock(&self.state).free.len()
    }

    pub fn made(&self) -> usize {
        lock(&self.state).made
    }

    pub fn limit(&self) -> usize {
        self.limit
    }

    pub fn usage(&self) -> Usage {
        let s = lock(&self.state);
        Usage { used: s.made - s.free.len(), peak: s.peak, limit: self.limit }
    }

    /// A block has pages in device memory; it is told once, until [`Pool::unlist`].
    pub fn list(&self, block: usize) {
        lock(&self.state).blocks.push(block);
    }

    pub fn unlist(&self, block: usize) {
        lock(&self.state).blocks.retain(|b| *b != block);
    }

    pub fn blocks(&self) -> Vec<usize> {
        lock(&self.state).blocks.clone()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn all_or_nothing_and_lowest_first() {
        let pool = Pool::new(10);
        let short = |lacking| Err(Short { lacking, generation: 0 });
        assert_eq!(pool.take(1), short(1));
        assert!(pool.may_grow() && pool.add(Some(0..4)));
        assert_eq!(pool.take(6), short(2));
        assert_eq!(pool.take(3), Ok(vec![0, 1, 2]));
        pool.give([1, 0].into_iter());
        assert!(pool.add(Some(4..10)) && !pool.may_grow());
        assert_eq!(pool.take(9), Ok(vec![0, 1, 3, 4, 5, 6, 7, 8, 9]), "what was in use comes first");
        assert_eq!(pool.usage(), Usage { used: 10, peak: 10, limit: 10 });
        pool.give(0..10);
        assert_eq!((pool.usage().used, pool.usage().peak, pool.free()), (0, 10, 10));
    }

    #[test]
    fn no_more_can_be_had() {
        let pool = Pool::new(10);
        assert!(!pool.add(None) && !pool.may_grow());
        assert_eq!(pool.take(0), Ok(vec![]));
    }

    #[test]
    fn giving_back_allocates_nothing() {
        let pool = Pool::new(64);
        pool.add(Some(0..64));
        let taken = pool.take(64).unwrap();
        let room = lock(&pool.state).free.capacity();
        pool.give(taken.into_iter());
        assert_eq!(lock(&pool.state).free.capacity(), room);
    }
}
