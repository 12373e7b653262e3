//! What was found at start-up and what follows from it.

use crate::{
    addr::PAGE,
    config::{Placement, Translation},
    gpu::DeviceInfo,
    os::mapping::Backing,
    residency::Reasons,
};

/// The device, the placement in force and the reasons. From `Svm::capabilities`.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Capabilities {
    /// The device's name.
    pub device: String,
    /// The driver's name and version.
    pub driver: String,
    /// The Vulkan version that the device speaks.
    pub vulkan: String,
    /// Whether the device is the CPU.
    pub is_cpu: bool,
    /// The placement in force.
    pub placement: Placement,
    /// How shader addresses become device addresses; never `Auto`.
    pub translation: Translation,
    /// How CPU faults are served: the name of one of [`Faults`](crate::Faults), or `none` in unified placement, which raises none.
    pub faults: &'static str,
    /// What backs the heap.
    pub backing: Backing,
    /// Bytes of device memory that pages may take; 0 in unified placement.
    pub device_budget_bytes: u64,
    /// Whether launches work on pages that are with the host.
    pub in_place: bool,
    /// Why it is so, a sentence each.
    pub reasons: Vec<String>,
    /// What the probes tried and found.
    pub probes: Vec<Probe>,
    /// The heap's size in bytes.
    pub heap_bytes: u64,
    /// A segment's size in bytes.
    pub segment_bytes: u64,
    /// Bytes in a page.
    pub page_bytes: u64,
    /// Bytes that a kernel's arguments may take.
    pub max_argument_bytes: usize,
    /// Most workgroups of a launch in each dimension.
    pub max_groups: [u32; 3],
    /// Largest workgroup in each dimension.
    pub max_workgroup: [u32; 3],
    /// Most invocations in a workgroup.
    pub max_workgroup_invocations: u32,
    /// Bytes that a workgroup may share.
    pub max_shared_bytes: u32,
    /// Whether `Launch::gpu_time` can be measured.
    pub timestamps: bool,
}

/// One thing that was tried before it is relied on.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Probe {
    /// What was tried.
    pub name: &'static str,
    /// Whether it works.
    pub works: bool,
    /// What was seen.
    pub detail: String,
}

impl Capabilities {
    pub(crate) fn of(device: &DeviceInfo, why: Reasons, segment: usize, heap: usize) -> Self {
        Capabilities {
            device: device.name.clone(),
            driver: device.driver.clone(),
            vulkan: device.version.clone(),
            is_cpu: device.is_cpu,
            placement: why.placement,
            translation: why.translation,
            faults: why.faults,
            backing: why.backing,
            device_budget_bytes: why.device_budget,
            in_place: why.in_place,
            reasons: why.reasons,
            probes: why.probes,
            heap_bytes: heap as u64,
            segment_bytes: segment as u64,
            page_bytes: PAGE as u64,
            max_argument_bytes: device.push_constants,
            max_groups: device.max_groups,
            max_workgroup: device.max_local,
            max_workgroup_invocations: device.max_invocations,
            max_shared_bytes: device.max_shared,
            timestamps: device.tick_ns.is_some(),
        }
    }
}
