//! Pages come home, other than by a CPU touch: they give up their slots for others, they are freed, or the library writes them.

use crate::{
    block::{Block, Part},
    mask::{Mask, PAGES},
    mechanism::{Mechanism, Moves},
    pages::{Cell, Pages, Want, parts},
    policy::{Newcomer, Resident, Turn, displace, leaving},
    sync::{Mutex, MutexGuard, Ordering::Relaxed, lock},
    watch::{Cause, Happening},
};
use std::{collections::BTreeMap, ops::Range};

/// What becomes of the content.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Kept,
    /// The pages are freed.
    Dropped,
}

impl<M: Mechanism> Pages<M> {
    /// Frees slots as far as `demand` is worth it, if so many are idle once `reached` is, a block after the other, but no page that is in
    /// `keep`. Returns how many.
    ///
    /// # Errors
    /// What the mechanism says, where that is why there are none.
    pub(crate) fn evict(&self, demand: &Demand, keep: &[Part], turn: &Turn, reached: u64) -> Result<usize, M::Error> {
        let (mut freed, mut failed) = (0, vec![]);
        loop {
            let mut residents = self.residents(turn, |number, block| {
                let passed = failed.iter().any(|(block, _)| *block == number);
                if passed { Mask::NONE } else { Self::evictable(block, number, keep, reached) }
            });
            let goes = match demand {
                Demand::For(newcomers, free) => {
                    displace(newcomers, &mut residents, free + freed, self.options.in_place).go
                }
                Demand::Everything => residents.iter().map(|resident| (resident.block, resident.pages)).collect(),
            };
            let failures = failed.len();
            let pages = goes.iter().map(|(_, pages)| pages).sum();
            let outcomes = Mutex::new((0, &mut failed));
            // Never an error, which would keep other blocks from being tried.
            _ = self.mechanism.each(goes.len(), pages, &|job| {
                let (number, many) = goes[job];
                let block = lock(&self.cells[number].state);
                // It may be another one by now.
                let idle = leaving(Self::evictable(&block, number, keep, reached), many);
                if !idle.is_empty() {
                    let done = self.bring_home(number, block, idle, Content::Kept, Cause::Eviction, || ());
                    let mut outcomes = lock(&outcomes);
                    match done {
                        // What the CPU cannot have back is home all the same.
                        Ok(_) => outcomes.0 += idle.count(),
                        // A page that cannot be brought home stays where it is; others may do.
                        Err(error) => outcomes.1.push((number, error)),
                    }
                }
                Ok(())
            });
            freed += lock(&outcomes).0;
            if failed.len() == failures {
                // Others are of no use.
                break;
            }
        }
        self.counters.evictions.fetch_add(freed as u64, Relaxed);
        // Who has everything come home is not short of memory: nothing needs to be made ready for the next launch.
        if matches!(demand, Demand::For(..)) {
            self.cleaner.evicted(freed);
        }
        match failed.pop() {
            Some((_, error)) if freed == 0 => Err(error),
            _ => Ok(freed),
        }
    }

    /// Who should go may be in use. Where a program's launches come in rounds, what was used last is needed last, and if only idle blocks
    /// went it would be those that are needed next. So this tells what to wait for until the right ones are idle, if that is worth it: what
    /// the newest launch uses is left out, so that it runs while others are copied.
    pub(crate) fn worth_waiting(&self, demand: &Demand, keep: &[Part], turn: &Turn, reached: u64) -> Option<Awaited> {
        let Demand::For(newcomers, free) = demand else { return None };
        let newest = self.newest(reached);
        let mut later = BTreeMap::new();
        let mut residents = self.residents(turn, |number, block| {
            let pages = spare(block, number, keep) - block.held();
            let point = block.points(pages, reached).max().unwrap_or(0);
            if newest == Some(point) {
                return block.idle(reached) & pages;
            }
            later.insert(number, (block.moving & pages, point));
            pages
        });
        let goes = displace(newcomers, &mut residents, *free, self.options.in_place).go;
        let mut last = reached;
        for (number, _) in goes {
            let (moving, point) = later.get(&number).copied().unwrap_or_default();
            if !moving.is_empty() {
                return Some(Awaited::Steady(number, moving));
            }
            last = last.max(point);
        }
        (last > reached).then_some(Awaited::Point(last))
    }

