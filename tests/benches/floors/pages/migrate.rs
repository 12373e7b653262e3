//! `migrate_h2d` and `migrate_d2h`: 256 MiB to the device for a launch, and back.
//!
//! The floor is one memcpy from or to mapped device memory; on the way there it is followed by the same launch.

use super::{
    LARGE, discrete,
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
use std::time::Instant;
use vksvm::{Faults, PAGE, Svm};

/// A launch that is declared to write all of it, until it has ended.
pub const H2D: Benchmark = Benchmark {
    name: "migrate_h2d",
    unit: Unit::Ms,
    steps: 1,
    bound: Some(Bound::Ratio(1.3)),
    batch: 4,
    sessions: 10,
    limit: LIMIT,
    session: to_device,
};

/// All of it comes home, and the CPU has it back.
pub const D2H: Benchmark = Benchmark { name: "migrate_d2h", session: to_host, ..H2D };

fn to_device(bench: &Bench, rounds: &mut Rounds) -> Result<()> {
    let svm = discrete(Faults::Auto)?;
    let mut ours = Touched::new(&svm, LARGE)?;
    let mut floor = BareTouched::new(&bench.device, LARGE)?;
    let mut host = Shared::<u32>::new(LARGE / 4)?;
    host.copy_from_slice(floor.words());
    let first = sum(&host);
    rounds.interleave(
        || {
            let start = Instant::now();
            ours.launch()?;
            let took = start.elapsed();
            come_home(&svm)?;
            ensure!(sum(&ours.words) == first + u64::from(ours.launched), "vksvm lost something");
            Ok(took)
        },
        || {
            let start = Instant::now();
            floor.words_mut().copy_from_slice(&host);
            floor.launch()?;
            let took = start.elapsed();
            host.copy_from_slice(floor.words());
            ensure!(sum(&host) == first + u64::from(floor.launched), "the floor lost something");
            Ok(took)
        },
    )
}

fn to_host(bench: &Bench, rounds: &mut Rounds) -> Result<()> {
    let svm = discrete(Faults::Auto)?;
    let mut ours = Touched::new(&svm, LARGE)?;
    let mut floor = BareTouched::new(&bench.device, LARGE)?;
    let mut host = Shared::<u32>::new(LARGE / 4)?;
    let first = sum(floor.words());
    rounds.interleave(
        || {
            ours.launch()?;
            let start = Instant::now();
            come_home(&svm)?;
            let took = start.elapsed();
            let faults = svm.stats().cpu_faults;
            ensure!(sum(&ours.words) == first + u64::from(ours.launched), "vksvm lost something");
            ensure!(svm.stats().cpu_faults == faults, "not all of it had come home");
            Ok(took)
        },
        || {
            floor.launch()?;
            let start = Instant::now();
            host.copy_from_slice(floor.words());
            let took = start.elapsed();
            ensure!(sum(&host) == first + u64::from(floor.launched), "the floor lost something");
            Ok(took)
        },
    )
}

fn come_home(svm: &Svm) -> Result<()> {
    let pages = svm.evict_idle()?;
    ensure!(pages == LARGE / PAGE, "{pages} pages came home");
    Ok(())
}
