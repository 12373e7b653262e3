//! `fault_latency_…`: the CPU touches one page that a launch has written, until it has the first word.
//!
//! The floor serves its touch by the same mechanism of the system's, with the same copy, and knows nothing else: no state of
//! pages, no waiting for launches, no other page.
//!
//! # Safety
//! Words are read as volatile, so that the touch is where it is timed.
#![allow(unsafe_code)]

use super::{
    counted, discrete,
    mechanism::{Mechanism, Way},
    touched::{BareTouched, Touched},
};
use crate::{
    Bench, Benchmark, LIMIT,
    measure::Rounds,
    report::{Bound, Unit},
};
use anyhow::{Result, ensure};
use std::time::Instant;
use vksvm::{Faults, PAGE};

/// A thread that sleeps serves it.
pub const USERFAULTFD: Benchmark = Benchmark {
    name: "fault_latency_userfaultfd",
    unit: Unit::Us,
    steps: 1,
    bound: Some(Bound::Ratio(1.25)),
    batch: 200,
    sessions: 10,
    limit: LIMIT,
    session: |bench, rounds| latency(bench, rounds, Faults::Userfaultfd, Way::Userfaultfd),
};

/// The touching thread serves itself, by SIGBUS.
pub const SIGBUS: Benchmark = Benchmark {
    name: "fault_latency_sigbus",
    session: |bench, rounds| latency(bench, rounds, Faults::Sigbus, Way::Sigbus),
    ..USERFAULTFD
};

/// The touching thread serves itself, by SIGSEGV.
pub const SIGNAL: Benchmark = Benchmark {
    name: "fault_latency_signal",
    session: |bench, rounds| latency(bench, rounds, Faults::Signal, Way::Signal),
    ..USERFAULTFD
};

fn latency(bench: &Bench, rounds: &mut Rounds, faults: Faults, way: Way) -> Result<()> {
    let svm = discrete(faults)?;
    let mut ours = Touched::new(&svm, PAGE)?;
    let mut floor = BareTouched::new(&bench.device, PAGE)?;
    let mechanism = Mechanism::new(way)?;
    mechanism.fill(floor.words());
    rounds.interleave(
        || {
            ours.launch()?;
            let before = svm.stats().cpu_faults;
            let start = Instant::now();
            // SAFETY: a word of the vector.
            let word = unsafe { (&raw const ours.words[0]).read_volatile() };
            let took = start.elapsed();
            ensure!(word == ours.launched, "vksvm read {word} after {} launches", ours.launched);
            counted(&svm, |stats| stats.cpu_faults == before + 1)?;
            Ok(took)
        },
        || {
            mechanism.take(floor.words_mut())?;
            floor.launch()?;
            let (word, took) = mechanism.touch(floor.words())?;
            ensure!(word == floor.launched, "the floor read {word} after {} launches", floor.launched);
            Ok(took)
        },
    )
}
