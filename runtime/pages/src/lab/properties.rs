//! What holds for every program and every policy, however bad: a policy costs time, and never more than that.

use super::{
    machine::{Machine, Watch},
    synthetic::Random,
    *,
};
use crate::{
    Advised, DeviceModel, Event, Header, Mask, Notes, Placing, Policy, Side, Turn, Want, What,
    sync::{AtomicU64, Ordering::Relaxed},
};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

/// Pages in the heap: three blocks.
const PAGES: usize = 96;

fn range(pages: usize) -> impl Strategy<Value = Range<usize>> {
    (0..pages, 1..40usize).prop_map(move |(first, many)| first..(first + many).min(pages))
}

fn what() -> impl Strategy<Value = What> {
    let want = (range(PAGES), any::<bool>()).prop_map(|(pages, write)| Want { pages, write });
    let side = prop_oneof![Just(Side::Host), Just(Side::Device)];
    prop_oneof![
        // Few signatures, on whatever pages: what the history makes of that is wrong most of the time.
        8 => (0..3u64, prop::collection::vec(want, 1..4))
            .prop_map(|(signature, wants)| What::Launch { signature, wants: wants.into() }),
        6 => (range(PAGES), any::<bool>())
            .prop_map(|(pages, write)| What::Touch { page: pages.start, pages: pages.len(), write }),
        2 => (range(PAGES), side).prop_map(|(pages, to)| What::Prefetch { pages, to }),
        1 => range(PAGES).prop_map(|pages| What::Discard { pages }),
        1 => range(PAGES).prop_map(|pages| What::Free { pages }),
        4 => (prop::sample::select(&Advised::ALL[..]), range(PAGES), prop::bool::weighted(0.8))
            .prop_map(|(what, pages, on)| What::Advise { what, pages, on }),
        1 => (range(PAGES), 0..9u8, 0..9u8).prop_map(|(pages, reads, writes)| What::Expect { pages, reads, writes }),
    ]
}

fn trace_of(pages: usize, events: Vec<What>) -> Trace {
    let header = Header {
        pages,
        page_bytes: 65536,
        budget: pages,
        in_place: true,
        model: DeviceModel::Pcie4,
        costs: Costs::PCIE4,
    };
    let events = (0..).step_by(90).zip(events).map(|(at, what)| Event { at, what }).collect();
    Trace { header, events }
}

fn program() -> impl Strategy<Value = Trace> {
    prop::collection::vec(what(), 0..60).prop_map(|events| trace_of(PAGES, events))
}

/// Decides by chance, but keeps its notes.
struct Wild {
    lru: Lru,
    state: AtomicU64,
}

impl Wild {
    fn new(seed: u64) -> Wild {
        Wild { lru: Lru::default(), state: AtomicU64::new(seed) }
    }

    fn mask(&self) -> Mask {
        Mask(Random(self.state.fetch_add(1, Relaxed)).next() as u32)
    }
}

impl Policy for Wild {
    fn begin(&self, signature: u64, now: u64) -> Turn {
        self.lru.begin(signature, now)
    }
    fn current(&self, now: u64) -> Turn {
        self.lru.current(now)
    }
    fn used(&self, turn: &Turn, notes: &mut Notes, all: Mask, write: Mask) {
        self.lru.used(turn, notes, all, write);
    }
    fn place(&self, _turn: &Turn, _notes: &Notes, missing: Mask, _write: Mask) -> Placing {
        let (moves, if_room) = (missing & self.mask(), missing & self.mask());
        Placing { moves, if_room: if_room - moves, stays: missing - moves - if_room }
    }
    fn along(&self, notes: &Notes, _with_device: Mask, _used: Mask) -> Mask {
        self.mask() & notes.seen()
    }
    fn distance(&self, _turn: &Turn, _notes: &Notes) -> f32 {
        [0.0, f32::INFINITY, f32::NAN, 3.0][self.mask().0 as usize % 4]
    }
    fn arrived(&self, notes: &mut Notes, pages: Mask, prefetched: bool, now: u64) {
        self.lru.arrived(notes, pages, prefetched, now);
    }
    fn left(&self, notes: &mut Notes, pages: Mask) -> u32 {
        self.lru.left(notes, pages)
    }
    fn touched(&self, notes: &mut Notes, page: usize, write: bool, home: bool, now: u64) -> bool {
        self.lru.touched(notes, page, write, home, now)
    }
    fn shares(&self, _notes: &Notes, pages: Mask) -> Mask {
        pages & self.mask()
    }
}

