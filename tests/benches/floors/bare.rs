//! The bare side of the benchmarks: one Vulkan device, its queue and a timeline, straight on ash.
//!
//! Written as a program that needs nothing else would write it, so that a floor is a real cost and not a straw man.
//!
//! # Safety
//! A [`Device`] outlives everything made from it: those borrow it. Whatever is dropped first waits until the device is idle, and
//! leaks if it does not become so. All of it stays on one thread (`Cell` and `RefCell` make `Device` `!Sync`), which is the
//! external synchronisation that Vulkan asks for. What recorded commands touch is up to whoever records them, see [`commands`].
#![allow(unsafe_code)]

mod buffer;
mod commands;
mod kernel;

use anyhow::{Context, Result, bail, ensure};
use ash::vk;
pub use buffer::Buffer;
pub use commands::{Commands, Recording};
use gpu_allocator::vulkan::{Allocator, AllocatorCreateDesc};
pub use kernel::Kernel;
use std::{cell::Cell, cell::RefCell, env, ffi::CStr, time::Duration};

/// Longer than any benchmark's work; a wait that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A device with one compute queue and one timeline.
pub struct Device {
    // Declared in the order of destruction for what `Drop` does not do by hand; the entry keeps the loader in memory.
    allocator: RefCell<Option<Allocator>>,
    device: ash::Device,
    instance: ash::Instance,
    _entry: ash::Entry,
    physical: vk::PhysicalDevice,
    queue: vk::Queue,
    family: u32,
    timeline: vk::Semaphore,
    last: Cell<u64>,
}

impl Device {
    /// Opens the device that `VKSVM_DEVICE` names (an index, or a part of its name), else the best one.
    pub fn open() -> Result<Self> {
        // SAFETY: the loader is the system's own; nothing else unloads it.
        let entry = unsafe { ash::Entry::load() }.context("no Vulkan loader")?;
        let app = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_2);
        let info = vk::InstanceCreateInfo::default().application_info(&app);
        // SAFETY: `info` and what it points at live through the call.
        let instance = unsafe { entry.create_instance(&info, None) }.context("vkCreateInstance")?;
        let physical = choose(&instance)?;

        // SAFETY: `physical` comes from this instance.
        let families = unsafe { instance.get_physical_device_queue_family_properties(physical) };
        // A queue without graphics, if there is one, is undisturbed by what is drawn.
        let family = (0..families.len())
            .filter(|i| families[*i].queue_flags.contains(vk::QueueFlags::COMPUTE))
            .min_by_key(|i| families[*i].queue_flags.contains(vk::QueueFlags::GRAPHICS))
            .context("the device has no compute queue")? as u32;
        let queues = [vk::DeviceQueueCreateInfo::default().queue_family_index(family).queue_priorities(&[1.0])];
        let mut features12 = vk::PhysicalDeviceVulkan12Features::default()
            .buffer_device_address(true)
            .timeline_semaphore(true)
            .scalar_block_layout(true);
        let features = vk::PhysicalDeviceFeatures::default().shader_int64(true);
        let info = vk::DeviceCreateInfo::default()
            .queue_create_infos(&queues)
            .enabled_features(&features)
            .push_next(&mut features12);
        // SAFETY: `info` and what it points at live through the call; a missing feature is an error, not a fault.
        let device = unsafe { instance.create_device(physical, &info, None) }.context("vkCreateDevice")?;
        // SAFETY: queue 0 of `family` was asked for just above.
        let queue = unsafe { device.get_device_queue(family, 0) };

