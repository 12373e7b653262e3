//! What a launch does with pages before it is issued, and after.
//!
//! [`Pages::acquire`] makes everything that a launch uses ready for it, or nothing; its pages stay put from then on, without a
//! point yet. The launch is issued, and [`Pages::commit`] gives the pages its point, under the same lock as the point was taken.
//! A launch that is not issued lets go with [`Pages::abort`].
//!
//! The blocks' locks are taken in the order of addresses and held together only while it is decided what to do: that is what
//! makes it all or nothing. Nobody waits meanwhile, nor while holding slots.

use crate::{
    Broken,
    block::Part,
    mask::{Mask, PAGES},
    mechanism::{Mechanism, Moves},
    pages::{Pages, Want, parts},
    pool::Short,
    sync::{MutexGuard, Ordering::Relaxed, lock},
};

/// Pages that a launch will use. They stay where they are until [`Pages::commit`] or [`Pages::abort`].
#[must_use = "pages stay put until commit or abort"]
#[derive(Debug)]
pub struct Hold {
    parts: Vec<Part>,
}

impl Hold {
    /// The pages, and which of them the launch may write.
    pub fn pages(&self) -> impl Iterator<Item = Want> {
        self.parts.iter().flat_map(|part| {
            let of = |mask: Mask, write| {
                let at = part.block * PAGES;
                mask.runs().map(move |run| Want { pages: at + run.start..at + run.end, write })
            };
            of(part.write, true).chain(of(part.all - part.write, false))
        })
    }

    /// The pages, which of them the launch may write, and whether it uses them in place.
    pub fn uses(&self) -> impl Iterator<Item = (Want, bool)> {
        self.parts.iter().flat_map(|part| {
            let (at, read) = (part.block * PAGES, part.all - part.write);
            let kinds = [
                (part.write - part.in_place, true, false),
                (part.write & part.in_place, true, true),
                (read - part.in_place, false, false),
                (read & part.in_place, false, true),
            ];
            kinds.into_iter().flat_map(move |(mask, write, in_place)| {
                mask.runs().map(move |run| (Want { pages: at + run.start..at + run.end, write }, in_place))
            })
        })
    }
}

/// Why a launch cannot have its pages. Nothing has changed for others then.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused<E> {
    /// It uses more pages than device memory may ever hold, and none may be used in place.
    Budget {
        /// Pages that it uses.
        needed: usize,
        /// Pages that device memory may hold.
        limit: usize,
    },
    /// The mechanism could not do something.
    Failed(E),
}

/// How an attempt to reserve went.
enum Attempt {
    Reserved,
    /// Somebody is changing these pages of this block.
    Moving(usize, Mask),
    /// Slots are lacking.
    Short(Short),
    /// Pages that could move were in use, as far as was known.
    Unsure,
}

