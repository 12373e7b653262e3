//! `trace_overhead`: the same work with everything logged that happens to pages and launches, over nothing logged.
//!
//! # Safety
//! The kernel's source is next to this crate's tests; what it touches is said where it is loaded.
#![allow(unsafe_code)]

use super::runs;
use crate::{
    Benchmark, LIMIT,
    launches::{INCREMENT, Increment},
    measure::Rounds,
    report::{Bound, Unit},
};
use anyhow::{Context, Result, ensure};
use std::time::{Duration, Instant};
use vksvm::{Kernel, Placement, Svm, SvmVec};
use vksvm_samples::workloads::{Advice, Size, Workload};

/// The oversubscribed workloads, with device memory for half of what they work on, so that pages come and go. Their kernels are timed
/// on both sides.
pub const TRACE_OVERHEAD: Benchmark = Benchmark {
    name: "trace_overhead",
    unit: Unit::Ms,
    steps: 1,
    bound: Some(Bound::Ratio(1.10)),
    batch: 2,
    sessions: 3,
    limit: LIMIT,
    session: |_, rounds| SIZES.iter().try_for_each(|(name, size)| workload(rounds, name, Size::Exactly(*size))),
};

/// Launches that do next to nothing, and are timed only where they are logged: mostly, what the driver's timestamps cost.
pub const TRACE_OVERHEAD_LAUNCHES: Benchmark = Benchmark {
    name: "trace_overhead_launches",
    bound: None,
    batch: 8,
    limit: Duration::from_secs(10),
    session: |_, rounds| small_launches(rounds, false),
    ..TRACE_OVERHEAD
};

/// The same where the program has them timed in any case: what the log costs, and reading each launch's timestamps for it.
pub const TRACE_OVERHEAD_TIMED: Benchmark = Benchmark {
    name: "trace_overhead_timed",
    session: |_, rounds| small_launches(rounds, true),
    ..TRACE_OVERHEAD_LAUNCHES
};

/// Smaller than in the other benchmarks, 8 to 20 MiB: for each figure many runs are needed.
const SIZES: [(&str, u64); 5] =
    [("pagerank", 17), ("heat", 1024), ("spmv", 1 << 17), ("kmeans", 1 << 15), ("kvstore", 1 << 20)];

/// Launches in a round, and elements that each updates.
const LAUNCHES: u32 = 1000;
const ELEMENTS: u32 = 256;

fn workload(rounds: &mut Rounds, name: &str, size: Size) -> Result<()> {
    let workload = Workload::named(name).with_context(|| format!("there is no workload {name}"))?;
    let open = |traced| Ok::<_, anyhow::Error>(runs::builder(workload, size, 2)?.trace(traced).open()?);
    let (traced, floor) = (open(true)?, open(false)?);
    let work = |svm| Ok(runs::work(workload, size, Advice::Auto, svm)?.wall);
    rounds.interleave_part(name, || work(&traced), || work(&floor))?;
    logged(&traced)
}

fn small_launches(rounds: &mut Rounds, timed: bool) -> Result<()> {
    let open = |traced| -> Result<Counter> {
        Counter::new(Svm::builder().placement(Placement::Discrete).trace(traced).open()?, timed)
    };
    let (mut traced, mut floor) = (open(true)?, open(false)?);
    rounds.interleave(|| traced.round(), || floor.round())?;
    logged(&traced.svm)
}

/// What was traced was logged, all of it.
fn logged(svm: &Svm) -> Result<()> {
    let recording = svm.recording().context("nothing was recorded")?;
    ensure!(recording.lost() == 0, "{} events were left out", recording.lost());
    Ok(())
}

/// Words that launches count up.
struct Counter {
    svm: Svm,
    kernel: Kernel<Increment<'static>>,
    words: SvmVec<u32>,
    launched: u32,
}

impl Counter {
    fn new(svm: Svm, timed: bool) -> Result<Self> {
        // SAFETY: the shader updates y[i] for i < n, each by one invocation.
        let kernel = unsafe { svm.module(INCREMENT).load::<Increment>()? };
        let kernel = if timed { kernel.timed() } else { kernel };
        let words = svm.try_zeroed::<u32>(ELEMENTS as usize)?;
        Ok(Counter { svm, kernel, words, launched: 0 })
    }

    fn round(&mut self) -> Result<Duration> {
        let Counter { svm, kernel, words, .. } = self;
        let start = Instant::now();
        svm.scope(|s| {
            let mut words = s.lend(words);
            for _ in 0..LAUNCHES {
                kernel.launch(ELEMENTS, Increment { y: words.update(), n: ELEMENTS })?;
            }
            Ok(())
        })?;
        let took = start.elapsed();
        self.launched += LAUNCHES;
        ensure!(self.words.iter().all(|word| *word == self.launched), "a launch was lost");
        Ok(took)
    }
}
