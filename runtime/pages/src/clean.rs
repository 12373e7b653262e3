//! Write-back ahead of need: what is about to make room for others is copied to the host before that, so that it can leave without a
//! copy when a launch waits for its place.

use crate::{
    mask::Mask,
    mechanism::{Mechanism, Moves},
    pages::Pages,
    policy::Turn,
    sync::{AtomicU64, Ordering::Relaxed, lock},
    watch::{Cause, Happening},
};

/// How much eviction there is lately: nothing is cleaned where nothing is evicted.
#[derive(Default)]
pub(crate) struct Cleaner {
    /// Pages evicted since the last launch.
    evicted: AtomicU64,
    /// Pages evicted a launch, decayed, times [`SCALE`].
    rate: AtomicU64,
}

/// Sixteenths are fine enough for pages.
const SCALE: u64 = 16;

/// Launches whose evictions are kept ready for. One would be late for a launch that needs more than the last.
const AHEAD: u64 = 2;

impl Cleaner {
    /// Pages were evicted.
    pub fn evicted(&self, pages: usize) {
        self.evicted.fetch_add(pages as u64, Relaxed);
    }

    /// A launch was issued. Whether there is something to do.
    pub fn launched(&self) -> bool {
        let evicted = self.evicted.swap(0, Relaxed);
        // Decays to a quarter in five launches, so that a program's phases are told apart.
        let rate = (3 * self.rate.load(Relaxed) + SCALE * evicted) / 4;
        self.rate.store(rate, Relaxed);
        rate > 0
    }

    /// Pages that should be free or clean.
    fn wanted(&self) -> usize {
        (AHEAD * self.rate.load(Relaxed)).div_ceil(SCALE) as usize
    }
}

impl<M: Mechanism> Pages<M> {
    /// Copies home what will be evicted next, as far as nobody uses it, and leaves it with the device, too: see [`Mechanism::ahead`].
    /// Not in service.
    pub fn clean_ahead(&self) {
        // No more than half of what there is: the rest is not about to go.
        let wanted = self.cleaner.wanted().min(self.limit() / 2);
        let turn = self.policy.current(self.mechanism.now());
        let reached = self.mechanism.reached();
        let mut ready = self.pool.free();
        if wanted <= ready {
            return;
        }
        for number in self.next_to_go(&turn, reached) {
            if ready >= wanted {
                break;
            }
            ready += self.clean(number, reached);
        }
    }

    /// Blocks with idle pages, those that go first first.
    fn next_to_go(&self, turn: &Turn, reached: u64) -> Vec<usize> {
        let mut residents = self.residents(turn, |number, block| Self::evictable(block, number, &[], reached));
        residents.sort_by(|a, b| b.distance.total_cmp(&a.distance));
        residents.into_iter().map(|resident| resident.block).collect()
    }

    /// Brings the host's copies of a block's idle pages up to date. Returns how many of its pages could go without a copy now.
    fn clean(&self, number: usize, reached: u64) -> usize {
        let (m, cell) = (&self.mechanism, &self.cells[number]);
        let since = m.now();
        let mut block = lock(&cell.state);
        let idle = Self::evictable(&block, number, &[], reached);
        let (stale, slots) = (block.stale & idle, block.slots());
        if stale.is_empty() {
            return idle.count();
        }
        block.moving |= stale;
        drop(block);
        // If that fails nothing has changed, and who evicts will tell.
        let copied = m.copy_out(&Moves::of(number, stale, &slots)).is_ok();
        let mut block = lock(&cell.state);
        block.moving -= stale;
        let cleaned = if copied { stale } else { Mask::NONE };
        // The CPU may not read them yet; a touch that does finds both copies valid.
        block.stale -= cleaned;
        self.counters.to_host(Cause::Clean, cleaned.count());
        self.tell(number, cleaned, |first, pages| Happening::ToHost { first, pages, cause: Cause::Clean, since });
        self.pool.note();
        cell.end(block);
        m.changed();
        (idle - stale).count() + cleaned.count()
    }
}
