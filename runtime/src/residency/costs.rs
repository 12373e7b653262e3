//! Who decides which pages are with the device, and by which costs.

use super::measure;
use crate::{
    addr::PAGE,
    builder::Seam,
    config::{Config, DeviceModel, Policy},
    error::Result,
    gpu::Device,
};
use std::sync::Arc;
use vksvm_pages::{Auto, Costs, Lru};

/// Who decides.
pub(super) struct Decider {
    pub policy: Box<dyn vksvm_pages::Policy>,
    /// By which costs, if it reckons with any.
    pub costs: (vksvm_pages::DeviceModel, Costs),
    /// What a program is told of it.
    pub why: String,
}

/// The policy that was asked for.
///
/// # Errors
/// As Vulkan's, where costs are measured.
pub(super) fn policy(config: &Config, seam: &Seam, device: &Arc<Device>, in_place: bool) -> Result<Decider> {
    let model = match config.device_model.clone()? {
        DeviceModel::Auto if device.info.shares_memory => DeviceModel::Pcie4,
        DeviceModel::Auto => DeviceModel::Measured,
        model => model,
    };
    let known = vksvm_pages::DeviceModel::named(model.name()).unwrap_or(vksvm_pages::DeviceModel::Measured);
    if config.policy.clone()? == Policy::Lru {
        let why =
            "policy lru: launches have all that they use moved, what was not used for the longest time goes".into();
        // Not worth measuring for who does not ask.
        return Ok(Decider {
            policy: Box::new(Lru::default()),
            costs: (known, known.costs().unwrap_or(Costs::PCIE4)),
            why,
        });
    }
    let costs = match known.costs() {
        Some(costs) => costs,
        None => measure::costs(device, seam.way(), in_place)?,
    };
    let speed = |nanoseconds: u32| PAGE as f64 / f64::from(nanoseconds.max(1));
    let why = format!(
        "policy auto: device model {}, {:.1} GB/s to the device, {:.1} back, {:.1} in place, {:.1} there",
        model.name(),
        speed(costs.copy_in),
        speed(costs.copy_out),
        speed(costs.in_place_read),
        speed(costs.local),
    );
    Ok(Decider { policy: Box::new(seam.guarding(Auto::new(costs))), costs: (known, costs), why })
}
