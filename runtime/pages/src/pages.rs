//! The pages of one heap: what the protocol's operations share.

use crate::{
    block::{Block, Part},
    clean::Cleaner,
    counts::Counters,
    mask::{Mask, PAGES},
    mechanism::Mechanism,
    policy::Policy,
    pool::{Pool, Usage},
    streams::Streams,
    sync::{AtomicU64, Condvar, Mutex, MutexGuard, lock, wait},
    watch::Happening,
};
use std::ops::Range;

/// How pages are treated.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Pages in the heap.
    pub pages: usize,
    /// Most pages in device memory.
    pub limit: usize,
    /// Whether launches may use pages where they are, with the host.
    pub in_place: bool,
    /// Whether all that a launch uses is taken from the CPU, so that a device that touches the user view is noticed.
    pub hunt: bool,
    /// For tests of the tests.
    #[cfg(feature = "seam")]
    pub broken: Option<crate::Broken>,
}

/// Where the pages of a heap are, and all that moves them. Shared by launches, faults, frees and evictions of any threads.
pub struct Pages<M> {
    pub(crate) mechanism: M,
    pub(crate) options: Options,
    pub(crate) cells: Box<[Cell]>,
    pub(crate) pool: Pool,
    pub(crate) policy: Box<dyn Policy>,
    pub(crate) streams: Streams,
    pub(crate) cleaner: Cleaner,
    pub(crate) counters: Counters,
    /// Counts launches, as policy numbers them.
    pub(crate) clock: AtomicU64,
}

/// One block.
#[derive(Default)]
pub(crate) struct Cell {
    pub state: Mutex<Block>,
    /// Something that was moving or held is no longer.
    pub changed: Condvar,
    /// The last launch that was to use it.
    pub last_used: AtomicU64,
}

/// A run of pages that a launch uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Counted from the heap's start.
    pub pages: Range<usize>,
    /// Whether it may write them.
    pub write: bool,
}

impl<M: Mechanism> Pages<M> {
    /// All pages are with the host, and the CPU may do with them what it likes.
    pub fn new(mechanism: M, options: Options, policy: Box<dyn Policy>) -> Self {
        let cells = (0..options.pages.div_ceil(PAGES)).map(|_| Cell::default()).collect();
        Pages {
            cells,
            pool: Pool::new(options.limit),
            policy,
            streams: Streams::default(),
            cleaner: Cleaner::default(),
            counters: Counters::default(),
            clock: AtomicU64::new(0),
            mechanism,
            options,
        }
    }

    /// What carries it out.
    pub fn mechanism(&self) -> &M {
        &self.mechanism
    }

    /// What device memory is used for.
    pub fn usage(&self) -> Usage {
        self.pool.usage()
    }

    /// Panics where states contradict each other: for tests.
    pub fn check(&self) {
        self.cells.iter().for_each(|cell| lock(&cell.state).check());
    }

    /// Runs `f` for each run of pages of `mask`, numbered from the heap's start.
    pub(crate) fn runs(
        &self,
        block: usize,
        mask: Mask,
        f: impl Fn(Range<usize>) -> Result<(), M::Error>,
    ) -> Result<(), M::Error> {
        mask.runs().try_for_each(|run| f(block * PAGES + run.start..block * PAGES + run.end))
    }

    /// Tells who watches, a run at a time.
    pub(crate) fn tell(&self, block: usize, mask: Mask, what: impl Fn(usize, usize) -> Happening) {
        mask.runs().for_each(|run| self.mechanism.happened(what(block * PAGES + run.start, run.len())));
    }

    /// Whether a law is to be broken.
    pub(crate) fn breaks(&self, law: crate::Broken) -> bool {
        #[cfg(feature = "seam")]
        return self.options.broken == Some(law);
        #[cfg(not(feature = "seam"))]
        {
            let _ = law;
            false
        }
    }
}

impl Cell {
    /// Waits until none of `pages` is moving.
    pub fn steady(&self, pages: Mask) {
        drop(self.until(|block| (block.moving & pages).is_empty()));
    }

    /// Waits until the block's state is so; nothing can change it while the guard lives.
    pub fn until(&self, so: impl Fn(&Block) -> bool) -> MutexGuard<'_, Block> {
        let mut block = lock(&self.state);
        while !so(&block) {
            block.waiting += 1;
            block = wait(&self.changed, block);
            block.waiting -= 1;
        }
        block
    }

    /// Ends a change: lets go of the lock and wakes who waits for it.
    pub fn end(&self, block: MutexGuard<'_, Block>) {
        let awaited = block.waiting > 0;
        drop(block);
        if awaited {
            self.changed.notify_all();
        }
    }
}

/// What is wanted, by blocks, in the order of addresses, each block once.
pub(crate) fn parts<'w>(wants: impl Iterator<Item = &'w Want>) -> Vec<Part> {
    let mut parts: Vec<Part> = vec![];
    for Want { pages, write } in wants {
        let mut at = pages.start;
        while at < pages.end {
            let (block, first) = (at / PAGES, at % PAGES);
            let last = PAGES.min(first + (pages.end - at));
            let mask = Mask::range(first..last);
            parts.push(Part::of(block, mask, if *write { mask } else { Mask::NONE }));
            at += last - first;
        }
    }
    parts.sort_by_key(|part| part.block);
    parts.dedup_by(|later, first| {
        let same = later.block == first.block;
        if same {
            first.all |= later.all;
            first.write |= later.write;
        }
        same
    });
    parts
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn wants_become_parts_in_order() {
        let want = |pages, write| Want { pages, write };
        let parts = parts([want(60..70, false), want(5..6, false), want(62..64, true), want(3..3, true)].iter());
        let of = |part: &Part| (part.block, part.all, part.write);
        let expected = [
            (0, Mask::page(5), Mask::NONE),
            (1, Mask::range(28..32), Mask::range(30..32)),
            (2, Mask::range(0..6), Mask::NONE),
        ];
        assert_eq!(parts.iter().map(of).collect::<Vec<_>>(), expected);
    }
}
