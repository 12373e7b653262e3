//! The policy that learns.

use super::{
    Notes, Placing, Policy, Turn,
    costs::Costs,
    density,
    history::{History, Order},
    place,
};
use crate::mask::Mask;

/// Uses that are taken for granted of a block whose next use is told by its rate alone, and launches between them. A block that was
/// used once, just now, is thereby not preferred to one that was used in every tenth launch for a long time.
const PRIOR: f32 = 1.0;
const PRIOR_INTERVAL: f32 = 16.0;

/// What hints make of a distance that no order tells: hot pages are that much nearer, cold ones that much further away.
const HINTED: f32 = 4.0;

/// Pages that were prefetched and not used yet will be used so soon, in launches. That is what a prefetch says.
const PREFETCHED: f32 = 2.0;

/// Launches after which a prefetch is no longer believed, so that one in vain does not keep its place for ever.
const BELIEVED: u64 = 64;

/// Learns from the launches, the CPU's touches and the hints, and reckons with the device's costs.
pub struct Auto {
    costs: Costs,
    history: History,
    /// Whether pages that bounce stay with the host for a while.
    guards: bool,
}

impl Auto {
    /// Knows the device's costs and nothing else.
    pub fn new(costs: Costs) -> Auto {
        Auto { costs, history: History::new(), guards: true }
    }

    /// Lets pages bounce as they will, so that it can be told what the guard is worth (feature `seam`).
    #[cfg(feature = "seam")]
    pub fn unguarded(self) -> Auto {
        Auto { guards: false, ..self }
    }

    /// The costs that it reckons with.
    pub fn costs(&self) -> &Costs {
        &self.costs
    }
}

impl Policy for Auto {
    fn begin(&self, signature: u64, now: u64) -> Turn {
        self.history.begin(signature, now)
    }

    fn current(&self, now: u64) -> Turn {
        self.history.current(now)
    }

    fn used(&self, turn: &Turn, notes: &mut Notes, all: Mask, _write: Mask) {
        notes.used(turn, all);
    }

    fn place(&self, turn: &Turn, notes: &Notes, missing: Mask, write: Mask) -> Placing {
        place::place(&self.costs, turn, notes, missing, write)
    }

    fn along(&self, notes: &Notes, with_device: Mask, used: Mask) -> Mask {
        let a = &notes.advice;
        let unwanted = a.pinned_host | a.prefers_host | a.cold;
        // What the CPU has taken back before the device used it twice was not worth bringing.
        let brief = Mask::ALL.filter(|page| notes.stays(page).is_some_and(|stays| stays < 2.0));
        (density::along(with_device, used) & notes.seen) - unwanted - brief
    }

    fn distance(&self, turn: &Turn, notes: &Notes) -> f32 {
        let distance = match (turn.order, notes.uses.age(0, turn.number)) {
            (_, None) => f32::INFINITY,
            // What the last round did not use comes after all that it did, the longer ago the later.
            (Order::Repeats(lag), Some(age)) => notes.uses.repeats(turn.number, lag).unwrap_or(lag as f32 + age as f32),
            // How often something was used before tells nothing now, only whether it is used still.
            (Order::New, Some(age)) => hinted(age as f32 + 1.0, notes),
            (Order::Random, Some(_)) => hinted(by_rate(turn, notes), notes),
        };
        let soon = !notes.unused().is_empty() && turn.number.saturating_sub(notes.prefetched_at) < BELIEVED;
        if soon { distance.min(PREFETCHED) } else { distance }
    }

    fn arrived(&self, notes: &mut Notes, pages: Mask, prefetched: bool, now: u64) {
        notes.arrived(pages, prefetched, now);
        if prefetched {
            notes.prefetched_at = self.current(now).number;
        }
    }

    fn left(&self, notes: &mut Notes, pages: Mask) -> u32 {
        notes.left(pages)
    }

