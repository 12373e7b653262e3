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
    block::{Block, Part},
    home::{Awaited, Demand},
    mask::{Mask, PAGES},
    mechanism::{Mechanism, Moves},
    pages::{Pages, Want, parts},
    policy::{Newcomer, Placing, Turn, displace},
    pool::Short,
    sync::{MutexGuard, Ordering::Relaxed, lock},
    watch::{Cause, Happening},
};
use std::hash::{DefaultHasher, Hash, Hasher};

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
    /// It uses pages that are pinned to the host, and none may be used in place.
    Pinned {
        /// How many.
        pages: usize,
    },
    /// The mechanism could not do something.
    Failed(E),
}

/// Who wants pages with the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Launch,
    /// Nobody yet: it is done as far as it goes, and nobody waits for it.
    Ahead(Cause),
}

/// Device memory is far from full where it could take so many times what a launch brings.
const ALONG: usize = 4;

/// How to reserve.
#[derive(Clone, Copy)]
struct Try {
    purpose: Purpose,
    /// Pages that may be moved.
    room: usize,
    /// The device was asked what it has reached.
    asked: bool,
    /// Neighbours may come along. Not once slots were lacking: nobody goes for them, or waits.
    along: bool,
}

/// How an attempt to reserve went.
enum Attempt {
    Reserved,
    /// Somebody is changing these pages of this block.
    Moving(usize, Mask),
    /// So many pages are pinned to the host, and the device cannot use them there.
    Pinned(usize),
    /// Slots are lacking.
    Short(Short),
    /// Pages that could move were in use, as far as was known.
    Unsure,
}

