//! `trace_overhead`: the same work with everything logged that happens to pages and launches, over nothing logged. The figure is the
//! geometric mean of two programs': a workload with device memory for half of it, whose pages come and go, and many launches that do
//! next to nothing.
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

/// With the log over without it.
pub const TRACE_OVERHEAD: Benchmark = Benchmark {
    name: "trace_overhead",
    unit: Unit::Ms,
    steps: 1,
    bound: Some(Bound::Ratio(1.10)),
    batch: 4,
    sessions: 5,
    limit: LIMIT,
    session: |_, rounds| {
        ranking(rounds)?;
        small_launches(rounds)
    },
};

/// The workload, and its size: 20 MiB.
const WORKLOAD: &str = "pagerank";
const SIZE: Size = Size::Exactly(18);

/// Launches in a round, and elements that each updates.
const LAUNCHES: u32 = 1000;
const ELEMENTS: u32 = 256;

fn ranking(rounds: &mut Rounds) -> Result<()> {
    let workload = Workload::named(WORKLOAD).context("there is no such workload")?;
    let open = |traced| Ok::<_, anyhow::Error>(runs::builder(workload, SIZE, 2)?.trace(traced).open()?);
    let (traced, floor) = (open(true)?, open(false)?);
    let work = |svm| Ok(runs::work(workload, SIZE, Advice::Auto, svm)?.wall);
    rounds.interleave_part(WORKLOAD, || work(&traced), || work(&floor))?;
    logged(&traced)
}

fn small_launches(rounds: &mut Rounds) -> Result<()> {
    let open = |traced| Svm::builder().placement(Placement::Discrete).trace(traced).open();
    let (mut traced, mut floor) = (Counter::new(open(true)?)?, Counter::new(open(false)?)?);
    rounds.interleave_part("small launches", || traced.round(), || floor.round())?;
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
    fn new(svm: Svm) -> Result<Self> {
        // SAFETY: the shader updates y[i] for i < n, each by one invocation.
        let kernel = unsafe { svm.module(INCREMENT).load::<Increment>()? };
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
