//! Pages move before anybody uses them: the program has asked for it.

use crate::{
    block::Part,
    home::Content,
    launch::Refused,
    mask::Mask,
    mechanism::Mechanism,
    pages::{Pages, Want, parts},
    policy::Advised,
    reserve::Purpose,
    sync::{Ordering::Relaxed, lock},
    trace::Side,
    watch::Cause,
};
use std::ops::Range;

/// Blocks that are moved together, 16 MiB: enough for several threads to share the copying, few enough that who uses the first does not
/// wait for the last.
const TOGETHER: usize = 8;

/// What came of a prefetch, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Copied.
    pub moved: usize,
    /// On that side before.
    pub there: usize,
}

/// Why pages cannot be pinned.
#[derive(Debug, PartialEq, Eq)]
pub enum Unpinnable<E> {
    /// Others would be left less than half of device memory.
    TooMany {
        /// Pages that are pinned to the device.
        pinned: usize,
        /// Pages that device memory may hold.
        limit: usize,
    },
    /// The mechanism could not do something; the pages are pinned.
    Failed(E),
}

impl<M: Mechanism> Pages<M> {
    /// Launches that were made ready so far: for [`Pages::prefetch`].
    pub fn launches(&self) -> u64 {
        self.clock.load(Relaxed)
    }

    /// Moves pages to a side, in the order of addresses, as far as there is room there. Pages of blocks that a launch after the first
    /// `launches` uses are left to that. Waits, where they are to come home, for launches that use them; where they go to the device, for
    /// none: what launches use in place stays.
    ///
    /// # Errors
    /// What the mechanism says; what had been moved before stays moved.
    pub fn prefetch(&self, pages: Range<usize>, to: Side, launches: u64) -> Result<Moved, M::Error> {
        self.ahead(pages, to, Cause::Prefetch, launches)
    }

    /// Has pages stay on a side from now on, and moves them there: home after the launches that use them, to the device as far as no
    /// launch uses them in place, which the next launch makes up for. Returns for how many pages it replaces a pin to the other side.
    ///
    /// # Errors
    /// [`Unpinnable`].
    pub fn pin(&self, pages: Range<usize>, to: Side) -> Result<usize, Unpinnable<M::Error>> {
        let what = match to {
            Side::Host => Advised::PinnedHost,
            Side::Device => Advised::PinnedDevice,
        };
        if to == Side::Device {
            let (pinned, limit) = (self.pool.pinned(), self.limit());
            let all = parts([Want { pages: pages.clone(), write: false }].iter());
            if 2 * (self.pinned_elsewhere(&all) + pages.len()) > limit {
                return Err(Unpinnable::TooMany { pinned, limit });
            }
        }
        let replaced = self.advise(pages.clone(), what, true);
        let done = match to {
            Side::Host => self.pin_home(pages),
            Side::Device => self.ahead(pages, to, Cause::Pin, u64::MAX).map(drop),
        };
        done.map(|()| replaced).map_err(Unpinnable::Failed)
    }

    /// Brings pages home that no launch moves any more.
    fn pin_home(&self, pages: Range<usize>) -> Result<(), M::Error> {
        for Part { block: number, all, .. } in parts([Want { pages, write: true }].iter()) {
            let block = self.idle(number, all);
            let there = block.device & all;
            if !there.is_empty() {
                // What the CPU cannot have back is home all the same.
                _ = self.bring_home(number, block, there, Content::Kept, Cause::Pin, || ())?;
            }
        }
        Ok(())
    }

    fn ahead(&self, pages: Range<usize>, to: Side, cause: Cause, launches: u64) -> Result<Moved, M::Error> {
        let mut sum = Moved::default();
        let all = parts([Want { pages, write: false }].iter());
        for some in all.chunks(TOGETHER) {
            let before = |part: &&Part| self.cells[part.block].last_used.load(Relaxed) <= launches;
            let some: Vec<Part> = some.iter().filter(before).cloned().collect();
            let asked: usize = some.iter().map(|part| part.all.count()).sum();
            let moved = match to {
                Side::Host => self.home_ahead(&some, launches)?,
                Side::Device => self.device_ahead(some, cause)?,
            };
            sum.moved += moved.moved;
            // Others may have taken away what was there, to be moved again.
            sum.there += moved.there.min(asked - moved.moved);
        }
        Ok(sum)
    }

    fn device_ahead(&self, mut some: Vec<Part>, cause: Cause) -> Result<Moved, M::Error> {
        let mut there = 0;
        for part in &some {
            let mut block = lock(&self.cells[part.block].state);
            block.detail.get_or_insert_default();
            there += (block.device & part.all).count();
        }
        let turn = self.policy.current(self.mechanism.now());
        let moved = match self.take(&mut some, &turn, Purpose::Ahead(cause)) {
            Ok(()) => {
                let moved = some.iter().map(|part| part.incoming.count()).sum();
                self.abort(self.bring_in(some, Purpose::Ahead(cause))?);
                moved
            }
            Err(Refused::Failed(error)) => return Err(error),
            // Only launches must have all or nothing.
            Err(Refused::Budget { .. } | Refused::Pinned { .. }) => 0,
        };
        Ok(Moved { moved, there })
    }

    fn home_ahead(&self, some: &[Part], launches: u64) -> Result<Moved, M::Error> {
        let mut waiting = vec![];
        let mut sum = Moved::default();
        for part in some {
            let cell = &self.cells[part.block];
            // Who has used them since it was asked for has the last word.
            let mine = || cell.last_used.load(Relaxed) <= launches;
            loop {
                let block = cell.until(|b| ((b.moving | b.held()) & part.all).is_empty());
                let pages = block.stale & part.all;
                let point = block.points(pages, self.mechanism.reached()).max();
                drop(block);
                match point.filter(|_| mine()) {
                    Some(point) => self.mechanism.wait(point),
                    None => {
                        sum.there += (part.all - pages).count();
                        waiting.push((part.block, pages));
                        break;
                    }
                }
            }
        }
        let pages = waiting.iter().map(|(_, pages): &(usize, Mask)| pages.count()).sum();
        let moved = crate::sync::AtomicU64::new(0);
        self.mechanism.each(waiting.len(), pages, &|job| {
            let (number, pages) = waiting[job];
            let block = lock(&self.cells[number].state);
            let idle = block.idle(self.mechanism.reached()) & pages;
            if idle.is_empty() {
                return Ok(());
            }
            // What the CPU cannot have back is home all the same.
            _ = self.bring_home(number, block, idle, Content::Kept, Cause::Prefetch, || ())?;
            moved.fetch_add(idle.count() as u64, Relaxed);
            Ok(())
        })?;
        sum.moved = moved.into_inner() as usize;
        Ok(sum)
    }
}