    /// The last point at which something in device memory becomes idle, if that is still to come.
    fn newest(&self, reached: u64) -> Option<u64> {
        let of = |number: usize| {
            let block = lock(&self.cells[number].state);
            block.points(block.device, reached).max()
        };
        self.pool.blocks().into_iter().filter_map(of).max()
    }

    /// Blocks with pages in device memory of which `which` are of interest.
    pub(crate) fn residents(&self, turn: &Turn, mut which: impl FnMut(usize, &Block) -> Mask) -> Vec<Resident> {
        let mut residents = vec![];
        for number in self.pool.blocks() {
            let mut block = lock(&self.cells[number].state);
            if block.device.is_empty() && block.moving.is_empty() {
                block.listed = false;
                self.pool.unlist(number);
                continue;
            }
            let pages = which(number, &block).count();
            if let Some(detail) = block.detail.as_ref().filter(|_| pages > 0) {
                let distance = self.policy.distance(turn, &detail.notes);
                residents.push(Resident { block: number, distance, pages });
            }
        }
        residents
    }

    /// Pages of a block that may leave the device for others.
    pub(crate) fn evictable(block: &Block, number: usize, keep: &[Part], reached: u64) -> Mask {
        block.idle(reached) & spare(block, number, keep)
    }

    /// Brings everything home that no launch uses and that is not pinned to the device, so that a program can go on without it.
    ///
    /// # Errors
    /// What the mechanism says; nothing came home then.
    pub fn evict_idle(&self) -> Result<usize, M::Error> {
        let turn = self.policy.current(self.mechanism.now());
        self.evict(&Demand::Everything, &[], &turn, self.mechanism.poll())
    }

    /// Pages are freed: their content is of no use, and they are as if nobody had ever touched them. Waits for launches that use
    /// them; the caller sees to it that no new one does. `punch` gives the memory of a run of them back to the system, while nobody else
    /// changes the pages: a fault that was reported before and is served late would otherwise take what is a hole by then for a page
    /// that has its memory. It must not panic.
    ///
    /// # Errors
    /// What the mechanism says; the pages are freed, but the CPU may not have them back before it touches them.
    pub fn discard(&self, pages: Range<usize>, mut punch: impl FnMut(Range<usize>)) -> Result<(), M::Error> {
        let mut result = Ok(());
        for Part { block: number, all, .. } in parts([Want { pages, write: true }].iter()) {
            let mut block = self.idle(number, all);
            self.forget_notes(&mut block, all);
            // A part is one run.
            let run = all.runs().map(|run| number * PAGES + run.start..number * PAGES + run.end).next();
            let punch = || run.into_iter().for_each(&mut punch);
            let known = (block.device | block.revoked | block.protected | block.shown | block.populated) & all;
            if known.is_empty() {
                // Nobody has faulted on pages that never had their memory from here.
                drop(block);
                punch();
            } else {
                let done = self.bring_home(number, block, all, Content::Dropped, Cause::Freed, punch);
                result = result.and(done.and_then(|access| access));
            }
        }
        result
    }

    /// Nothing is known of pages that are freed, and nothing that was said of them holds.
    fn forget_notes(&self, block: &mut Block, pages: Mask) {
        if let Some(detail) = &mut block.detail {
            self.pool.pin((detail.notes.advice.pinned_device & pages).count(), 0);
            detail.notes.freed(pages);
        }
    }

    /// The library reads or writes pages through its own view: `f` runs while they are with the host and nobody else uses them.
    /// Waits for launches that use them. `f` must not panic: the pages would be moving for ever.
    ///
    /// # Errors
    /// What the mechanism says; `f` did not run then. That the CPU cannot have the pages back is none: its touch tries again.
    ///
    /// # Panics
    /// If `pages` lie in more than one block.
    pub fn with_host<R>(&self, pages: Range<usize>, f: impl FnOnce() -> R) -> Result<Option<R>, M::Error> {
        let mut parts = parts([Want { pages, write: true }].iter());
        let Some(Part { block: number, all, .. }) = parts.pop() else { return Ok(None) };
        assert!(parts.is_empty(), "the library writes one block at a time");
        let block = self.idle(number, all);
        let mut result = None;
        _ = self.bring_home(number, block, all, Content::Kept, Cause::Library, || result = Some(f()))?;
        Ok(result)
    }

