//! How good the policies are, on programs of which it is known how good they could be.

use super::{synthetic::*, *};
use crate::What;
use std::collections::BTreeSet;

/// A program's outcomes by contender, where device memory holds one part in `part` of what its launches use.
fn outcomes(trace: &Trace, part: usize, in_place: bool) -> [Outcome; 3] {
    let wants = trace.events.iter().filter_map(|event| match &event.what {
        What::Launch { wants, .. } => Some(wants.iter()),
        _ => None,
    });
    let pages: BTreeSet<usize> = wants.flatten().flat_map(|want| want.pages.clone()).collect();
    let room = Room { budget: pages.len() / part, in_place, costs: Costs::PCIE4 };
    Contender::ALL.map(|contender| replay(trace, contender, &room))
}

fn over(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}

#[test]
fn loops_come_close_to_the_optimum() {
    for (name, trace) in [
        ("scan", scan(10)),
        ("ping_pong", ping_pong(16)),
        ("hot_cold", hot_cold(10)),
        ("ranks", ranks(20)),
        ("clusters", clusters(10)),
    ] {
        for part in [2, 4] {
            let [lru, auto, best] = outcomes(&trace, part, false);
            assert_eq!([lru.refused, auto.refused, best.refused], [0; 3], "{name}");
            let ratio = over(auto.fetched, best.fetched);
            assert!(ratio <= 1.1, "{name}, 1/{part}: {ratio:.3} of the optimum: {auto:?} {best:?}");
            assert!(auto.fetched < lru.fetched, "{name}, 1/{part}");
        }
    }
}

#[test]
fn what_has_no_order_is_told_by_its_rate() {
    let trace = zipf(1000);
    for part in [2, 4] {
        let [lru, auto, best] = outcomes(&trace, part, false);
        let ratio = over(auto.fetched, best.fetched);
        assert!(ratio <= 1.6, "1/{part}: {ratio:.3} of the optimum");
        assert!(over(auto.fetched, lru.fetched) < 0.9, "1/{part}");
    }
    // Where nothing can be known nothing is lost.
    for part in [2, 4] {
        let [lru, auto, _] = outcomes(&random(1000), part, false);
        assert!(over(auto.fetched, lru.fetched) < 1.05, "1/{part}");
    }
}

#[test]
fn a_change_is_noticed() {
    for part in [2, 4] {
        let [lru, auto, best] = outcomes(&phases(9), part, false);
        assert!(over(auto.fetched, best.fetched) <= 1.15, "1/{part}: {auto:?} {best:?}");
        assert!(auto.fetched < lru.fetched, "1/{part}");
    }
}

#[test]
fn in_place_saves_time() {
    let programs = [scan(10), ping_pong(16), hot_cold(10), clusters(10), zipf(1000)];
    for part in [2, 4] {
        let ratio = |trace: &Trace| {
            let [lru, auto, _] = outcomes(trace, part, true);
            over(auto.modelled_ns, lru.modelled_ns)
        };
        let ratios: Vec<f64> = programs.iter().map(ratio).collect();
        let mean = ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64;
        assert!(mean.exp() <= 0.8, "1/{part}: {ratios:.3?}");
        assert!(ratios.iter().all(|ratio| *ratio <= 0.9), "1/{part}: {ratios:.3?}");
    }
}

#[test]
fn what_bounces_is_left_where_it_is() {
    for wants_device in [false, true] {
        let [lru, auto, _] = outcomes(&bounce(2000, wants_device), 1, true);
        assert_eq!((lru.faults, lru.in_place), (2000, 0));
        assert!(auto.faults < 50 && auto.in_place > 1900, "{auto:?}");
        // In half a second, with rests of 150 ms. Where costs alone decide, it comes back to the device now and then for a try.
        assert!(auto.pins > 0, "{auto:?}");
        assert!(over(auto.modelled_ns, lru.modelled_ns) < 0.5, "{auto:?} {lru:?}");
    }
}

#[test]
#[should_panic(expected = "beyond its heap of 1024")]
fn pages_beyond_the_heap_are_noticed() {
    let mut trace = scan(1);
    trace.events.push(Event { at: 0, what: What::Touch { page: 1024, pages: 1, write: true } });
    outcomes(&trace, 1, true);
}

#[test]
fn where_both_sides_are_the_same_memory_nothing_is_copied() {
    let costs = Costs { in_place_read: 5000, in_place_write: 5000, local: 5000, ..Costs::PCIE4 };
    let room = Room { budget: 1000, in_place: true, costs };
    for trace in [scan(4), zipf(100)] {
        let out = replay(&trace, Contender::Auto, &room);
        assert_eq!((out.fetched, out.in_place), (0, out.uses));
    }
}
