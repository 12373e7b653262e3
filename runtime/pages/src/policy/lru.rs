//! What a program would get that moves everything for each launch and has what was not used for the longest time go.

use super::{Notes, Placing, Policy, Turn};
use crate::{
    mask::Mask,
    sync::{AtomicU64, Ordering::Relaxed},
};

/// Moves whatever a launch uses, drops what was least recently used, brings nothing along and guards against nothing: what the
/// other policy is compared with.
#[derive(Debug, Default)]
pub struct Lru {
    launches: AtomicU64,
}

impl Policy for Lru {
    fn begin(&self, _signature: u64, now: u64) -> Turn {
        Turn::plain(self.launches.fetch_add(1, Relaxed) + 1, now)
    }

    fn current(&self, now: u64) -> Turn {
        Turn::plain(self.launches.load(Relaxed), now)
    }

    fn used(&self, turn: &Turn, notes: &mut Notes, all: Mask, _write: Mask) {
        notes.used(turn, all);
    }

    fn place(&self, _turn: &Turn, notes: &Notes, missing: Mask, _write: Mask) -> Placing {
        Placing::all(missing, &notes.advice)
    }

    fn along(&self, _notes: &Notes, _with_device: Mask, _used: Mask) -> Mask {
        Mask::NONE
    }

    fn distance(&self, turn: &Turn, notes: &Notes) -> f32 {
        notes.uses.age(0, turn.number).map_or(f32::INFINITY, |age| age as f32)
    }

    fn arrived(&self, notes: &mut Notes, pages: Mask, prefetched: bool, now: u64) {
        notes.arrived(pages, prefetched, now);
    }

    fn left(&self, notes: &mut Notes, pages: Mask) -> u32 {
        notes.left(pages)
    }

    fn touched(&self, notes: &mut Notes, page: usize, write: bool, home: bool, _now: u64) -> bool {
        notes.touched(page, write, home);
        false
    }

    fn shares(&self, _notes: &Notes, _pages: Mask) -> Mask {
        Mask::NONE
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first_and_all_moves() {
        let lru = Lru::default();
        let mut notes = [Notes::default(), Notes::default(), Notes::default()];
        for block in [0, 1, 0] {
            let turn = lru.begin(block as u64, 0);
            lru.used(&turn, &mut notes[block], Mask::ALL, Mask::NONE);
        }
        let turn = lru.current(0);
        assert_eq!(notes.each_ref().map(|notes| lru.distance(&turn, notes)), [0.0, 1.0, f32::INFINITY]);
        notes[0].advice.pinned_host = Mask::page(3);
        notes[0].advice.cold = Mask::ALL;
        let placing = lru.place(&turn, &notes[0], Mask::range(0..8), Mask::NONE);
        let pinned = Mask::page(3);
        assert_eq!(placing, Placing { moves: Mask::range(0..8) - pinned, if_room: Mask::NONE, stays: pinned });
    }
}