    fn touched(&self, notes: &mut Notes, page: usize, write: bool, home: bool, now: u64) -> bool {
        notes.touched(page, write, home);
        home && self.guards && notes.guard.went(page, now)
    }

    fn shares(&self, notes: &Notes, pages: Mask) -> Mask {
        let a = &notes.advice;
        let both = a.read_mostly | a.accessed_by_host | a.accessed_by_device;
        // What launches have used again and again they will use again; a page that the CPU writes would fault once more for it.
        let again = if notes.uses.count() > 1 { notes.seen & notes.read_only() } else { Mask::NONE };
        (pages & (both | again)) - a.prefers_host
    }
}

/// The distance by how often the block was used.
fn by_rate(turn: &Turn, notes: &Notes) -> f32 {
    notes.uses.interval(turn.number, PRIOR, PRIOR_INTERVAL).unwrap_or(f32::INFINITY)
}

/// A guess, with what the program says taken into account.
fn hinted(interval: f32, notes: &Notes) -> f32 {
    let a = &notes.advice;
    if !(a.hot | a.prefers_device).is_empty() {
        interval / HINTED
    } else if !notes.seen.is_empty() && (a.cold | a.prefers_host).contains(notes.seen) {
        interval * HINTED
    } else {
        interval
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::lab::Random;

    /// A program of launches of which each uses some blocks.
    struct World {
        auto: Auto,
        notes: Vec<Notes>,
        turn: Turn,
    }

    impl World {
        fn new(blocks: usize) -> World {
            let auto = Auto::new(Costs::PCIE4);
            let turn = auto.current(0);
            World { auto, notes: vec![Notes::default(); blocks], turn }
        }

        fn launch(&mut self, signature: u64, blocks: &[usize]) {
            self.turn = self.auto.begin(signature, 0);
            blocks.iter().for_each(|block| self.auto.used(&self.turn, &mut self.notes[*block], Mask::ALL, Mask::NONE));
        }

        fn distances(&self) -> Vec<f32> {
            self.notes.iter().map(|notes| self.auto.distance(&self.turn, notes)).collect()
        }
    }

    #[test]
    fn a_loop_is_foreseen() {
        let mut world = World::new(6);
        // Block 4 is used by all launches, block 5 never.
        (0..7).for_each(|i| world.launch(i % 4 + 1, &[i as usize % 4, 4]));
        assert_eq!(world.distances(), [2.0, 3.0, 4.0, 1.0, 1.0, f32::INFINITY]);
    }

    #[test]
    fn what_is_no_longer_used_goes_first() {
        let mut world = World::new(6);
        (0..8).for_each(|i| world.launch(i % 4 + 1, &[i as usize % 4]));
        (0..12).for_each(|i| world.launch(i % 2 + 10, &[i as usize % 2 + 4]));
        let d = world.distances();
        assert!(d[..4].iter().all(|old| *old > d[4].max(d[5])), "{d:?}");
        assert!(d[0] > d[3], "the longer ago, the later: {d:?}");
    }

    #[test]
    fn without_order_rates_tell() {
        let mut world = World::new(3);
        let mut random = Random(5);
        // Block 0 is used by most launches, block 1 by some, block 2 by few, in any order.
        for _ in 0..300 {
            let block = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2][random.below(14) as usize];
            world.launch(random.below(3) + 10 * block + 1, &[block as usize]);
        }
        // Which of them came last says nothing.
        world.launch(21, &[2]);
        assert_eq!(world.turn.order, Order::Random);
        let d = world.distances();
        assert!(d[0] < d[1] && d[1] < d[2], "{d:?}");
        world.notes[1].advice.hot = Mask::page(0);
        assert!(world.distances()[1] < d[1]);
        world.notes[0].advice.cold = Mask::ALL;
        assert!(world.distances()[0] > d[0]);
    }

    #[test]
    fn in_a_new_phase_what_was_used_last_stays() {
        let mut world = World::new(3);
        (0..90).for_each(|i| world.launch(i % 9 + 1, &[0]));
        (0..6).for_each(|i| world.launch(i + 100, &[1]));
        assert_eq!(world.turn.order, Order::New);
        let d = world.distances();
        assert!(d[1] < d[0], "however often the other one was used: {d:?}");
    }

    #[test]
    fn a_prefetch_is_not_thrown_out_before_its_use() {
        let mut world = World::new(2);
        world.auto.arrived(&mut world.notes[1], Mask::ALL, true, 0);
        world.launch(1, &[0]);
        assert!(world.distances()[1] <= PREFETCHED);
        let mut late = World::new(2);
        late.auto.arrived(&mut late.notes[1], Mask::ALL, true, 0);
        (0..BELIEVED).for_each(|i| late.launch(i, &[0]));
        assert_eq!(late.distances()[1], f32::INFINITY, "nobody came for it");
        world.launch(2, &[1]);
        assert_eq!(world.auto.left(&mut world.notes[1], Mask::ALL), 0, "it was used");
    }

    #[test]
    fn both_keep_what_both_read() {
        let mut world = World::new(1);
        world.launch(1, &[0]);
        let shares = |world: &World| world.auto.shares(&world.notes[0], Mask::range(0..4));
        assert_eq!(shares(&world), Mask::NONE, "one launch does not make a habit");
        world.launch(1, &[0]);
        assert_eq!(shares(&world), Mask::range(0..4));
        world.auto.touched(&mut world.notes[0], 2, true, true, 0);
        assert_eq!(shares(&world), Mask::range(0..4) - Mask::page(2), "the CPU writes it");
        world.notes[0].advice.read_mostly = Mask::ALL;
        assert_eq!(shares(&world), Mask::range(0..4));
    }

    #[test]
    fn along_comes_what_was_used_before_and_wanted_here() {
        let mut world = World::new(1);
        let along = |world: &World| world.auto.along(&world.notes[0], Mask::NONE, Mask::range(0..20));
        assert_eq!(along(&world), Mask::NONE, "nobody ever used it");
        world.launch(1, &[0]);
        assert_eq!(along(&world), Mask::range(20..32));
        world.notes[0].advice.cold = Mask::range(24..32);
        assert_eq!(along(&world), Mask::range(20..24));
        world.auto.arrived(&mut world.notes[0], Mask::ALL, false, 0);
        world.auto.touched(&mut world.notes[0], 21, false, true, 0);
        world.auto.left(&mut world.notes[0], Mask::page(21));
        assert_eq!(along(&world), Mask::range(20..24) - Mask::page(21), "the CPU took it back at once");
    }

    #[test]
    fn bouncing_pages_stay() {
        let mut world = World::new(1);
        let page = Mask::page(3);
        let mut began = vec![];
        for i in 0..4u64 {
            let now = i * 300_000;
            world.turn = world.auto.begin(1, now);
            world.auto.used(&world.turn, &mut world.notes[0], page, page);
            world.auto.arrived(&mut world.notes[0], page, false, now);
            began.push(world.auto.touched(&mut world.notes[0], 3, true, true, now + 100_000));
            world.auto.left(&mut world.notes[0], page);
        }
        assert_eq!(began, [false, false, true, false]);
        let turn = world.auto.begin(1, 1_300_000);
        assert_eq!(world.auto.place(&turn, &world.notes[0], page, page).stays, page);
    }

    #[cfg(feature = "seam")]
    #[test]
    fn without_the_guard_they_bounce() {
        let mut world = World::new(1);
        world.auto = Auto::new(Costs::PCIE4).unguarded();
        for now in (0..10).map(|i| i * 300_000) {
            world.auto.arrived(&mut world.notes[0], Mask::page(3), false, now);
            assert!(!world.auto.touched(&mut world.notes[0], 3, true, true, now + 100_000));
        }
        assert_eq!(world.notes[0].bouncing(3_100_000), Mask::NONE);
    }
}
