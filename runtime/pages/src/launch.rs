//! What a launch does with pages before it is issued, and after.
//!
//! [`Pages::acquire`] makes everything that a launch uses ready for it, or nothing; its pages stay put from then on, without a
//! point yet. The launch is issued, and [`Pages::commit`] gives the pages its point, under the same lock as the point was taken.
//! A launch that is not issued lets go with [`Pages::abort`].
//! What is decided in between is in `reserve`.

use crate::{
    Broken,
    block::Part,
    mask::PAGES,
    mechanism::{Mechanism, Moves},
    pages::{Pages, Want, parts},
    reserve::Purpose,
    sync::{Ordering::Relaxed, lock},
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

/// The same for launches of one kernel on the same pages with the same access.
fn signature(kernel: u64, parts: &[Part]) -> u64 {
    let mut hasher = DefaultHasher::new();
    kernel.hash(&mut hasher);
    parts.iter().for_each(|part| (part.block, part.all, part.write).hash(&mut hasher));
    hasher.finish()
}
