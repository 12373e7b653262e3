//! Whether a page that a launch misses should move to the device, or be used where it is.
//!
//! Moving pays if what the launches to come save by it exceeds what the copies cost. How many launches that will be is a guess:
//! from hints, from how long pages have stayed before the CPU took them back, else from whether the block was ever used again at
//! all.

use super::{Placing, costs::Costs, history::Turn, notes::Notes};
use crate::mask::Mask;

/// Launches that are expected to use a page while it is with the device, where the program says that it is hot.
const HOT_USES: f32 = 8.0;

/// Where the block was used more than once: this one and at least one more. Who displaces whom takes care that it can stay.
const SEEN_USES: f32 = 2.0;

/// Where it was never used before: between one, which never pays where a use in place costs as much as the copy, and two.
const NEW_USES: f32 = 1.5;

/// A CPU fault brings so many pages home, which share its cost: what a scan's first four faults bring home, in the mean.
const PAGES_A_FAULT: f32 = 4.0;

/// What becomes of `missing`, of which the launch may write those in `write`.
pub(super) fn place(costs: &Costs, turn: &Turn, notes: &Notes, missing: Mask, write: Mask) -> Placing {
    let advice = &notes.advice;
    let stays = missing & (advice.pinned_host | advice.prefers_host | notes.bouncing(turn.now));
    let stays = stays | ((missing & advice.cold) - advice.prefers_device);
    let moves = (missing - stays) & (advice.prefers_device | advice.pinned_device);
    let mut placing = Placing { moves, if_room: Mask::NONE, stays };
    let guess = if notes.uses.count() > 1 { SEEN_USES } else { NEW_USES };
    for page in (missing - stays - moves).iter() {
        let (hot, stay) = (advice.hot.has(page), notes.stays(page));
        let uses = if hot { HOT_USES } else { stay.unwrap_or(guess).max(1.0) };
        let writes = write.has(page);
        let back = if writes { costs.copy_out as f32 } else { 0.0 };
        // Where the CPU will come for it, it pays for that.
        let fault = if stay.is_some() && !hot { costs.fault as f32 / PAGES_A_FAULT } else { 0.0 };
        let (r, w) = accesses(notes, writes);
        let pays = uses * (costs.in_place(r, w) - costs.local(r, w)) > costs.copy_in as f32 + back + fault;
        match (pays, hot) {
            (false, _) => placing.stays |= Mask::page(page),
            (true, true) => placing.moves |= Mask::page(page),
            (true, false) => placing.if_room |= Mask::page(page),
        }
    }
    placing
}

/// How often a launch reads and writes each byte of a page: what the program says, or once. A launch that may write a page is taken
/// to read it as well, unless the program says something else.
fn accesses(notes: &Notes, writes: bool) -> (u32, u32) {
    match (notes.advice.reads, notes.advice.writes) {
        (0, 0) => (1, u32::from(writes)),
        (reads, written) => (reads.into(), if writes { written.max(1).into() } else { 0 }),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Both sides are the same memory.
    const SAME: Costs = Costs {
        copy_in: 5_000,
        copy_out: 5_000,
        copy_start: 100,
        in_place_read: 4_000,
        in_place_write: 4_000,
        local: 4_000,
        fault: 20_000,
    };
    const PAGE: Mask = Mask(1);

    fn ask(costs: &Costs, notes: &Notes, write: bool) -> Placing {
        place(costs, &Turn::plain(1, 0), notes, PAGE, if write { PAGE } else { Mask::NONE })
    }

    fn moves() -> Placing {
        Placing { moves: PAGE, ..Placing::default() }
    }

    fn if_room() -> Placing {
        Placing { if_room: PAGE, ..Placing::default() }
    }

    fn stays() -> Placing {
        Placing { stays: PAGE, ..Placing::default() }
    }

    #[test]
    fn hints_say_where() {
        let mut notes = Notes::default();
        assert_eq!(ask(&Costs::PCIE4, &notes, false), if_room());
        notes.advice.cold = PAGE;
        assert_eq!(ask(&Costs::PCIE4, &notes, false), stays());
        notes.advice.prefers_device = PAGE;
        assert_eq!(ask(&Costs::PCIE4, &notes, false), moves());
        notes.advice.pinned_host = PAGE;
        assert_eq!(ask(&Costs::PCIE4, &notes, false), stays(), "what is pinned is no matter of policy");
        let mut notes = Notes::default();
        notes.advice.hot = PAGE;
        assert_eq!(ask(&Costs::PCIE4, &notes, true), moves());
        // Reading twice is worth twice.
        let mut notes = Notes::default();
        notes.stays_once(0);
        assert_eq!(ask(&Costs::PCIE4, &notes, false), stays());
        notes.advice.reads = 8;
        assert_eq!(ask(&Costs::PCIE4, &notes, false), if_room());
    }

    #[test]
    fn where_both_sides_are_the_same_memory_nothing_moves() {
        let mut notes = Notes::default();
        notes.advice.hot = PAGE;
        for write in [false, true] {
            assert_eq!(ask(&SAME, &Notes::default(), write), stays());
            assert_eq!(ask(&SAME, &notes, write), stays(), "no heat makes it worth while");
        }
        notes.advice.prefers_device = PAGE;
        assert_eq!(ask(&SAME, &notes, false), moves(), "unless somebody insists");
    }

    #[test]
    fn what_the_cpu_takes_back_at_once_stays() {
        for costs in [Costs::PCIE3, Costs::PCIE4] {
            let mut notes = Notes::default();
            notes.stays_once(0);
            assert_eq!([ask(&costs, &notes, false), ask(&costs, &notes, true)], [stays(); 2]);
        }
    }

    impl Notes {
        /// One launch used the page, then the CPU took it back.
        fn stays_once(&mut self, page: usize) {
            super::super::Notes::used(self, &Turn::plain(1, 0), Mask::page(page));
            self.arrived(Mask::page(page), false, 0);
            self.touched(page, false, true);
            self.left(Mask::page(page));
        }
    }
}
