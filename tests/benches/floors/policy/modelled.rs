//! `auto_gain` and `oversubscribe_4x`: the time that a card behind PCI Express 4 would need for all copies, faults and accesses of real
//! runs, by the lab's model. Figures are geometric means over the workloads.

use super::runs::{self, PARTS, Run};
use crate::{
    Benchmark,
    measure::Rounds,
    report::{Bound, Unit},
};
use anyhow::{Result, ensure};
use std::{collections::BTreeSet, time::Duration};
use vksvm_pages::{Contender, Costs, Room, Trace, What, replay};
use vksvm_samples::workloads::Advice;

/// Where pages may be used in place, over the least recently used going first where all that launches use moves.
pub const AUTO_GAIN: Benchmark = Benchmark {
    name: "auto_gain",
    unit: Unit::Ms,
    steps: 1,
    bound: Some(Bound::Ratio(0.8)),
    batch: 1,
    sessions: 1,
    limit: Duration::ZERO,
    session: |_, rounds| gain(rounds),
};

/// With room for a quarter of what launches use, over what the same policy needs where everything fits.
pub const OVERSUBSCRIBED: Benchmark = Benchmark {
    name: "oversubscribe_4x",
    bound: None,
    session: |_, rounds| oversubscribed(rounds, Contender::Auto),
    ..AUTO_GAIN
};

/// The least recently used going first in that quarter, over the same.
pub const OVERSUBSCRIBED_LRU: Benchmark = Benchmark {
    name: "oversubscribe_4x_lru",
    session: |_, rounds| oversubscribed(rounds, Contender::Lru),
    ..OVERSUBSCRIBED
};

/// Whoever knows the whole run, and moves the least, but uses nothing in place.
pub const OVERSUBSCRIBED_BELADY: Benchmark = Benchmark {
    name: "oversubscribe_4x_belady",
    session: |_, rounds| oversubscribed(rounds, Contender::Belady),
    ..OVERSUBSCRIBED
};

fn gain(rounds: &mut Rounds) -> Result<()> {
    for workload in runs::workloads() {
        for part in PARTS {
            let run = runs::of(workload, Advice::Auto, part, rounds.session())?;
            let budget = run.trace.header.budget;
            let (auto, lru) = (modelled(&run, Contender::Auto, budget)?, modelled(&run, Contender::Lru, budget)?);
            rounds.count(&format!("{} 1/{part}", workload.name), auto, lru);
        }
    }
    Ok(())
}

fn oversubscribed(rounds: &mut Rounds, contender: Contender) -> Result<()> {
    for workload in runs::workloads() {
        let run = runs::of(workload, Advice::Auto, 4, rounds.session())?;
        let fits = modelled(&run, Contender::Auto, used(&run.trace))?;
        rounds.count(workload.name, modelled(&run, contender, run.trace.header.budget)?, fits);
    }
    Ok(())
}

/// Seconds that a contender would need in so many pages of device memory. Only the policy that learns uses anything in place.
fn modelled(run: &Run, contender: Contender, budget: usize) -> Result<f64> {
    let room = Room { budget, in_place: contender == Contender::Auto, costs: Costs::PCIE4 };
    let outcome = replay(&run.trace, contender, &room);
    ensure!(outcome.refused == 0, "{} refuses launches: {outcome:?}", contender.name());
    Ok(outcome.modelled_ns as f64 * 1e-9)
}

/// Pages that launches use.
fn used(trace: &Trace) -> usize {
    let wants = trace.events.iter().filter_map(|event| match &event.what {
        What::Launch { wants, .. } => Some(wants.iter()),
        _ => None,
    });
    wants.flatten().flat_map(|want| want.pages.clone()).collect::<BTreeSet<usize>>().len()
}
