//! Pages that bounce: they come to the device for a launch and go home by a CPU touch at once, again and again. Used in place they
//! would cost less than the copying, the faults and the waiting. The rules and the length of the rest are those of NVIDIA's driver
//! for managed memory (uvm_perf_thrashing): three such events in a row, then 150 ms.

use crate::mask::{Mask, PAGES};

/// Returns in a row after which a page stays with the host.
const RETURNS: u8 = 3;

/// A return is a CPU touch so soon after the page's arrival, in microseconds. NVIDIA's driver counts events within 500 µs of each
/// other. Here a launch and its wait lie between the two: 100 to 300 µs on lavapipe, more if the machine is busy; a launch that
/// does real work in a millisecond copies a page in a two-hundredth of that, so that bouncing costs little beyond.
const SOON: u32 = 1_000;

/// How long it stays, in nanoseconds. Then it gets another chance.
const STAYS: u64 = 150_000_000;

/// What is known of a block's pages that come and go.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Guard {
    /// When each page came to the device last, in microseconds. It wraps after 71 minutes; a page that came exactly so long ago
    /// looks as if it had just come.
    arrived: [u32; PAGES],
    returns: [u8; PAGES],
    staying: Mask,
    /// When they may move again. One for the block: pages that bounce do so together.
    until: u64,
}

impl Guard {
    /// Pages came to the device.
    pub fn arrived(&mut self, pages: Mask, now: u64) {
        pages.iter().for_each(|page| self.arrived[page] = (now / 1000) as u32);
    }

    /// A CPU touch brings a page home. Whether it begins to stay there.
    pub fn went(&mut self, page: usize, now: u64) -> bool {
        if page >= PAGES {
            return false;
        }
        if now >= self.until {
            self.staying = Mask::NONE;
        }
        let stayed = ((now / 1000) as u32).wrapping_sub(self.arrived[page]);
        self.returns[page] = if stayed < SOON { self.returns[page] + 1 } else { 0 };
        if self.returns[page] < RETURNS {
            return false;
        }
        self.returns[page] = 0;
        self.staying |= Mask::page(page);
        self.until = now.saturating_add(STAYS);
        true
    }

    /// The pages that stay with the host for now.
    pub fn staying(&self, now: u64) -> Mask {
        if now < self.until { self.staying } else { Mask::NONE }
    }

    /// Pages were freed.
    pub fn clear(&mut self, pages: Mask) {
        self.staying -= pages;
        pages.iter().for_each(|page| self.returns[page] = 0);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn three_quick_returns_and_a_rest() {
        let mut guard = Guard::default();
        let mut bounce = |at: u64, stay: u64| {
            guard.arrived(Mask::page(5), at);
            guard.went(5, at + stay)
        };
        assert_eq!([bounce(10 * MS, MS / 5), bounce(11 * MS, MS / 5)], [false, false]);
        assert!(!bounce(12 * MS, 2 * MS), "a long stay is no return");
        assert_eq!([20, 21, 22].map(|at| bounce(at * MS, MS / 5)), [false, false, true]);
        let end = 22 * MS + MS / 5 + STAYS;
        assert_eq!(
            [guard.staying(23 * MS), guard.staying(end - 1), guard.staying(end)],
            [Mask::page(5), Mask::page(5), Mask::NONE]
        );
    }

    #[test]
    fn afterwards_it_counts_from_nothing() {
        let mut guard = Guard::default();
        let mut pinned = 0;
        for i in 0..300u64 {
            let at = i * MS;
            if !guard.staying(at).has(0) {
                guard.arrived(Mask::ALL, at);
                pinned += u32::from(guard.went(0, at + 100_000));
            }
        }
        assert_eq!(pinned, 2, "in 300 ms");
        guard.clear(Mask::ALL);
        assert_eq!(guard.staying(299 * MS), Mask::NONE);
        assert!(!guard.went(PAGES, 0), "no such page");
    }
}