/// Knows what each side has of each page, and what it should find there. Versions are counted.
#[derive(Default)]
struct Truth {
    budget: usize,
    version: u64,
    /// What the CPU or a launch must find.
    last: BTreeMap<usize, u64>,
    host: BTreeMap<usize, u64>,
    device: BTreeMap<usize, u64>,
    /// Pages of the launch in hand.
    in_hand: BTreeSet<usize>,
    pinned: BTreeSet<usize>,
    used: usize,
}

impl Truth {
    fn last(&self, page: usize) -> u64 {
        self.last.get(&page).copied().unwrap_or_default()
    }
    fn host(&self, page: usize) -> u64 {
        self.host.get(&page).copied().unwrap_or_default()
    }
    /// The host's copy is written.
    fn written(&mut self, page: usize) {
        self.version += 1;
        self.last.insert(page, self.version);
        self.host.insert(page, self.version);
    }
}

impl Watch for Truth {
    fn begins(&mut self, what: &What) {
        self.in_hand.clear();
        match what {
            What::Launch { wants, .. } => self.in_hand = wants.iter().flat_map(|want| want.pages.clone()).collect(),
            What::Advise { what: Advised::PinnedDevice, pages, on: true } => self.pinned.extend(pages.clone()),
            What::Advise { what: Advised::PinnedDevice, pages, on: false }
            | What::Advise { what: Advised::PinnedHost, pages, on: true }
            | What::Free { pages } => self.pinned.retain(|page| !pages.contains(page)),
            _ => (),
        }
    }
    fn copied_in(&mut self, page: usize) {
        assert_eq!(self.host(page), self.last(page), "what is copied to the device is out of date: page {page}");
        assert_eq!(self.device.insert(page, self.host(page)), None, "page {page} was there");
        assert!(self.device.len() <= self.budget, "more pages than the budget");
    }
    fn copied_out(&mut self, page: usize) {
        let content = self.device[&page];
        self.host.insert(page, content);
    }
    fn left(&mut self, page: usize) {
        assert!(self.device.remove(&page).is_some(), "page {page} was not there");
    }
    fn displaced(&mut self, page: usize) {
        assert!(!self.in_hand.contains(&page), "page {page} of the launch in hand goes");
        assert!(!self.pinned.contains(&page), "page {page} is pinned to the device");
    }
    fn launched(&mut self, page: usize, side: Side, write: bool) {
        self.used += 1;
        assert!(self.in_hand.contains(&page));
        let found = if side == Side::Device { self.device.get(&page).copied() } else { Some(self.host(page)) };
        assert_eq!(found, Some(self.last(page)), "a launch finds page {page} out of date: {side:?}");
        if write && side == Side::Host {
            assert!(!self.device.contains_key(&page));
            self.written(page);
        } else if write {
            self.version += 1;
            self.last.insert(page, self.version);
            self.device.insert(page, self.version);
        }
    }
    fn touched(&mut self, page: usize, write: bool) {
        assert_eq!(self.host(page), self.last(page), "the CPU finds page {page} out of date");
        if write {
            assert!(!self.device.contains_key(&page), "the CPU writes page {page}, which the device goes on using");
            self.written(page);
        }
    }
    fn emptied(&mut self, page: usize) {
        assert!(!self.device.contains_key(&page));
        self.written(page);
    }
}

