//! Device memory as slots: which are free, how many there may be, and which blocks have any.

use crate::{
    mechanism::Slot,
    sync::{Condvar, Mutex, lock, wait},
};
use std::{collections::BTreeSet, ops::Range};

/// The slots of one heap.
pub(crate) struct Pool {
    /// Held while slots are made, which others that lack some wait for. Before `state`.
    growing: Mutex<()>,
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
    blocks: BTreeSet<usize>,
    /// Pages that are pinned to the device, there or not.
    pinned: usize,
    /// Counts changes, for those who wait for one.
    generation: u64,
}

/// There are not as many free slots as were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Short {
    pub lacking: usize,
    /// Slots that were free.
    pub free: usize,
    /// For [`Pool::wait`]: of the moment in which they were lacking, so that no change since then is missed.
    pub generation: u64,
    /// Slots that had been made.
    pub made: usize,
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
        let state =
            State { free: vec![], made: 0, full: false, peak: 0, blocks: BTreeSet::new(), pinned: 0, generation: 0 };
        Pool { growing: Mutex::new(()), state: Mutex::new(state), changed: Condvar::new(), limit }
    }

    /// So many slots at once, or how many are lacking.
    pub fn take(&self, slots: usize) -> Result<Vec<Slot>, Short> {
        if slots == 0 {
            return Ok(vec![]);
        }
        let mut s = lock(&self.state);
        let free = s.free.len();
        let short = || Short { lacking: slots - free, free, generation: s.generation, made: s.made };
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

    /// Has slots made by `make` until there are as many as were lacking. Whether it is worth while to try again: somebody else may
    /// have made them.
    pub fn grow<E>(&self, short: Short, make: impl Fn() -> Result<Option<Range<Slot>>, E>) -> Result<bool, E> {
        let _turn = lock(&self.growing);
        let before = self.made();
        if before > short.made {
            return Ok(true);
        }
        while self.may_grow() && self.made() - before < short.lacking {
            match make() {
                Ok(slots) => self.add(slots),
                Err(error) if self.made() == before => return Err(error),
                Err(_) => break,
            }
        }
        Ok(self.made() > before)
    }

    pub fn may_grow(&self) -> bool {
        let s = lock(&self.state);
        !s.full && s.made < self.limit
    }

    /// Adds what was made; `None` says that no more can be had, ever.
    fn add(&self, slots: Option<Range<Slot>>) {
        let mut s = lock(&self.state);
        let Some(slots) = slots.filter(|slots| !slots.is_empty()) else {
            s.full = true;
            return;
        };
        s.made += slots.len();
        let made = s.made;
        // Room for all of them now: slots are given back where nothing may be allocated.
        let room = made - s.free.len();
        s.free.reserve(room);
        // Taken last: older ones have been in use and are free by chance, in any order.
        s.free.splice(0..0, slots.rev());
    }

    pub fn free(&self) -> usize {
        lock(&self.state).free.len()
    }

    /// Slots that are free or could still be made.
    pub fn left(&self) -> usize {
        let s = lock(&self.state);
        s.free.len() + if s.full { 0 } else { self.limit - s.made }
    }

    /// Of some pages, `before` were pinned to the device, and `after` are. In service, too.
    pub fn pin(&self, before: usize, after: usize) {
        let mut s = lock(&self.state);
        s.pinned = s.pinned + after - before;
    }

    /// Pages that are pinned to the device.
    pub fn pinned(&self) -> usize {
        lock(&self.state).pinned
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
        lock(&self.state).blocks.insert(block);
    }

    pub fn unlist(&self, block: usize) {
        lock(&self.state).blocks.remove(&block);
    }

    pub fn blocks(&self) -> Vec<usize> {
        lock(&self.state).blocks.iter().copied().collect()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn all_or_nothing_and_lowest_first() {
        let pool = Pool::new(10);
        let short = |lacking, free, made| Err(Short { lacking, free, generation: 0, made });
        assert_eq!(pool.take(1), short(1, 0, 0));
        pool.add(Some(0..4));
        assert!(pool.may_grow());
        assert_eq!(pool.take(6), short(2, 4, 4));
        assert_eq!(pool.take(3), Ok(vec![0, 1, 2]));
        pool.give([1, 0].into_iter());
        pool.add(Some(4..10));
        assert!(!pool.may_grow());
        assert_eq!(pool.take(9), Ok(vec![0, 1, 3, 4, 5, 6, 7, 8, 9]), "what was in use comes first");
        assert_eq!(pool.usage(), Usage { used: 10, peak: 10, limit: 10 });
        pool.give(0..10);
        assert_eq!((pool.usage().used, pool.usage().peak, pool.free()), (0, 10, 10));
    }

    #[test]
    fn no_more_can_be_had() {
        let pool = Pool::new(10);
        pool.add(None);
        assert!(!pool.may_grow());
        assert_eq!(pool.take(0), Ok(vec![]));
    }

    #[test]
    fn growth_covers_what_lacks_and_survives_failures() {
        let pool = Pool::new(10);
        let short = pool.take(5).unwrap_err();
        assert_eq!(pool.grow(short, || Err(())), Err(()), "nothing was made");
        let made = std::cell::Cell::new(0);
        let two = || {
            let first = made.replace(made.get() + 2);
            if first < 4 { Ok(Some(first..first + 2)) } else { Err(()) }
        };
        assert_eq!(pool.grow(short, two), Ok(true), "some were made before it failed");
        assert_eq!((pool.made(), pool.may_grow()), (4, true));
        assert_eq!(pool.grow(short, || Err(())), Ok(true), "somebody has made some since they were lacking");
        assert_eq!(pool.grow(pool.take(5).unwrap_err(), || Ok::<_, ()>(None)), Ok(false));
        assert!(!pool.may_grow(), "no more can be had");
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