impl<M: Mechanism> Pages<M> {
    /// Makes ready what a launch wants: moves it to the device as far as there is room, and takes from the CPU what the launch
    /// writes, and the right to write what it reads.
    ///
    /// May wait: for other launches' moves, and where nothing may be used in place, for launches to end that fill device memory.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn acquire(&self, wants: &[Want]) -> Result<Hold, Refused<M::Error>> {
        let mut parts = parts(wants.iter());
        for part in &parts {
            let cell = &self.cells[part.block];
            lock(&cell.state).detail.get_or_insert_default();
            cell.last_used.store(self.clock.load(Relaxed) + 1, Relaxed);
        }
        self.clock.fetch_add(1, Relaxed);
        // Pages that may be moved: fewer once nothing more can be freed.
        let (mut room, mut asked) = (usize::MAX, false);
        loop {
            match self.reserve(&mut parts, room, asked) {
                Attempt::Reserved => return self.bring_in(parts).map_err(Refused::Failed),
                Attempt::Unsure => {
                    // Not under the blocks' locks: asking a device may take the lock under which launches get their points.
                    self.mechanism.poll();
                    asked = true;
                }
                Attempt::Moving(block, pages) => self.cells[block].steady(pages),
                Attempt::Short(short) => room = self.make_room(&parts, short, room)?,
            }
        }
    }

    /// Decides, and takes what it needs for that, all or nothing.
    fn reserve(&self, parts: &mut [Part], room: usize, asked: bool) -> Attempt {
        let mut blocks: Vec<MutexGuard<'_, _>> = parts.iter().map(|part| lock(&self.cells[part.block].state)).collect();
        let moving = |(part, block): (&Part, &MutexGuard<'_, crate::block::Block>)| {
            let pages = block.moving & part.all;
            (!pages.is_empty()).then_some((part.block, pages))
        };
        if let Some((block, pages)) = parts.iter().zip(&blocks).find_map(moving) {
            return Attempt::Moving(block, pages);
        }
        let reached = self.mechanism.reached();
        let (mut left, mut incoming) = (room, 0);
        for (part, block) in parts.iter_mut().zip(&blocks) {
            let missing = part.all - block.device;
            part.in_place = Mask::NONE;
            if self.options.in_place && !missing.is_empty() {
                // What a launch uses in place does not move under it. The device is asked only where that matters.
                let busy = missing & block.busy(reached);
                if !asked && !(busy - block.held()).is_empty() {
                    return Attempt::Unsure;
                }
                part.in_place = busy | (missing - busy).after(left);
            }
            part.incoming = missing - part.in_place;
            left -= part.incoming.count().min(left);
            incoming += part.incoming.count();
        }
        let mut slots = match self.pool.take(incoming) {
            Ok(slots) => slots.into_iter(),
            Err(short) => return Attempt::Short(short),
        };
        for (part, block) in parts.iter_mut().zip(&mut blocks) {
            part.incoming.iter().zip(&mut slots).for_each(|(page, slot)| part.slots[page] = slot);
            block.begin(part, self.options.hunt);
            if !block.listed && !part.incoming.is_empty() {
                block.listed = true;
                self.pool.list(part.block);
            }
        }
        Attempt::Reserved
    }

    /// Finds slots for a launch that lacks some. Returns how many pages it may move in the next attempt.
    fn make_room(&self, parts: &[Part], short: Short, room: usize) -> Result<usize, Refused<M::Error>> {
        // What cannot be had is done without, unless it cannot be done without.
        let denied = match self.pool.grow(short, || self.mechanism.grow()) {
            Ok(true) => return Ok(room),
            Ok(false) => None,
            Err(error) => Some(error),
        };
        let reached = self.mechanism.poll();
        if self.evict(short.lacking, parts, reached).map_err(Refused::Failed)? > 0 {
            return Ok(room);
        }
        if self.options.in_place {
            return Ok(self.pool.free());
        }
        let (needed, limit) = (parts.iter().map(|part| part.all.count()).sum(), self.limit());
        if needed > limit {
            return Err(Refused::Budget { needed, limit });
        }
        if let Some(error) = denied.filter(|_| needed > self.pool.made()) {
            return Err(Refused::Failed(error));
        }
        match self.first_to_end(reached) {
            Some(point) => self.mechanism.wait(point),
            None => self.pool.wait(short.generation),
        }
        Ok(room)
    }

    /// Slots that there may be: fewer than asked for where the device has no more.
    fn limit(&self) -> usize {
        if self.pool.may_grow() { self.pool.limit() } else { self.pool.made() }
    }

    /// The first point after `reached` at which something in device memory becomes idle. It may be in the past by now: what was
    /// not looked at as idle before must be found here, or nobody would ever tell of it.
    fn first_to_end(&self, reached: u64) -> Option<u64> {
        let of = |block: usize| {
            let block = lock(&self.cells[block].state);
            block.points(block.device, reached).min()
        };
        self.pool.blocks().into_iter().filter_map(of).min()
    }

    /// Carries out what was decided.
    fn bring_in(&self, parts: Vec<Part>) -> Result<Hold, M::Error> {
        let changing: Vec<&Part> = parts.iter().filter(|part| !part.changing().is_empty()).collect();
        let moved = changing.iter().map(|part| part.incoming.count()).sum();
        let result = match changing.len() {
            0 => Ok(()),
            jobs => self.mechanism.each(jobs, moved, &|job| self.bring_part(changing[job])),
        };
        let (done, changed) = (result.is_ok(), !changing.is_empty());
        if !done {
            // As well as it goes: a touch that still faults tries again.
            for part in &changing {
                let taken = (part.revoke | part.protect) & (part.incoming | part.in_place);
                let _ = self.runs(part.block, taken, |run| self.mechanism.restore(run));
            }
        }
        let idle = |part: &Part| part.changing().is_empty() && part.in_place.is_empty();
        for part in &parts {
            let cell = &self.cells[part.block];
            if done {
                // What it writes and nobody may touch; not before all is copied.
                _ = self.runs(part.block, part.stale() & part.changing(), |run| {
                    self.mechanism.spoil(run);
                    Ok(())
                });
            }
            let mut block = lock(&cell.state);
            if done {
                if idle(part) && block.stale.contains(part.stale()) {
                    continue;
                }
                block.settle(part);
                self.mechanism.point_at(&Moves::of(part.block, part.incoming, &part.slots));
                let _ = self.runs(part.block, part.in_place, |run| {
                    self.mechanism.point_home(run, true);
                    Ok(())
                });
            } else {
                block.undo(part);
            }
            cell.end(block);
        }
        if let Err(error) = result {
            self.pool.give(parts.iter().flat_map(|part| part.incoming.iter().map(|page| part.slots[page])));
            self.mechanism.changed();
            return Err(error);
        }
        if changed {
            self.mechanism.changed();
        }
        self.counters.to_device.fetch_add(moved as u64, Relaxed);
        let in_place: usize = parts.iter().map(|part| part.in_place.count()).sum();
        self.counters.in_place.fetch_add(in_place as u64, Relaxed);
        Ok(Hold { parts })
    }

    /// One block's share: revoke or protect first, then copy.
    fn bring_part(&self, part: &Part) -> Result<(), M::Error> {
        let (m, block) = (&self.mechanism, part.block);
        let copied = if self.breaks(Broken::ForgetsUnwritten) {
            part.incoming - part.write
        } else if self.breaks(Broken::ForgetsZeros) {
            part.incoming - part.populate
        } else {
            part.incoming
        };
        let copy = || m.copy_in(&Moves::of(block, copied, &part.slots));
        self.runs(block, part.populate, |run| m.populate(run))?;
        if self.breaks(Broken::CopiesBeforeRevoking) {
            copy()?;
        }
        // The library and the device have given these pages content that the CPU's view may not have yet.
        self.runs(block, (part.populate & part.in_place) - part.revoke, |run| m.restore(run))?;
        self.runs(block, part.revoke, |run| m.revoke(run))?;
        self.runs(block, part.protect, |run| m.protect(run))?;
        if !self.breaks(Broken::CopiesBeforeRevoking) {
            copy()?;
        }
        Ok(())
    }

    /// The launch was issued with this point: its pages stay put until it is reached.
    pub fn commit(&self, hold: Hold, point: u64) {
        self.let_go(hold, |block, part| block.used(part, point));
    }

    /// The launch was not issued.
    pub fn abort(&self, hold: Hold) {
        self.let_go(hold, |_, _| ());
    }

    fn let_go(&self, hold: Hold, then: impl Fn(&mut crate::block::Block, &Part)) {
        for part in &hold.parts {
            let cell = &self.cells[part.block];
            let mut block = lock(&cell.state);
            then(&mut block, part);
            block.release(part);
            cell.end(block);
        }
        self.pool.note();
        self.mechanism.changed();
    }
}
