//! Which device and which of its queues.
//!
//! # Safety
//! What is asked about comes from the instance that is asked.
#![allow(unsafe_code)]

use super::text;
use anyhow::{Context, Result, bail};
use ash::vk;
use std::env;

/// The device that `VKSVM_DEVICE` selects, else the best kind, the first of several; and the index of its queue family.
pub(super) fn choose(instance: &ash::Instance) -> Result<(vk::PhysicalDevice, u32)> {
    // SAFETY: the instance is alive.
    let found = unsafe { instance.enumerate_physical_devices() }.context("vkEnumeratePhysicalDevices")?;
    let properties: Vec<_> = found
        .iter()
        // SAFETY: each comes from this instance.
        .map(|p| unsafe { instance.get_physical_device_properties(*p) })
        .collect();
    let chosen = match env::var("VKSVM_DEVICE").ok().filter(|s| !s.is_empty()) {
        Some(wanted) => match wanted.parse::<usize>() {
            Ok(index) => (index < found.len()).then_some(index),
            Err(_) => {
                let wanted = wanted.to_lowercase();
                properties.iter().position(|p| text(&p.device_name).to_lowercase().contains(&wanted))
            }
        },
        None => (0..found.len()).min_by_key(|i| match properties[*i].device_type {
            vk::PhysicalDeviceType::DISCRETE_GPU => 0,
            vk::PhysicalDeviceType::INTEGRATED_GPU => 1,
            vk::PhysicalDeviceType::VIRTUAL_GPU => 2,
            vk::PhysicalDeviceType::CPU => 3,
            _ => 4,
        }),
    };
    let Some(index) = chosen else { bail!("no Vulkan device matches VKSVM_DEVICE; there are {} devices", found.len()) };
    let physical = found[index];
    // SAFETY: `physical` comes from this instance.
    let families = unsafe { instance.get_physical_device_queue_family_properties(physical) };
    // A queue without graphics, if there is one, is undisturbed by what is drawn.
    let family = (0..families.len())
        .filter(|i| families[*i].queue_flags.contains(vk::QueueFlags::COMPUTE))
        .min_by_key(|i| families[*i].queue_flags.contains(vk::QueueFlags::GRAPHICS))
        .context("the device has no compute queue")?;
    Ok((physical, family as u32))
}
