//! Runs of the oversubscribed workloads. Each launch of theirs covers a part of the data, so that it fits into device memory that has
//! room for half or a quarter of all.
//!
//! Nothing may be used in place, so that all that launches use must move, and the CPU's touches can be seen. What is counted hardly
//! depends on how busy the machine is: from run to run most figures are the same to the page, those of the key-value store differ by a
//! percent or two. So there is one session, and one run serves all benchmarks that can use it.

use anyhow::{Context, Result, anyhow, ensure};
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};
use vksvm::{BLOCK, DeviceModel, Placement, Svm, SvmBuilder};
use vksvm_pages::Trace;
use vksvm_samples::workloads::{ALL, Advice, Job, Measured, Size, Workload};

/// Parts of the working set that device memory has room for: one in so many.
pub const PARTS: [u64; 2] = [2, 4];

/// What a run has moved, and what it asked of its pages.
pub struct Run {
    /// Bytes copied to the device.
    pub to_device: u64,
    /// Bytes copied back.
    pub to_host: u64,
    /// Launches, faults, hints and frees, with the budget in its header.
    pub trace: Trace,
}

/// The workloads that can be oversubscribed.
pub fn workloads() -> impl Iterator<Item = &'static Workload> {
    ALL.iter().filter_map(|workload| Workload::named(workload.name)).filter(|w| w.working_set(SIZE).is_some())
}

/// Working sets of 32 to 64 MiB.
const SIZE: Size = Size::Medium;

/// Which run it is.
#[derive(Clone, Copy, PartialEq)]
struct Key {
    workload: &'static str,
    advice: Advice,
    part: u64,
    session: usize,
}

/// Those that were made so far.
static RUNS: Mutex<Vec<(Key, Arc<Run>)>> = Mutex::new(vec![]);

/// The session's run of a workload, where device memory has room for one part in `part` of what it works on.
pub fn of(workload: &'static Workload, advice: Advice, part: u64, session: usize) -> Result<Arc<Run>> {
    let key = Key { workload: workload.name, advice, part, session };
    let mut runs = RUNS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, run)) = runs.iter().find(|(known, _)| *known == key) {
        return Ok(run.clone());
    }
    let run = Arc::new(observed(workload, advice, part)?);
    runs.push((key, run.clone()));
    Ok(run)
}

fn observed(workload: &Workload, advice: Advice, part: u64) -> Result<Run> {
    let svm = builder(workload, SIZE, part)?.policy(advice.policy().unwrap_or_default()).trace(true).open()?;
    let name = workload.name;
    work(workload, SIZE, advice, &svm)?;
    let recording = svm.recording().context("nothing was recorded")?;
    ensure!(recording.lost() == 0, "{name}: the log was too small");
    let trace = Trace::decode(&recording.accesses().context("no page moves")?)?;
    let stats = svm.stats();
    ensure!(stats.in_place_pages == 0, "{name}: something was used in place");
    Ok(Run { to_device: stats.bytes_to_device, to_host: stats.bytes_to_host, trace })
}

/// A heap on a device that has memory for one part in `part` of what the workload's launches use, and may use nothing in place.
pub fn builder(workload: &Workload, size: Size, part: u64) -> Result<SvmBuilder> {
    let bytes = workload.working_set(size).context("nobody knows what it works on")?;
    let budget = bytes / part;
    ensure!(budget >= BLOCK as u64, "a budget of {budget} bytes is none");
    let builder = Svm::builder().placement(Placement::Discrete).device_model(DeviceModel::Pcie4);
    Ok(builder.in_place(false).device_budget(budget))
}

/// Runs a workload and checks its result.
pub fn work(workload: &Workload, size: Size, advice: Advice, svm: &Svm) -> Result<Measured> {
    let name = workload.name;
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("floors");
    let job = Job { svm, size: workload.units(size), seed: 1, advice, input: None, out: &out, step: &|_| {} };
    let outcome = workload.run(&job).with_context(|| format!("workload {name}"))?;
    outcome.check.map_err(|wrong| anyhow!("workload {name}: {wrong}"))?;
    Ok(outcome.measured)
}
