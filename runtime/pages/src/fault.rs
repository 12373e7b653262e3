//! The CPU touches what the device has: in service, so nothing here allocates, and no lock is held while anything is copied.

use crate::{
    Broken,
    block::Touch,
    mask::{Mask, PAGES},
    mechanism::{Mechanism, Moves},
    pages::Pages,
    sync::{AtomicU64, Ordering::Relaxed, lock},
};

/// Why a touch must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// For a launch: until this point is reached.
    Point(u64),
    /// For a change that is under way, or for a launch to get its point.
    Changing,
}

impl<M: Mechanism> Pages<M> {
    /// Serves a CPU touch of a page, counted from the heap's start, in service. Waits, by `wait` where it is for a point. The page
    /// may not be what it was when this returns, like any page: then the CPU touches it again.
    ///
    /// # Errors
    /// What the mechanism says.
    pub fn fault(&self, page: usize, write: bool, wait: impl Fn(u64)) -> Result<(), M::Error> {
        loop {
            match self.try_fault(page, write)? {
                Ok(()) => return Ok(()),
                Err(Busy::Point(point)) => wait(point),
                Err(Busy::Changing) => {
                    let mask = Mask::page(page % PAGES);
                    let free = |block: &crate::block::Block| ((block.moving | block.held()) & mask).is_empty();
                    drop(self.cells[page / PAGES].until(free));
                }
            }
            if self.breaks(Broken::TrustsWaits) {
                return self.mechanism.restore(page..page + 1);
            }
        }
    }

    /// [`Pages::fault`], but where it would wait it says for what.
    ///
    /// # Errors
    /// What the mechanism says.
    pub fn try_fault(&self, page: usize, write: bool) -> Result<Result<(), Busy>, M::Error> {
        let (number, page) = (page / PAGES, page % PAGES);
        let cell = &self.cells[number];
        let mut block = lock(&cell.state);
        if block.moving.has(page) {
            return Ok(Err(Busy::Changing));
        }
        let m = &self.mechanism;
        let reached = if self.breaks(Broken::MovesPagesInUse) { u64::MAX } else { m.reached() };
        let (touch, alike) = match block.on_touch(page, write, reached, m.can_expose()) {
            Ok(found) => found,
            Err(busy) => return Ok(Err(busy)),
        };
        let around = self.streams.around(number * PAGES + page, alike);
        block.moving |= around;
        let (slots, stale, populated) = (block.slots(), block.stale & around, block.populated);
        drop(block);
        let copied = Moves::of(number, stale, &slots);
        let content = self.runs(number, around - populated, |run| m.populate(run)).and_then(|()| m.copy_out(&copied));
        let mut access = Ok(());
        if content.is_ok() {
            access = self.runs(number, around, |run| match touch {
                Touch::Expose => m.expose(run),
                Touch::Restore | Touch::Home => m.restore(run),
            });
        }
        let mut block = lock(&cell.state);
        block.moving -= around;
        if content.is_ok() {
            // Also where the access could not be changed, or for some of the pages only: what the CPU may have now is counted as
            // what it has, and a touch that still faults tries again.
            block.populated |= around;
            block.revoked -= around;
            self.counters.faults.fetch_add(1, Relaxed);
            self.counters.to_host.fetch_add(stale.count() as u64, Relaxed);
            match touch {
                Touch::Restore => block.protected -= around,
                Touch::Expose => {
                    block.stale -= around;
                    block.protected |= around;
                    self.pool.note();
                }
                Touch::Home => {
                    block.protected -= around;
                    self.forget(number, &mut block, around);
                }
            }
        }
        cell.end(block);
        m.changed();
        content.and(access).map(Ok)
    }
}

/// CPU scans that go through memory in order: each has the page that it would touch next, and how many pages were served at
/// its last touch. A fault that continues one is served for twice as many, up to a block's end: then copying dominates.
#[derive(Default)]
pub(crate) struct Streams {
    /// Packed: the page in the upper bits, the number in the lower [`BITS`].
    heads: [AtomicU64; STREAMS],
    next: AtomicU64,
}

/// Scans that are told apart. One for each thread that a small machine would scan with; more would cost each fault time.
const STREAMS: usize = 4;

/// Bits for a number of pages up to [`PAGES`].
const BITS: u32 = 8;

impl Streams {
    /// The pages around `page` to serve with it: those of `alike` that follow it, as far as its stream goes.
    fn around(&self, page: usize, alike: Mask) -> Mask {
        let head = |h: &&AtomicU64| h.load(Relaxed) >> BITS == page as u64 && page > 0;
        let known = self.heads.iter().find(head);
        let wanted = known.map_or(1, |h| (2 * (h.load(Relaxed) & ((1 << BITS) - 1)) as usize).clamp(1, PAGES));
        let first = page % PAGES;
        let run = alike.runs().find(|run| run.contains(&first)).map_or(first + 1, |run| run.end);
        let end = run.min(first + wanted);
        let slot = known.unwrap_or_else(|| &self.heads[self.next.fetch_add(1, Relaxed) as usize % STREAMS]);
        // A block's end cuts a window short, not the stream's growth.
        slot.store(((page - first + end) as u64) << BITS | wanted as u64, Relaxed);
        Mask::range(first..end)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_scan_is_served_ahead_and_a_lone_touch_is_not() {
        let streams = Streams::default();
        let around = |page| streams.around(page, Mask::ALL).count();
        assert_eq!([around(0), around(1), around(3), around(7), around(15), around(31)], [1, 2, 4, 8, 16, 1]);
        assert_eq!([around(32), around(500), around(64), around(96)], [32, 1, 32, 32]);
        assert_eq!(around(7), 1);
    }

    #[test]
    fn only_what_is_alike_and_follows() {
        let streams = Streams::default();
        let alike = Mask::range(0..6) - Mask::page(3);
        assert_eq!(streams.around(0, alike), Mask::page(0));
        assert_eq!(streams.around(1, alike), Mask::range(1..3));
        assert_eq!(streams.around(3, alike), Mask::page(3), "a page that is unlike all others");
        assert_eq!(streams.around(4, alike), Mask::range(4..6));
    }
}