/// The fewest pages that must be fetched, by trying everything: for each set of pages that could be with the device, the least that
/// it costs to get there.
fn exhaustive(events: &[What], budget: usize) -> u64 {
    let bits = |pages: &Range<usize>| pages.clone().fold(0u32, |set, page| set | 1 << page);
    let mut costs = BTreeMap::from([(0u32, 0)]);
    for what in events {
        let mut next = BTreeMap::new();
        let mut reach = |set: u32, cost: u64| {
            let known = next.entry(set).or_insert(cost);
            *known = cost.min(*known);
        };
        for (set, cost) in &costs {
            match what {
                What::Launch { wants, .. } => {
                    let used = wants.iter().fold(0, |set, want| set | bits(&want.pages));
                    if used.count_ones() as usize > budget {
                        reach(*set, *cost);
                        continue;
                    }
                    let (others, fetched) = (set & !used, (used & !set).count_ones());
                    // Every subset of the others may stay.
                    let mut stay = others;
                    loop {
                        if (used | stay).count_ones() as usize <= budget {
                            reach(used | stay, cost + u64::from(fetched));
                        }
                        if stay == 0 {
                            break;
                        }
                        stay = (stay - 1) & others;
                    }
                }
                What::Touch { page, write: true, .. } => reach(set & !(1 << page), *cost),
                What::Free { pages } | What::Discard { pages } => reach(set & !bits(pages), *cost),
                _ => reach(*set, *cost),
            }
        }
        costs = next;
    }
    costs.into_values().min().unwrap_or_default()
}

/// Programs so small that everything can be tried.
fn tiny() -> impl Strategy<Value = Vec<What>> {
    const TINY: usize = 6;
    let pages = || (0..TINY, 1..3usize).prop_map(|(first, many)| first..(first + many).min(TINY));
    let want = (pages(), any::<bool>()).prop_map(|(pages, write)| Want { pages, write });
    let event = prop_oneof![
        6 => prop::collection::vec(want, 1..=2).prop_map(|wants| What::Launch { signature: 1, wants: wants.into() }),
        2 => (pages(), any::<bool>())
            .prop_map(|(pages, write)| What::Touch { page: pages.start, pages: pages.len(), write }),
        1 => pages().prop_map(|pages| What::Free { pages }),
    ];
    prop::collection::vec(event, 0..30)
}

proptest! {
    #[test]
    fn hints_and_policies_cost_time_and_nothing_else(
        trace in program(), budget in 0..110usize, in_place: bool, seed: u64
    ) {
        let room = Room { budget, in_place, costs: Costs::PCIE4 };
        let policies: [&dyn Policy; 3] = [&Lru::default(), &Auto::new(Costs::PCIE4), &Wild::new(seed)];
        for policy in policies {
            let (out, truth) = Machine::new(policy, &room, Truth { budget, ..Truth::default() }).run(&trace);
            let launches = trace.events.iter().filter(|event| matches!(event.what, What::Launch { .. })).count() as u64;
            prop_assert_eq!(out.launches + out.refused, launches);
            prop_assert_eq!(out.uses, truth.used as u64);
            prop_assert!(!in_place || out.refused == 0, "in place there is always room");
            prop_assert!(in_place || out.in_place == 0);
            prop_assert!(out.peak <= budget);
            // What came has left, or is still there.
            prop_assert_eq!(truth.device.len() as u64 + out.left, out.fetched);
        }
    }

    #[test]
    fn the_optimum_is_one(events in tiny(), budget in 2..5usize) {
        let room = Room { budget, in_place: false, costs: Costs::PCIE4 };
        let out = replay(&trace_of(6, events.clone()), Contender::Belady, &room);
        prop_assert_eq!(out.fetched, exhaustive(&events, budget));
        prop_assert!(out.peak <= budget);
    }

    #[test]
    fn nobody_fetches_less(trace in program(), budget in 1..110usize, seed: u64) {
        let room = Room { budget, in_place: false, costs: Costs::PCIE4 };
        let best = replay(&trace, Contender::Belady, &room);
        let policies: [&dyn Policy; 3] = [&Lru::default(), &Auto::new(Costs::PCIE4), &Wild::new(seed)];
        for policy in policies {
            let out = Machine::new(policy, &room, ()).run(&trace).0;
            // What pins keep from running moves nothing.
            if out.refused == best.refused {
                prop_assert!(out.fetched >= best.fetched, "{:?} {:?}", out, best);
            }
        }
    }
}
