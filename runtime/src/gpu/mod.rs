//! The Vulkan device: the only importer of ash.
//!
//! From the outside in: [`Instance`] and [`candidates`] find a device, [`Device`] is one, [`Import`] shows it host
//! memory, [`DeviceMemory`] is its own, [`Table`] says where pages are, [`Pipeline`] is code on it, and [`Queue`] orders launches, which [`VulkanQueue`]
//! carries out. Calls that can fail go through [`call`], where their results become errors and tests make them fail.
//!
//! # Safety
//! Vulkan's valid-usage rules are kept here and nowhere else. Three invariants carry most of them: whatever is made from
//! a device holds an `Arc` of it; a device's queue is used under its lock only ([`queues`]), a launch queue's command pool under the launch queue's; what a submission
//! uses (pipelines, queries) is held by the queue until the submission has ended.
#![allow(unsafe_code)]

mod broken;
mod budget;
mod calibration;
pub(crate) mod call;
mod chunk;
mod device;
mod features;
mod import;
mod instance;
mod memory;
#[cfg(feature = "seam")]
pub(crate) mod opened;
#[cfg(feature = "seam")]
pub(crate) mod opened_memory;
mod pipeline;
pub(crate) mod plan;
mod queue;
mod queues;
mod reaper;
mod select;
mod staging;
mod streaming;
mod submit;
mod table;
mod timeline;
mod timing;
pub(crate) mod validation;

#[cfg(not(feature = "seam"))]
pub(crate) use broken::Broken;
#[cfg(feature = "seam")]
pub use broken::Broken;
pub(crate) use budget::default_budget;
pub(crate) use calibration::Calibration;
pub(crate) use device::{Device, DeviceInfo};
pub(crate) use import::Import;
pub(crate) use instance::Instance;
pub(crate) use memory::{CHUNK_SLOTS, DeviceMemory, Part, Way};
pub(crate) use pipeline::{Pipeline, PipelineSource};
pub(crate) use queue::{Queue, QueueOptions};
pub(crate) use reaper::Reaper;
pub(crate) use select::{Candidate, candidates};
pub(crate) use submit::VulkanQueue;
pub(crate) use table::Table;
pub(crate) use timing::{Timer, Timers};

/// The code of what measures memory: `{ u64 address, u32 quads of 16 bytes, u32 change }`, entry `main`, 64 invocations a workgroup. What
/// is changed is added that number.
pub(crate) const SWEEP_SPIRV: &[u8] = include_bytes!("sweep.spv");

/// The start-up probe's code: `{ u64 address }`, entry `main`, one invocation.
pub(crate) const PROBE_SPIRV: &[u8] = include_bytes!("probe.spv");
