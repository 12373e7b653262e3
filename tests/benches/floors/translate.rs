//! `translate_table`, `translate_offset`: the device's time for kernels that translate their addresses, over the same kernels
//! that need not.
//!
//! The kernels are those of the samples' workloads, each run on two heaps of the same device, and those of the lowering's corpus
//! ([`corpus`]). The figure is the geometric mean of their ratios.
//!
//! Both heaps are shared with the device in place. The floor's kernels work on the user view, where device addresses equal the
//! host's; the others on the runtime view, another mapping of the same kind of memory, with pages of the same size. Both heaps
//! keep the pages that a run frees, and a run that does not count goes ahead: so no page is touched for the first time, in either
//! view, while the device's clock runs. That run has also compiled the kernels; the later ones find them in the driver's
//! cache. The time of a workload is that of all its launches, as the device's timestamps say.

mod corpus;

use crate::{
    Benchmark, LIMIT,
    measure::Rounds,
    report::{Bound, Unit},
};
use anyhow::{Context, Result, ensure};
use std::{path::Path, time::Duration};
use vksvm::{Svm, Translation};
use vksvm_samples::workloads::{ALL, Advice, Job, Size, Workload};

/// Table form, everything in place.
pub const TABLE: Benchmark = Benchmark {
    name: "translate_table",
    unit: Unit::Us,
    steps: 1,
    bound: Some(Bound::Ratio(1.6)),
    batch: 3,
    sessions: 5,
    limit: LIMIT,
    session: |_, rounds| session(rounds, Translation::Table),
};

/// Offset form.
pub const OFFSET: Benchmark = Benchmark {
    name: "translate_offset",
    unit: Unit::Us,
    steps: 1,
    bound: Some(Bound::Ratio(1.05)),
    batch: 3,
    sessions: 5,
    limit: LIMIT,
    session: |_, rounds| session(rounds, Translation::Offset),
};

fn session(rounds: &mut Rounds, translation: Translation) -> Result<()> {
    let open = |translation| Svm::builder().translation(translation).keep_freed_pages().open();
    let translated = open(translation)?;
    let floor = open(Translation::Identity)?;
    for workload in &ALL {
        rounds.interleave_part(workload.name, || run(workload, &translated), || run(workload, &floor))?;
    }
    corpus::session(rounds, translation)
}

/// The device's time for a run of medium size, whose result is checked.
fn run(workload: &Workload, svm: &Svm) -> Result<Duration> {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("floors");
    let job = Job {
        svm,
        size: workload.units(Size::Medium),
        seed: 1,
        advice: Advice::default(),
        input: None,
        out: &out,
        step: &|_| {},
    };
    let outcome = workload.run(&job).with_context(|| format!("workload {}", workload.name))?;
    outcome.check.map_err(|wrong| anyhow::anyhow!("workload {}: {wrong}", workload.name))?;
    ensure!(!outcome.measured.kernel.is_zero(), "the device has no timestamps");
    Ok(outcome.measured.kernel)
}
