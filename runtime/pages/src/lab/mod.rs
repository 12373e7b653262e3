//! The policy lab: what would another policy, another budget, another device have made of a program that was recorded?
//!
//! The [`machine`] has pages, but neither content nor threads: it replays a trace, asks the same [`crate::Policy`] as the protocol
//! does, and counts. [`belady`] knows the future and says how little could have been moved at least.

mod belady;
mod machine;

#[cfg(all(test, not(loom)))]
mod properties;
#[cfg(all(test, not(loom)))]
mod synthetic;
#[cfg(all(test, not(loom)))]
mod tests;
#[cfg(all(test, not(loom)))]
pub(crate) use synthetic::Random;

use crate::{
    policy::{Auto, Costs, Lru},
    trace::{Event, Trace},
};
use machine::Machine;

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// [`Lru`].
    Lru,
    /// [`Auto`].
    Auto,
    /// Whoever knows the future, and moves as few pages to the device as there can be: Belady's optimum (IBM Systems Journal 5(2),
    /// 1966). Uses nothing in place.
    Belady,
}

impl Contender {
    /// Every one.
    pub const ALL: [Contender; 3] = [Contender::Lru, Contender::Auto, Contender::Belady];

    /// As tables call it.
    pub fn name(self) -> &'static str {
        match self {
            Contender::Lru => "lru",
            Contender::Auto => "auto",
            Contender::Belady => "belady",
        }
    }
}

/// What there is to decide about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Most pages in device memory.
    pub budget: usize,
    /// Whether launches may use pages in place.
    pub in_place: bool,
    /// What it costs.
    pub costs: Costs,
}

/// What became of a program, in events and pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Launches that found all of their pages.
    pub launches: u64,
    /// Launches that use more pages than the device may have, where none may be used in place. They count as nothing else.
    pub refused: u64,
    /// Pages that launches used.
    pub uses: u64,
    /// Those of them that were not with the device when the launch began.
    pub misses: u64,
    /// Pages copied to the device, for whatever reason.
    pub fetched: u64,
    /// Pages copied back, for whatever reason, whether they left the device or not.
    pub written_back: u64,
    /// Pages that left the device.
    pub left: u64,
    /// Those of them that were not copied then, since the host had their content, or nobody wanted it.
    pub dropped: u64,
    /// Pages that launches used in place.
    pub in_place: u64,
    /// Pages that came along or by a prefetch and were used by a launch while they were there.
    pub prefetched_used: u64,
    /// Those that were not.
    pub prefetched_wasted: u64,
    /// Pages that began to stay with the host because they bounced.
    pub pins: u64,
    /// CPU touches that were served.
    pub faults: u64,
    /// Time for all of that, in nanoseconds, one thing after the other; the launches' computing is none of it.
    pub modelled_ns: u64,
    /// Most pages that were with the device at once.
    pub peak: usize,
}

/// What a contender would have made of a recorded program.
///
/// # Panics
/// If an event names pages beyond the heap that the header tells of: no trace that was decoded does.
pub fn replay(trace: &Trace, contender: Contender, room: &Room) -> Outcome {
    let heap = trace.header.pages;
    let inside = |event: &Event| event.what.end() <= heap;
    assert!(trace.events.iter().all(inside), "the trace names pages beyond its heap of {heap}");
    match contender {
        Contender::Lru => Machine::new(&Lru::default(), room, ()).run(trace).0,
        Contender::Auto => Machine::new(&Auto::new(room.costs), room, ()).run(trace).0,
        Contender::Belady => belady::replay(trace, room),
    }
}

impl Outcome {
    /// Adds what a launch pays for a page that it uses.
    fn pay_use(&mut self, costs: &Costs, on_device: bool, write: bool) {
        self.uses += 1;
        let (read, written) = match on_device {
            true => (costs.local, costs.local),
            false => (costs.in_place_read, costs.in_place_write),
        };
        // Pages that a launch may write it is taken to read as well, as the policy does.
        self.modelled_ns += u64::from(read) + if write { written.into() } else { 0 };
        self.in_place += u64::from(!on_device);
    }

    /// Adds pages that are copied, in so many runs.
    fn pay_copy(&mut self, costs: &Costs, in_: bool, pages: usize, runs: usize) {
        let pages = pages as u64;
        *if in_ { &mut self.fetched } else { &mut self.written_back } += pages;
        let each = if in_ { costs.copy_in } else { costs.copy_out };
        self.modelled_ns += pages * u64::from(each) + runs as u64 * u64::from(costs.copy_start);
    }

    /// Adds a fault.
    fn pay_fault(&mut self, costs: &Costs) {
        self.faults += 1;
        self.modelled_ns += u64::from(costs.fault);
    }
}