impl<M: Mechanism> Pages<M> {
    /// Makes ready what a launch of `kernel` wants: moves it to the device as far as there is room and it is worth it, and takes from the
    /// CPU what the launch writes, and the right to write what it reads.
    ///
    /// May wait: for other launches' moves, and where nothing may be used in place, for launches to end that fill device memory.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn acquire(&self, wants: &[Want], kernel: u64) -> Result<Hold, Refused<M::Error>> {
        let mut parts = parts(wants.iter());
        let turn = self.policy.begin(signature(kernel, &parts), self.mechanism.now());
        self.clock.fetch_max(turn.number, Relaxed);
        let mut hits = 0;
        for part in &parts {
            let cell = &self.cells[part.block];
            let block = &mut *lock(&cell.state);
            let detail = block.detail.get_or_insert_default();
            hits += (detail.notes.unused() & part.all).count();
            self.policy.used(&turn, &mut detail.notes, part.all, part.write);
            cell.last_used.fetch_max(turn.number, Relaxed);
        }
        self.counters.ahead_used.fetch_add(hits as u64, Relaxed);
        self.take(&mut parts, &turn, Purpose::Launch)?;
        self.bring_in(parts, Purpose::Launch).map_err(Refused::Failed)
    }

    /// Decides about all of it, and takes what that needs, all or nothing.
    pub(crate) fn take(&self, parts: &mut [Part], turn: &Turn, purpose: Purpose) -> Result<(), Refused<M::Error>> {
        // Pages that may be moved: fewer once nothing more can be freed.
        let mut attempt = Try { purpose, room: usize::MAX, asked: false, along: purpose == Purpose::Launch };
        loop {
            match self.reserve(parts, turn, attempt) {
                Attempt::Reserved => return Ok(()),
                Attempt::Unsure => {
                    // Not under the blocks' locks: asking a device may take the lock under which launches get their points.
                    self.mechanism.poll();
                    attempt.asked = true;
                }
                Attempt::Moving(block, pages) => self.cells[block].steady(pages),
                Attempt::Pinned(pages) => return Err(Refused::Pinned { pages }),
                Attempt::Short(short) => {
                    attempt.along = false;
                    attempt.room = self.make_room(parts, turn, attempt, short)?;
                }
            }
        }
    }

    fn reserve(&self, parts: &mut [Part], turn: &Turn, attempt: Try) -> Attempt {
        let Try { purpose, room, asked, along } = attempt;
        let mut blocks: Vec<MutexGuard<'_, Block>> =
            parts.iter().map(|part| lock(&self.cells[part.block].state)).collect();
        let moving = |(part, block): (&Part, &MutexGuard<'_, Block>)| {
            let pages = block.moving & part.all;
            (!pages.is_empty()).then_some((part.block, pages))
        };
        if let Some((block, pages)) = parts.iter().zip(&blocks).find_map(moving) {
            return Attempt::Moving(block, pages);
        }
        let reached = self.mechanism.reached();
        let mut pinned = 0;
        for (part, block) in parts.iter_mut().zip(&blocks) {
            let missing = part.all - block.device;
            (part.incoming, part.in_place, part.optional, part.along) = (missing, Mask::NONE, Mask::NONE, Mask::NONE);
            if missing.is_empty() {
                continue;
            }
            let stays = block.advice().pinned_host & missing;
            match purpose {
                Purpose::Launch if self.options.in_place => {
                    // What a launch uses in place does not move under it. The device is asked only where that matters.
                    let busy = missing & block.busy(reached);
                    if !asked && !(busy - block.held()).is_empty() {
                        return Attempt::Unsure;
                    }
                    self.place(turn, part, block, busy | stays);
                }
                Purpose::Launch => pinned += stays.count(),
                Purpose::Ahead(_) => part.incoming = missing - stays - block.busy(reached),
            }
        }
        if pinned > 0 {
            return Attempt::Pinned(pinned);
        }
        if room < usize::MAX {
            share_room(parts, room);
        }
        if along {
            self.bring_along(parts, &blocks, reached);
        }
        let incoming = parts.iter().map(|part| part.incoming.count()).sum();
        let mut slots = match self.pool.take(incoming) {
            Ok(slots) => slots.into_iter(),
            Err(short) => return Attempt::Short(short),
        };
        for (part, block) in parts.iter_mut().zip(&mut blocks) {
            if purpose != Purpose::Launch {
                // Nobody uses the rest.
                (part.all, part.in_place) = (part.incoming, Mask::NONE);
            }
            part.incoming.iter().zip(&mut slots).for_each(|(page, slot)| part.slots[page] = slot);
            block.begin(part, self.options.hunt && purpose == Purpose::Launch);
            if !block.listed && !part.incoming.is_empty() {
                block.listed = true;
                self.pool.list(part.block);
            }
        }
        Attempt::Reserved
    }

    /// What policy says of pages that a launch may use in place. `stays` must stay.
    fn place(&self, turn: &Turn, part: &mut Part, block: &Block, stays: Mask) {
        let Some(detail) = &block.detail else { return };
        let Placing { moves, if_room, stays: kept } =
            self.policy.place(turn, &detail.notes, part.incoming - stays, part.write);
        part.in_place = stays | kept;
        (part.incoming, part.optional) = (moves | if_room, if_room);
        part.distance = self.policy.distance(turn, &detail.notes);
    }

    /// Where device memory is far from full: what lies between the pages that a launch uses comes along.
    fn bring_along(&self, parts: &mut [Part], blocks: &[MutexGuard<'_, Block>], reached: u64) {
        let incoming = parts.iter().map(|part| part.incoming.count()).sum::<usize>();
        if incoming == 0 || self.pool.left() < ALONG * incoming {
            return;
        }
        for (part, block) in parts.iter_mut().zip(blocks).filter(|(part, _)| !part.incoming.is_empty()) {
            let Some(detail) = &block.detail else { continue };
            let there = block.device | part.incoming;
            let theirs = block.moving | block.busy(reached) | detail.notes.advice.pinned_host;
            let more = self.policy.along(&detail.notes, there, part.all) & block.populated;
            part.along = more - there - part.all - theirs;
            part.incoming |= part.along;
        }
    }

    /// Finds slots for who lacks some. Returns how many pages it may move in the next attempt.
    fn make_room(&self, parts: &[Part], turn: &Turn, attempt: Try, short: Short) -> Result<usize, Refused<M::Error>> {
        let Try { purpose, room, .. } = attempt;
        // What cannot be had is done without, unless it cannot be done without.
        let denied = match self.pool.grow(short, || self.mechanism.grow()) {
            Ok(true) => return Ok(room),
            Ok(false) => None,
            Err(error) => Some(error),
        };
        let reached = self.mechanism.poll();
        let demand = Demand::For(newcomers(parts), short.free);
        if !self.options.in_place
            && let Some(awaited) = self.worth_waiting(&demand, parts, turn, reached)
        {
            match awaited {
                Awaited::Point(point) => self.mechanism.wait(point),
                Awaited::Steady(block, pages) => self.cells[block].steady(pages),
            }
            return Ok(room);
        }
        if self.evict(&demand, parts, turn, reached).map_err(Refused::Failed)? > 0 {
            return Ok(room);
        }
        if self.options.in_place || purpose != Purpose::Launch {
            return Ok(self.pool.free());
        }
        let needed = parts.iter().map(|part| part.all.count()).sum();
        let limit = self.limit().saturating_sub(self.pinned_elsewhere(parts));
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

    /// Pages that are pinned to the device, those of `parts` left out.
    pub(crate) fn pinned_elsewhere(&self, parts: &[Part]) -> usize {
        let here = |part: &Part| (lock(&self.cells[part.block].state).advice().pinned_device & part.all).count();
        self.pool.pinned().saturating_sub(parts.iter().map(here).sum())
    }

    /// Slots that there may be: fewer than asked for where the device has no more.
    pub(crate) fn limit(&self) -> usize {
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
    pub(crate) fn bring_in(&self, parts: Vec<Part>, purpose: Purpose) -> Result<Hold, M::Error> {
        let cause = match purpose {
            Purpose::Launch => Cause::Launch,
            Purpose::Ahead(cause) => cause,
        };
        let changing: Vec<&Part> = parts.iter().filter(|part| !part.changing().is_empty()).collect();
        let moved = changing.iter().map(|part| part.incoming.count()).sum();
        let result = match changing.len() {
            0 => Ok(()),
            jobs => self.mechanism.each(jobs, moved, &|job| self.bring_part(changing[job], cause)),
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
                if let Some(detail) = &mut block.detail {
                    let used = part.incoming - part.along;
                    self.policy.arrived(&mut detail.notes, used, purpose != Purpose::Launch, self.mechanism.now());
                    self.policy.arrived(&mut detail.notes, part.along, true, self.mechanism.now());
                }
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
        let along: usize = parts.iter().map(|part| part.along.count()).sum();
        self.counters.to_device(cause, moved - along);
        self.counters.to_device(Cause::Along, along);
        let in_place: usize = parts.iter().map(|part| part.in_place.count()).sum();
        self.counters.in_place.fetch_add(in_place as u64, Relaxed);
        Ok(Hold { parts })
    }

    /// One block's share: revoke or protect first, then copy.
    fn bring_part(&self, part: &Part, cause: Cause) -> Result<(), M::Error> {
        let (m, block) = (&self.mechanism, part.block);
        let since = m.now();
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
        self.tell(block, part.incoming - part.along, |first, pages| Happening::ToDevice { first, pages, cause, since });
        self.tell(block, part.along, |first, pages| Happening::ToDevice { first, pages, cause: Cause::Along, since });
        Ok(())
    }

    /// The launch was issued with this point: its pages stay put until it is reached.
    pub fn commit(&self, hold: Hold, point: u64) {
        self.let_go(hold, |block, part| block.used(part, point));
        if self.cleaner.launched() {
            self.mechanism.ahead();
        }
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

/// What lacks of each part, in their order.
fn newcomers(parts: &[Part]) -> Vec<Newcomer> {
    let of = |part: &Part| Newcomer {
        distance: part.distance,
        moves: part.incoming - part.optional,
        if_room: part.optional,
    };
    parts.iter().map(of).collect()
}

/// Leaves in place what there is no room for.
fn share_room(parts: &mut [Part], room: usize) {
    let shares = displace(&newcomers(parts), &mut [], room, true).incoming;
    for (part, share) in parts.iter_mut().zip(shares) {
        part.in_place |= part.incoming - share;
        part.incoming = share;
        part.optional = part.optional & share;
    }
}

/// The same for launches of one kernel on the same pages with the same access.
fn signature(kernel: u64, parts: &[Part]) -> u64 {
    let mut hasher = DefaultHasher::new();
    kernel.hash(&mut hasher);
    parts.iter().for_each(|part| (part.block, part.all, part.write).hash(&mut hasher));
    hasher.finish()
}
