//! The JSON line of a run.

use serde::Serialize;
use vksvm::Capabilities;
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
    // Unified placement serves no faults and moves nothing: nothing counts these yet.
    cpu_faults: u64,
    bytes_to_device: u64,
    bytes_to_host: u64,
    evictions: u64,
    in_place_pages: u64,
    device_peak_bytes: u64,
}

impl<'a> Record<'a> {
    pub fn new(workload: &'a Workload, capabilities: &'a Capabilities, outcome: &Outcome) -> Self {
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
            cpu_faults: 0,
            bytes_to_device: 0,
            bytes_to_host: 0,
            evictions: 0,
            in_place_pages: 0,
            device_peak_bytes: 0,
        }
    }
}
