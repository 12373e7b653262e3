//! The protocol without content, threads and time: launches end at once, and all that is left is what was decided.

use super::{Outcome, Room};
use crate::{
    block::Part,
    mask::{Mask, PAGES},
    pages::{Want, parts},
    policy::{Newcomer, Notes, Placing, Policy, Resident, Turn, displace, leaving},
    trace::{Side, Trace, What},
};
use std::{collections::BTreeMap, ops::Range};

/// A part of the budget, one in so many, that must be free for pages to be brought along: what comes along must not displace what
/// is used, and would be the first to go again.
const FREE_FOR_MORE: usize = 8;

/// Sees what the machine does, by the numbers of pages: for tests, which know what must never happen.
pub(super) trait Watch {
    /// What the machine does from now on it does for this.
    fn begins(&mut self, _what: &What) {}
    /// A page's content is copied to the device.
    fn copied_in(&mut self, _page: usize) {}
    /// A page's content is copied to the host.
    fn copied_out(&mut self, _page: usize) {}
    /// A launch uses a page, on this side, and perhaps writes it.
    fn launched(&mut self, _page: usize, _side: Side, _write: bool) {}
    /// The CPU reads or writes a page.
    fn touched(&mut self, _page: usize, _write: bool) {}
    /// A page gives its place up for others.
    fn displaced(&mut self, _page: usize) {}
    /// A page's copy in device memory is gone.
    fn left(&mut self, _page: usize) {}
    /// A page's content is of no use any more.
    fn emptied(&mut self, _page: usize) {}
}

impl Watch for () {}

/// What is known of a block.
#[derive(Default)]
struct Block {
    /// Pages with a valid copy in device memory.
    device: Mask,
    /// Those whose copy with the host is out of date.
    stale: Mask,
    notes: Notes,
}

/// A program's pages under a policy.
pub(super) struct Machine<'p, W> {
    policy: &'p dyn Policy,
    room: Room,
    /// Those that were ever used or spoken of.
    blocks: BTreeMap<usize, Block>,
    /// Pages with the device.
    resident: usize,
    out: Outcome,
    watch: W,
}

impl<'p, W: Watch> Machine<'p, W> {
    pub fn new(policy: &'p dyn Policy, room: &Room, watch: W) -> Self {
        Machine { policy, room: *room, blocks: BTreeMap::new(), resident: 0, out: Outcome::default(), watch }
    }

    /// Runs a program to its end.
    pub fn run(mut self, trace: &Trace) -> (Outcome, W) {
        for event in &trace.events {
            self.step(event.at.saturating_mul(1000), &event.what);
        }
        // What was prefetched last and never used was in vain, too.
        let unused: usize = self.blocks.values().map(|block| block.notes.unused().count()).sum();
        self.out.prefetched_wasted += unused as u64;
        (self.out, self.watch)
    }

    fn step(&mut self, now: u64, what: &What) {
        self.watch.begins(what);
        match what {
            What::Launch { signature, wants } => self.launch(*signature, wants, now),
            What::Touch { page, pages, write } => self.touch(*page..page + pages, *write, now),
            What::Prefetch { pages, to: Side::Device } => self.prefetch(pages, now),
            What::Prefetch { pages, to: Side::Host } => self.each(pages, |machine, number, mask| {
                let block = machine.block(number);
                let home = mask & (block.device - block.notes.advice.pinned_device);
                machine.leave(number, home, true);
            }),
            What::Discard { pages } => self.each(pages, Self::empty),
            What::Free { pages } => self.each(pages, |machine, number, mask| {
                machine.empty(number, mask);
                machine.block(number).notes.freed(mask);
            }),
            What::Advise { what, pages, on } => self.each(pages, |machine, number, mask| {
                machine.block(number).notes.advice.set(*what, mask, *on);
            }),
            What::Expect { pages, reads, writes } => self.each(pages, |machine, number, _| {
                let advice = &mut machine.block(number).notes.advice;
                (advice.reads, advice.writes) = (*reads, *writes);
            }),
        }
    }

