//! `prefetch_scan`: the CPU reads memory that the device has, in order, having asked for it just before.
//!
//! The other side has faults bring the same memory home.

use crate::{
    Bench, Benchmark,
    measure::Rounds,
    pages::{LARGE, Touched, counted, discrete, sum},
    report::{Bound, Unit},
};
use anyhow::{Result, ensure};
use std::{
    cell::RefCell,
    hint::black_box,
    time::{Duration, Instant},
};
use vksvm::{Faults, Svm, hints::Location};

/// The time of the prefetch counts.
pub const PREFETCH_SCAN: Benchmark = Benchmark {
    name: "prefetch_scan",
    unit: Unit::Ms,
    steps: 1,
    bound: Some(Bound::Ratio(1.0)),
    batch: 4,
    sessions: 10,
    limit: Duration::from_secs(25),
    session,
};

fn session(_: &Bench, rounds: &mut Rounds) -> Result<()> {
    let svm = discrete(Faults::Userfaultfd)?;
    // The same memory for both, so that neither has the better pages of it.
    let memory = RefCell::new(Touched::new(&svm, LARGE)?);
    let first = sum(&memory.borrow().words);
    let scan = |prefetches| round(&svm, &mut memory.borrow_mut(), first, prefetches);
    rounds.interleave(|| scan(true), || scan(false))
}

/// Has the device take all of it, then reads it.
fn round(svm: &Svm, memory: &mut Touched, first: u64, prefetches: bool) -> Result<Duration> {
    memory.launch()?;
    let before = svm.stats().bytes_to_host;
    let start = Instant::now();
    let asked = prefetches.then(|| svm.prefetch(&memory.words, Location::Host)).transpose()?;
    let total = black_box(sum(black_box(&memory.words)));
    let took = start.elapsed();
    asked.map_or(Ok(Default::default()), |asked| asked.wait())?;
    counted(svm, |stats| stats.bytes_to_host == before + LARGE as u64)?;
    ensure!(total == first + u64::from(memory.launched), "something else was read");
    Ok(took)
}
