//! What a program says about pages, and what it can ask about them.

use crate::{
    block::Block,
    mask::{Mask, PAGES},
    mechanism::Mechanism,
    pages::{Pages, Want, parts},
    policy::{Advice, Advised},
    sync::{Ordering::Relaxed, lock},
    trace::Side,
};
use std::ops::Range;

/// One page, as it was at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Snapshot {
    /// The host has its content.
    pub on_host: bool,
    /// The device's memory has.
    pub on_device: bool,
    /// The CPU may read it.
    pub cpu_reads: bool,
    /// The CPU may write it.
    pub cpu_writes: bool,
    /// An unfinished launch uses it.
    pub in_use: bool,
    /// [`Advised::ReadMostly`].
    pub read_mostly: bool,
    /// [`Advised::PrefersHost`], [`Advised::PrefersDevice`].
    pub prefers: Option<Side>,
    /// [`Advised::AccessedByHost`].
    pub accessed_by_host: bool,
    /// [`Advised::AccessedByDevice`].
    pub accessed_by_device: bool,
    /// [`Advised::PinnedHost`], [`Advised::PinnedDevice`].
    pub pinned: Option<Side>,
    /// [`Advised::Hot`], [`Advised::Cold`].
    pub hot: Option<bool>,
    /// Decayed estimate of the launches that use it, 0 to 1.
    pub heat: f32,
}

impl Snapshot {
    /// A page that nobody has moved or said anything about.
    pub const HOME: Self = Snapshot {
        on_host: true,
        on_device: false,
        cpu_reads: true,
        cpu_writes: true,
        in_use: false,
        read_mostly: false,
        prefers: None,
        accessed_by_host: false,
        accessed_by_device: false,
        pinned: None,
        hot: None,
        heat: 0.0,
    };
}

impl<M: Mechanism> Pages<M> {
    /// Takes down what is said of pages, or takes it back. Moves nothing. Returns for how many pages it replaces something that said
    /// otherwise.
    pub fn advise(&self, pages: Range<usize>, what: Advised, on: bool) -> usize {
        self.note(pages, |advice, pages| advice.set(what, pages, on).count())
    }

    /// Takes down how often a launch that uses the pages' blocks reads and writes each of their bytes; 0 for unknown.
    pub fn expect(&self, pages: Range<usize>, reads: u8, writes: u8) {
        self.note(pages, |advice, _| {
            (advice.reads, advice.writes) = (reads, writes);
            0
        });
    }

    fn note(&self, pages: Range<usize>, take: impl Fn(&mut Advice, Mask) -> usize) -> usize {
        let mut sum = 0;
        for part in parts([Want { pages, write: false }].iter()) {
            let mut block = lock(&self.cells[part.block].state);
            let advice = &mut block.detail.get_or_insert_default().notes.advice;
            let before = advice.pinned_device.count();
            sum += take(advice, part.all);
            self.pool.pin(before, advice.pinned_device.count());
        }
        sum
    }

    /// The pages as they are, one by one. Moves nothing; waits for moves that are under way, so that who was just served by one finds it
    /// done.
    pub fn snapshot<R>(&self, pages: Range<usize>, f: impl Fn(usize, Snapshot) -> R) -> Vec<R> {
        let (reached, turn) = (self.mechanism.reached(), self.clock.load(Relaxed));
        let mut all = Vec::with_capacity(pages.len());
        for part in parts([Want { pages, write: false }].iter()) {
            let block = self.cells[part.block].until(|block| (block.moving & part.all).is_empty());
            let busy = block.busy(reached);
            all.extend(part.all.iter().map(|page| f(part.block * PAGES + page, block.snapshot(page, busy, turn))));
        }
        all
    }

    /// The content of pages is of no use until it is written again. What the device alone has is not copied back any more. Returns how many
    /// pages that concerns. Pages of launches without a point are left alone: it cannot be told which comes first.
    pub fn forget_content(&self, pages: Range<usize>) -> usize {
        let mut concerned = 0;
        for part in parts([Want { pages, write: false }].iter()) {
            let mut block = lock(&self.cells[part.block].state);
            let pages = (part.all & block.stale) - block.moving - block.held();
            // What the host has instead is what the page once held: the CPU is still kept from it, and both copies are as good.
            block.stale -= pages;
            concerned += pages.count();
        }
        concerned
    }
}

impl Block {
    fn snapshot(&self, page: usize, busy: Mask, turn: u64) -> Snapshot {
        let home = Snapshot {
            on_host: !self.stale.has(page),
            on_device: self.device.has(page),
            cpu_reads: !self.revoked.has(page),
            cpu_writes: !(self.revoked | self.protected).has(page),
            in_use: busy.has(page),
            ..Snapshot::HOME
        };
        let Some(detail) = &self.detail else { return home };
        let (notes, advice) = (&detail.notes, &detail.notes.advice);
        Snapshot {
            read_mostly: advice.read_mostly.has(page),
            prefers: either(page, (advice.prefers_host, Side::Host), (advice.prefers_device, Side::Device)),
            accessed_by_host: advice.accessed_by_host.has(page),
            accessed_by_device: advice.accessed_by_device.has(page),
            pinned: either(page, (advice.pinned_host, Side::Host), (advice.pinned_device, Side::Device)),
            hot: either(page, (advice.hot, true), (advice.cold, false)),
            heat: notes.heat(page, turn),
            ..home
        }
    }
}

/// What is said of a page, where it can be one of two things.
fn either<T>(page: usize, (one, first): (Mask, T), (other, second): (Mask, T)) -> Option<T> {
    if one.has(page) { Some(first) } else { other.has(page).then_some(second) }
}
