//! `fault_scan`: the CPU reads memory that the device has, in order.
//!
//! The floor copies as much from device memory to the host's, in one memcpy, and then reads it there.

use super::{
    LARGE, counted, discrete,
    mechanism::Shared,
    sum,
    touched::{BareTouched, Touched},
};
use crate::{
    Bench, Benchmark, LIMIT,
    measure::Rounds,
    report::{Bound, Unit},
};
use anyhow::{Result, ensure};
use std::{hint::black_box, time::Instant};
use vksvm::Faults;

/// With the backend that is taken by default where it is allowed.
pub const SCAN: Benchmark = Benchmark {
    name: "fault_scan",
    unit: Unit::Ms,
    steps: 1,
    bound: Some(Bound::Ratio(1.3)),
    batch: 4,
    sessions: 10,
    limit: LIMIT,
    session: |bench, rounds| scan(bench, rounds, Faults::Userfaultfd),
};

/// Served by the reader, by SIGBUS.
pub const SCAN_SIGBUS: Benchmark = Benchmark {
    name: "fault_scan_sigbus",
    bound: None,
    session: |bench, rounds| scan(bench, rounds, Faults::Sigbus),
    ..SCAN
};

/// Served by the reader, by SIGSEGV.
pub const SCAN_SIGNAL: Benchmark = Benchmark {
    name: "fault_scan_signal",
    bound: None,
    session: |bench, rounds| scan(bench, rounds, Faults::Signal),
    ..SCAN
};

fn scan(bench: &Bench, rounds: &mut Rounds, faults: Faults) -> Result<()> {
    let svm = discrete(faults)?;
    let mut ours = Touched::new(&svm, LARGE)?;
    let mut floor = BareTouched::new(&bench.device, LARGE)?;
    let mut host = Shared::<u32>::new(LARGE / 4)?;
    let first = sum(floor.words());
    rounds.interleave(
        || {
            ours.launch()?;
            let before = svm.stats().bytes_to_host;
            let start = Instant::now();
            let total = black_box(sum(black_box(&ours.words)));
            let took = start.elapsed();
            counted(&svm, |stats| stats.bytes_to_host == before + LARGE as u64)?;
            ensure!(total == first + u64::from(ours.launched), "vksvm read something else");
            Ok(took)
        },
        || {
            floor.launch()?;
            let start = Instant::now();
            host.copy_from_slice(floor.words());
            let total = black_box(sum(black_box(&host)));
            let took = start.elapsed();
            ensure!(total == first + u64::from(floor.launched), "the floor read something else");
            Ok(took)
        },
    )
}
