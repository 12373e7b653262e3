//! The JSON line of a run.

use serde::Serialize;
use vksvm::{Stats, Svm};
use vksvm_samples::workloads::{Outcome, Workload};

/// What `--json` prints, one object a line. Field names and order are part of the command line's interface.
#[derive(Serialize)]
pub struct Record<'a> {
    workload: &'a str,
    placement: vksvm::Placement,
    translation: vksvm::Translation,
    faults: &'a str,
    device: &'a str,
    size: u64,
    verified: bool,
    wall_us: u64,
    kernel_us: u64,
    launches: u64,
    cpu_faults: u64,
    bytes_to_device: u64,
    bytes_to_host: u64,
    evictions: u64,
    in_place_pages: u64,
    device_peak_bytes: u64,
}

impl<'a> Record<'a> {
    /// `before` is what was counted until the workload began.
    pub fn new(workload: &'a Workload, svm: &'a Svm, before: &Stats, outcome: &Outcome) -> Self {
        let (capabilities, now) = (svm.capabilities(), svm.stats());
        Record {
            workload: workload.name,
            placement: capabilities.placement,
            translation: capabilities.translation,
            faults: capabilities.faults,
            device: &capabilities.device,
            size: outcome.size,
            verified: outcome.check.is_ok(),
            wall_us: outcome.measured.wall.as_micros() as u64,
            kernel_us: outcome.measured.kernel.as_micros() as u64,
            launches: outcome.measured.launches,
            cpu_faults: now.cpu_faults - before.cpu_faults,
            bytes_to_device: now.bytes_to_device - before.bytes_to_device,
            bytes_to_host: now.bytes_to_host - before.bytes_to_host,
            evictions: now.evictions - before.evictions,
            in_place_pages: now.in_place_pages - before.in_place_pages,
            device_peak_bytes: now.device_peak_bytes,
        }
    }
}