    fn launch(&mut self, signature: u64, wants: &[Want], now: u64) {
        let parts = parts(wants.iter());
        let turn = self.policy.begin(signature, now);
        let mut newcomers = vec![];
        let (mut needed, mut missed) = (0, 0);
        for part in &parts {
            let (policy, in_place) = (self.policy, self.room.in_place);
            let block = self.block(part.block);
            let used = (block.notes.unused() & part.all).count() as u64;
            policy.used(&turn, &mut block.notes, part.all, part.write);
            let missing = part.all - block.device;
            let placing = if in_place {
                policy.place(&turn, &block.notes, missing, part.write)
            } else {
                Placing { moves: missing, ..Placing::default() }
            };
            let distance = policy.distance(&turn, &block.notes);
            newcomers.push(Newcomer { distance, moves: placing.moves & missing, if_room: placing.if_room & missing });
            (needed, missed) = (needed + part.all.count(), missed + missing.count());
            self.out.prefetched_used += used;
        }
        // What can be used in place need not come. And where nothing can, it is all or nothing.
        let fits = self.room.in_place || needed <= self.room.budget;
        let made = if fits { self.make_room(&turn, &parts, &newcomers, self.room.in_place) } else { None };
        let Some(incoming) = made else {
            self.out.refused += 1;
            return;
        };
        self.out.launches += 1;
        self.out.misses += missed as u64;
        for (part, incoming) in parts.iter().zip(&incoming) {
            self.arrive(part.block, *incoming, false, now);
        }
        for part in &parts {
            self.run_part(part);
        }
        for part in &parts {
            let free = self.room.budget - self.resident;
            if free * FREE_FOR_MORE > self.room.budget {
                let policy = self.policy;
                let block = self.block(part.block);
                let more = policy.along(&block.notes, block.device, part.all) - block.device;
                self.arrive(part.block, more - more.after(free), true, now);
            }
        }
    }

    /// Which of the newcomers come, once others have gone for them. `None`, and nobody has gone, where that is not all of them and
    /// `some` are not enough.
    fn make_room(&mut self, turn: &Turn, parts: &[Part], newcomers: &[Newcomer], some: bool) -> Option<Vec<Mask>> {
        let wanted: usize = newcomers.iter().map(|n| (n.moves | n.if_room).count()).sum();
        let free = self.room.budget - self.resident;
        let mut residents = if wanted > free { self.residents(turn, parts) } else { vec![] };
        let most = free + residents.iter().map(|resident| resident.pages).sum::<usize>();
        if wanted > most && !some {
            return None;
        }
        let displaced = displace(newcomers, &mut residents, free, self.room.in_place);
        for (number, pages) in displaced.go {
            let idle = leaving(self.idle(number, parts), pages);
            idle.iter().for_each(|page| self.watch.displaced(number * PAGES + page));
            self.leave(number, idle, true);
        }
        Some(displaced.incoming)
    }

    /// Blocks with pages that could go for a launch that uses `parts`.
    fn residents(&self, turn: &Turn, parts: &[Part]) -> Vec<Resident> {
        let of = |(number, block): (&usize, &Block)| {
            let pages = self.idle(*number, parts).count();
            (pages > 0).then(|| Resident { block: *number, distance: self.policy.distance(turn, &block.notes), pages })
        };
        self.blocks.iter().filter(|(_, block)| !block.device.is_empty()).filter_map(of).collect()
    }

    /// Pages of a block that could go.
    fn idle(&self, number: usize, parts: &[Part]) -> Mask {
        let Some(block) = self.blocks.get(&number) else { return Mask::NONE };
        let kept = parts.binary_search_by_key(&number, |part| part.block).map_or(Mask::NONE, |at| parts[at].all);
        block.device - kept - block.notes.advice.pinned_device
    }

    /// The launch runs on what it finds.
    fn run_part(&mut self, part: &Part) {
        let costs = self.room.costs;
        let block = self.block(part.block);
        let device = block.device & part.all;
        block.stale |= part.write & device;
        for page in part.all.iter() {
            let (side, write) = (if device.has(page) { Side::Device } else { Side::Host }, part.write.has(page));
            self.out.pay_use(&costs, device.has(page), write);
            self.watch.launched(part.block * PAGES + page, side, write);
        }
    }

