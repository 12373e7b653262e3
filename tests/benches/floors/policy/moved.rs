//! `hints_gain` and `bytes_over_belady`: what real runs move, with the workloads' hints and without, and over the least that could have
//! been moved. Figures are geometric means over the workloads.

use super::runs::{self, PARTS};
use crate::{
    Benchmark,
    measure::Rounds,
    report::{Bound, Unit},
};
use anyhow::{Result, ensure};
use std::time::Duration;
use vksvm::PAGE;
use vksvm_pages::{Contender, Room, replay};
use vksvm_samples::workloads::Advice;

/// Bytes moved both ways where device memory has room for half: the workloads' own hints over launches alone.
pub const HINTS_GAIN: Benchmark = Benchmark {
    name: "hints_gain",
    unit: Unit::MiB,
    steps: 1,
    bound: Some(Bound::Ratio(0.8)),
    batch: 1,
    sessions: 1,
    limit: Duration::ZERO,
    session: |_, rounds| hints(rounds, Advice::None),
};

/// The same over what the heap observes by itself.
pub const HINTS_OVER_AUTO: Benchmark = Benchmark {
    name: "hints_gain_over_auto",
    bound: None,
    session: |_, rounds| hints(rounds, Advice::Auto),
    ..HINTS_GAIN
};

/// Bytes fetched to the device without any hints, over those that whoever knows the whole run would have fetched in as much memory.
pub const OVER_BELADY: Benchmark = Benchmark {
    name: "bytes_over_belady",
    bound: Some(Bound::Ratio(1.25)),
    session: |_, rounds| over_belady(rounds, Advice::Auto),
    ..HINTS_GAIN
};

/// The same for the least recently used page going first.
pub const LRU_OVER_BELADY: Benchmark = Benchmark {
    name: "bytes_over_belady_lru",
    bound: None,
    session: |_, rounds| over_belady(rounds, Advice::None),
    ..HINTS_GAIN
};

fn hints(rounds: &mut Rounds, than: Advice) -> Result<()> {
    for workload in runs::workloads() {
        let moved = |advice| -> Result<f64> {
            let run = runs::of(workload, advice, 2, rounds.session())?;
            Ok((run.to_device + run.to_host) as f64)
        };
        let (with, without) = (moved(Advice::Best)?, moved(than)?);
        rounds.count(workload.name, with, without);
    }
    Ok(())
}

fn over_belady(rounds: &mut Rounds, advice: Advice) -> Result<()> {
    for workload in runs::workloads() {
        for part in PARTS {
            let run = runs::of(workload, advice, part, rounds.session())?;
            let header = &run.trace.header;
            let room = Room { budget: header.budget, in_place: false, costs: header.costs };
            let best = replay(&run.trace, Contender::Belady, &room);
            let name = format!("{} 1/{part}", workload.name);
            ensure!(best.refused == 0 && best.fetched > 0, "{name}: the optimum runs something else: {best:?}");
            rounds.count(&name, run.to_device as f64, (best.fetched * PAGE as u64) as f64);
        }
    }
    Ok(())
}
