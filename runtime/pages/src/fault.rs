//! The CPU touches what the device has: in service, so nothing here allocates, and no lock is held while anything is copied.

use crate::{
    Broken,
    block::Touch,
    home::Content,
    mask::{Mask, PAGES},
    mechanism::{Mechanism, Moves},
    pages::Pages,
    sync::{Ordering::Relaxed, lock},
    watch::{Cause, Happening},
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
        let since = m.now();
        let shares = |pages| match &block.detail {
            Some(detail) => self.policy.shares(&detail.notes, pages),
            None => Mask::NONE,
        };
        let (touch, alike) = match block.on_touch(page, write, reached, m.can_expose(), shares) {
            Ok(found) => found,
            Err(busy) => return Ok(Err(busy)),
        };
        let fetches = touch == Touch::Home && block.stale.has(page);
        let (around, more) = self.streams.around(number * PAGES + page, alike, fetches);
        block.moving |= around;
        let (slots, stale, populated) = (block.slots(), block.stale & around, block.populated);
        drop(block);
        if more {
            m.ahead();
        }
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
            self.counters.fault(write);
            self.counters.to_host(Cause::Fault, stale.count());
            self.tell(number, stale, |first, pages| Happening::ToHost { first, pages, cause: Cause::Fault, since });
            if let Some(detail) = block.detail.as_mut().filter(|_| touch != Touch::Restore) {
                let bounces = self.policy.touched(&mut detail.notes, page, write, touch == Touch::Home, m.now());
                if bounces {
                    self.counters.bouncing.fetch_add(1, Relaxed);
                    m.happened(Happening::Bouncing { page: number * PAGES + page });
                }
            }
            match touch {
                Touch::Restore => block.protected -= around,
                Touch::Expose => {
                    block.stale -= around;
                    block.protected |= around;
                    self.pool.note();
                }
                Touch::Home => {
                    block.protected -= around;
                    self.forget(number, &mut block, around, Cause::Fault);
                }
            }
        } else {
            // A launch may wait for the slots, which it could not have while the pages were moving.
            self.pool.note();
        }
        cell.end(block);
        m.changed();
        content.and(access).map(Ok)
    }

    /// Brings home some of what CPU scans will touch next, as far as nobody uses it: see [`Mechanism::ahead`]. Whether there may be
    /// more. Not in service.
    pub fn fetch_ahead(&self) -> bool {
        let Some(pages) = self.streams.take() else { return false };
        let (number, first) = (pages.start / PAGES, pages.start % PAGES);
        let Some(cell) = self.cells.get(number) else { return true };
        let block = lock(&cell.state);
        // What both sides may read stays with both: the scan is not known to write.
        let idle = block.idle(self.mechanism.reached()) & block.stale & Mask::range(first..first + pages.len());
        if !idle.is_empty() {
            // If that fails nothing has changed, and the touch will tell.
            _ = self.bring_home(number, block, idle, Content::Kept, Cause::FetchAhead, || ());
        }
        true
    }
}