    /// Waits until no launch uses `pages` and nobody changes them.
    pub(crate) fn idle(&self, number: usize, pages: Mask) -> MutexGuard<'_, Block> {
        loop {
            let block = self.cells[number].until(|b| ((b.moving | b.held()) & pages).is_empty());
            let Some(point) = block.points(pages, self.mechanism.reached()).max() else { return block };
            drop(block);
            self.mechanism.wait(point);
        }
    }

    /// Brings pages that are neither moving nor in use home, then runs `f`, then lets the CPU have them: how that went is returned.
    /// An error means that nothing came home.
    pub(crate) fn bring_home(
        &self,
        number: usize,
        mut block: MutexGuard<'_, Block>,
        pages: Mask,
        content: Content,
        cause: Cause,
        f: impl FnOnce(),
    ) -> Result<Result<(), M::Error>, M::Error> {
        let (m, cell): (&M, &Cell) = (&self.mechanism, &self.cells[number]);
        let since = m.now();
        block.moving |= pages;
        let (slots, stale) = (block.slots(), block.stale & pages);
        // What the library gives content through its own view must be in the CPU's, too: see `Mechanism::populate`.
        let fresh = if content == Content::Kept { pages - block.populated } else { Mask::NONE };
        let taken = (block.revoked | block.protected) & pages | fresh;
        drop(block);
        let copied = match content {
            Content::Kept => self
                .runs(number, fresh, |run| m.populate(run))
                .and_then(|()| m.copy_out(&Moves::of(number, stale, &slots))),
            Content::Dropped => Ok(()),
        };
        let mut access = Ok(());
        if copied.is_ok() {
            // What is freed gets no memory any more, which giving the CPU its access may need; what is kept is the CPU's last.
            let mut f = Some(f);
            if content == Content::Kept {
                f.take().into_iter().for_each(|f| f());
            }
            access = self.runs(number, taken, |run| m.restore(run));
            f.into_iter().for_each(|f| f());
        }
        let mut block = lock(&cell.state);
        block.moving -= pages;
        if copied.is_ok() {
            if content == Content::Kept {
                self.counters.to_host(cause, stale.count());
                self.tell(number, stale, |first, pages| Happening::ToHost { first, pages, cause, since });
            } else {
                // Launches that stray there find nothing. And before anybody finds the pages unmoved they have no memory, so that none
                // is served along with a neighbour's fault.
                block.shown -= pages;
                block.populated -= pages;
                _ = self.runs(number, pages, |run| {
                    m.point_home(run, false);
                    Ok(())
                });
            }
            let device = pages & block.device;
            self.forget(number, &mut block, device, cause);

            // Also where that failed: the page is with the host, and a touch that still faults tries again.
            block.protected -= pages;
            block.revoked -= pages;
            block.populated |= fresh;
        } else {
            self.pool.note();
        }
        cell.end(block);
        m.changed();
        copied.map(|()| access)
    }

    /// Pages have no copy in device memory any more: launches do not find them there, and their slots are free.
    pub(crate) fn forget(&self, number: usize, block: &mut Block, pages: Mask, cause: Cause) {
        _ = self.runs(number, pages, |run| {
            self.mechanism.point_home(run, false);
            Ok(())
        });
        let slots = block.home(pages);
        if let Some(detail) = &mut block.detail {
            let wasted = self.policy.left(&mut detail.notes, pages);
            self.counters.ahead_wasted.fetch_add(u64::from(wasted), Relaxed);
        }
        self.pool.give(pages.iter().map(|page| slots[page]));
        self.tell(number, pages, |first, pages| Happening::Left { first, pages, cause });
    }
}

/// Pages of a block in device memory that are neither pinned there nor in `keep`.
fn spare(block: &Block, number: usize, keep: &[Part]) -> Mask {
    let kept = keep.binary_search_by_key(&number, |part| part.block).map_or(Mask::NONE, |at| keep[at].all);
    block.device - kept - block.advice().pinned_device
}

/// What blocks that should go wait for.
pub(crate) enum Awaited {
    /// The launches that use them.
    Point(u64),
    /// Whoever moves these pages of this block: most likely it is being cleaned, so that it can go without a copy.
    Steady(usize, Mask),
}

/// What device memory is wanted for.
pub(crate) enum Demand {
    /// Pages of a launch, or to be brought ahead, and the slots that there are.
    For(Vec<Newcomer>, usize),
    /// Nothing: all that may leaves.
    Everything,
}
