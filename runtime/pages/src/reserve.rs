//! What must be decided before pages move for a launch, or ahead of any: which of them do, which are used where they are, and who goes for
//! them. All or nothing: the blocks' locks are taken in the order of addresses and held together, and nobody waits meanwhile, nor while
//! holding slots.

use crate::{
    block::{Block, Part},
    home::{Awaited, Demand},
    launch::Refused,
    mask::Mask,
    mechanism::Mechanism,
    pages::Pages,
    policy::{Newcomer, Placing, Turn, displace},
    pool::Short,
    sync::{MutexGuard, lock},
    watch::Cause,
};

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