    /// A CPU touch of the first of these pages, and what is served with it.
    fn touch(&mut self, pages: Range<usize>, write: bool, now: u64) {
        let (first, page, number) = (pages.start, pages.start % PAGES, pages.start / PAGES);
        let block = self.block(number);
        // A writer takes the pages; a reader those only whose content is not with the host.
        if if write { block.device.has(page) } else { block.stale.has(page) } {
            let (policy, costs) = (self.policy, self.room.costs);
            self.out.pay_fault(&costs);
            self.each(&pages, |machine, of, mask| {
                let block = machine.block(of);
                let served = mask & if write { block.device } else { block.stale };
                let shared = if write { Mask::NONE } else { policy.shares(&block.notes, served) & served };
                if of == number {
                    let pinned = policy.touched(&mut block.notes, page, write, !shared.has(page), now);
                    machine.out.pins += u64::from(pinned);
                }
                machine.share(of, shared);
                machine.leave(of, served - shared, true);
            });
        }
        self.watch.touched(first, write);
    }

    /// Pages come to the device because the program says that it will need them there.
    fn prefetch(&mut self, pages: &Range<usize>, now: u64) {
        let turn = self.policy.current(now);
        let parts = parts([Want { pages: pages.clone(), write: false }].iter());
        let coming = |machine: &mut Self, part: &Part| {
            let block = machine.block(part.block);
            part.all - block.device - block.notes.advice.pinned_host
        };
        // They are used next: whatever is used later than that goes for them.
        let newcomers: Vec<_> = parts
            .iter()
            .map(|part| Newcomer { distance: 1.0, moves: Mask::NONE, if_room: coming(self, part) })
            .collect();
        let incoming = self.make_room(&turn, &parts, &newcomers, true).unwrap_or_default();
        for (part, incoming) in parts.iter().zip(&incoming) {
            self.arrive(part.block, *incoming, true, now);
        }
    }

    /// Pages come to the device.
    fn arrive(&mut self, number: usize, pages: Mask, prefetched: bool, now: u64) {
        let policy = self.policy;
        if pages.is_empty() {
            return;
        }
        let block = self.block(number);
        block.device |= pages;
        policy.arrived(&mut block.notes, pages, prefetched, now);
        self.resident += pages.count();
        self.out.peak = self.out.peak.max(self.resident);
        let costs = self.room.costs;
        self.out.pay_copy(&costs, true, pages.count(), pages.runs().count());
        pages.iter().for_each(|page| self.watch.copied_in(number * PAGES + page));
    }

    /// Pages leave the device. Their content comes home unless it is there or, not being `kept`, of no use.
    fn leave(&mut self, number: usize, pages: Mask, kept: bool) {
        let policy = self.policy;
        if pages.is_empty() {
            return;
        }
        let block = self.block(number);
        let copied = if kept { block.stale & pages } else { Mask::NONE };
        block.device -= pages;
        block.stale -= pages;
        let wasted = policy.left(&mut block.notes, pages);
        self.resident -= pages.count();
        self.out.prefetched_wasted += u64::from(wasted);
        self.out.left += pages.count() as u64;
        self.out.dropped += (pages - copied).count() as u64;
        self.copy_out(number, copied);
        pages.iter().for_each(|page| self.watch.left(number * PAGES + page));
    }

    /// Pages come home and stay with the device.
    fn share(&mut self, number: usize, pages: Mask) {
        self.block(number).stale -= pages;
        self.copy_out(number, pages);
    }

    fn copy_out(&mut self, number: usize, pages: Mask) {
        let costs = self.room.costs;
        self.out.pay_copy(&costs, false, pages.count(), pages.runs().count());
        pages.iter().for_each(|page| self.watch.copied_out(number * PAGES + page));
    }

    /// The content of pages is of no use any more.
    fn empty(&mut self, number: usize, pages: Mask) {
        let device = self.block(number).device & pages;
        self.leave(number, device, false);
        pages.iter().for_each(|page| self.watch.emptied(number * PAGES + page));
    }

    /// Runs `f` for each block's share of a range.
    fn each(&mut self, pages: &Range<usize>, mut f: impl FnMut(&mut Self, usize, Mask)) {
        for part in parts([Want { pages: pages.clone(), write: false }].iter()) {
            f(self, part.block, part.all);
        }
    }

    fn block(&mut self, number: usize) -> &mut Block {
        self.blocks.entry(number).or_default()
    }
}