        let mut kind = vk::SemaphoreTypeCreateInfo::default().semaphore_type(vk::SemaphoreType::TIMELINE);
        let info = vk::SemaphoreCreateInfo::default().push_next(&mut kind);
        // SAFETY: `info` lives through the call, and timeline semaphores were enabled.
        let timeline = unsafe { device.create_semaphore(&info, None) }.context("vkCreateSemaphore")?;
        let allocator = Allocator::new(&AllocatorCreateDesc {
            instance: instance.clone(),
            device: device.clone(),
            physical_device: physical,
            debug_settings: Default::default(),
            buffer_device_address: true,
            allocation_sizes: Default::default(),
        })?;
        let allocator = RefCell::new(Some(allocator));
        Ok(Device { allocator, device, instance, _entry: entry, physical, queue, family, timeline, last: Cell::new(0) })
    }

    /// The device's name, and its driver with the driver's own version text (for Mesa: its release).
    pub fn names(&self) -> (String, String) {
        let mut driver = vk::PhysicalDeviceDriverProperties::default();
        let mut device = vk::PhysicalDeviceProperties2::default().push_next(&mut driver);
        // SAFETY: `physical` comes from this instance; the chain lives through the call.
        unsafe { self.instance.get_physical_device_properties2(self.physical, &mut device) };
        let name = text(&device.properties.device_name);
        (name, format!("{} {}", text(&driver.driver_name), text(&driver.driver_info)))
    }

    /// Submits what `commands` recorded and returns the timeline's value that ends it.
    pub fn submit(&self, commands: &Commands<'_>) -> Result<u64> {
        let point = self.last.get() + 1;
        let (buffers, semaphores, points) = ([commands.handle()], [self.timeline], [point]);
        let mut timeline = vk::TimelineSemaphoreSubmitInfo::default().signal_semaphore_values(&points);
        let info =
            vk::SubmitInfo::default().command_buffers(&buffers).signal_semaphores(&semaphores).push_next(&mut timeline);
        // SAFETY: `commands` is recorded to its end and not in use (`Commands::record`'s contract); one thread owns the queue.
        unsafe { self.device.queue_submit(self.queue, &[info], vk::Fence::null()) }.context("vkQueueSubmit")?;
        self.last.set(point);
        Ok(point)
    }

    /// Blocks until the timeline has reached `point`.
    pub fn wait(&self, point: u64) -> Result<()> {
        let (semaphores, points) = ([self.timeline], [point]);
        let info = vk::SemaphoreWaitInfo::default().semaphores(&semaphores).values(&points);
        // SAFETY: `info` and what it points at live through the call.
        unsafe { self.device.wait_semaphores(&info, PATIENCE.as_nanos() as u64) }.context("vkWaitSemaphores")
    }

    /// Whether everything submitted has finished, after waiting for it. If not, the device is lost or stuck, and destroying what
    /// it may still use would be worse than leaking it.
    fn is_idle(&self) -> bool {
        self.wait(self.last.get()).is_ok()
    }

    /// How long a step of the device's timestamps is.
    fn timestamp_step(&self) -> Result<f64> {
        // SAFETY: `physical` comes from this instance.
        let properties = unsafe { self.instance.get_physical_device_properties(self.physical) };
        ensure!(properties.limits.timestamp_compute_and_graphics == vk::TRUE, "the device has no timestamps");
        Ok(f64::from(properties.limits.timestamp_period))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if !self.is_idle() {
            return;
        }
        self.allocator.get_mut().take();
        // SAFETY: the device is idle.
        unsafe { self.device.destroy_semaphore(self.timeline, None) };
        // SAFETY: everything made from the device borrowed it, so it is gone; the allocator and timeline went just above.
        unsafe { self.device.destroy_device(None) };
        // SAFETY: the only device made from this instance is gone.
        unsafe { self.instance.destroy_instance(None) };
    }
}

/// The device that `VKSVM_DEVICE` selects, else the best kind, the first of several.
fn choose(instance: &ash::Instance) -> Result<vk::PhysicalDevice> {
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
    match chosen {
        Some(index) => Ok(found[index]),
        None => bail!("no Vulkan device matches VKSVM_DEVICE; there are {} devices", found.len()),
    }
}

/// A fixed-size C string of Vulkan's property structs.
fn text(bytes: &[std::ffi::c_char]) -> String {
    CStr::from_bytes_until_nul(bytemuck::cast_slice(bytes))
        .map(|s| s.to_string_lossy().into_owned())
        .unwrap_or_default()
}
