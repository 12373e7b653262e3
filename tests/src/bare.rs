//! Bare Vulkan: one device, its queue and a timeline, straight on ash. The floor of the benchmarks, and what runs lowered modules.
//!
//! Written as a program that needs nothing else would write it, so that a floor is a real cost and not a straw man.
//!
//! # Safety
//! A [`Device`] outlives everything made from it: those borrow it. Whatever is dropped first waits until the device is idle, and
//! leaks if it does not become so. All of it stays on one thread (`Cell` and `RefCell` make `Device` `!Sync`), which is the
//! external synchronisation that Vulkan asks for. What recorded commands touch is up to whoever records them, see [`Commands`].
#![allow(unsafe_code)]

mod buffer;
mod commands;
mod kernel;
mod select;

use anyhow::{Context, Result, bail, ensure};
use ash::vk;
pub use buffer::Buffer;
pub use commands::{Commands, Recording};
use gpu_allocator::vulkan::{Allocator, AllocatorCreateDesc};
pub use kernel::Kernel;
use rspirv::spirv::Capability;
use std::{cell::Cell, cell::RefCell, ffi::CStr, time::Duration};
use vksvm::seam::{Imported, Opened, Span};

/// Longer than anyone's work; a wait that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A device with one compute queue and one timeline.
pub struct Device {
    // Declared in the order of destruction for what `Drop` does not do by hand.
    allocator: RefCell<Option<Allocator>>,
    device: ash::Device,
    instance: ash::Instance,
    physical: vk::PhysicalDevice,
    queue: vk::Queue,
    family: u32,
    timeline: vk::Semaphore,
    last: Cell<u64>,
    owner: Owner,
}

/// Who made the instance and the device, and destroys them.
enum Owner {
    /// This module; the entry keeps the loader in memory.
    Bare(#[allow(dead_code, reason = "it is there to be dropped last")] ash::Entry),
    /// The library.
    Library(Opened),
}

impl Device {
    /// Opens the device that `VKSVM_DEVICE` names (an index, or a part of its name), else the best one, with the few
    /// features that the benchmarks' own kernels need.
    ///
    /// # Errors
    /// No loader, no such device, or it lacks something.
    pub fn open() -> Result<Self> {
        // SAFETY: the loader is the system's own; nothing else unloads it.
        let entry = unsafe { ash::Entry::load() }.context("no Vulkan loader")?;
        let app = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_2);
        let info = vk::InstanceCreateInfo::default().application_info(&app);
        // SAFETY: `info` and what it points at live through the call.
        let instance = unsafe { entry.create_instance(&info, None) }.context("vkCreateInstance")?;
        let (physical, family) = select::choose(&instance)?;
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
        Self::of(instance, physical, device, (queue, family), Owner::Bare(entry))
    }

    /// Opens the device as the library does, for running any module: with every optional feature that it has, with imports
    /// of host memory, and under the validation layer if `VKSVM_VALIDATION` asks for it. What the layer says is kept in
    /// [`vksvm::seam::validation_messages`].
    ///
    /// # Errors
    /// Those of opening an `Svm` that are about the device.
    pub fn open_for_modules() -> Result<Self> {
        let opened = Opened::new()?;
        let (instance, device) = (opened.instance().clone(), opened.device().clone());
        Self::of(instance, opened.physical(), device, opened.queue(), Owner::Library(opened))
    }

    fn of(
        instance: ash::Instance,
        physical: vk::PhysicalDevice,
        device: ash::Device,
        (queue, family): (vk::Queue, u32),
        owner: Owner,
    ) -> Result<Self> {
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
        Ok(Device { allocator, device, instance, physical, queue, family, timeline, last: Cell::new(0), owner })
    }

    /// Whether a module may declare this capability. Unknown, and so no, for a device of [`Device::open`].
    pub fn allows(&self, capability: Capability) -> bool {
        matches!(&self.owner, Owner::Library(opened) if opened.allows(capability))
    }

    /// The highest SPIR-V version that the device takes, as in a module's header; 1.5 for a device of [`Device::open`].
    pub fn spirv_version(&self) -> u32 {
        match &self.owner {
            Owner::Library(opened) => opened.spirv_version(),
            Owner::Bare(_) => 0x0001_0500,
        }
    }

    /// Imports host memory, aligned to 64 KiB at both ends, into a device of [`Device::open_for_modules`].
    ///
    /// # Safety
    /// The range is mapped, and stays so for as long as the import and every command that uses it.
    ///
    /// # Errors
    /// The device does not import, or was opened by [`Device::open`].
    pub unsafe fn import(&self, host: Span) -> Result<Imported> {
        let Owner::Library(opened) = &self.owner else { bail!("the floor's device imports nothing") };
        // SAFETY: the caller's promise.
        Ok(unsafe { opened.import(host) }?)
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
    ///
    /// # Errors
    /// What Vulkan's call returns.
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
    ///
    /// # Errors
    /// The device is lost, or a minute was not enough.
    pub fn wait(&self, point: u64) -> Result<()> {
        self.wait_within(point, PATIENCE)
    }

    /// Blocks until the timeline has reached `point`, but no longer than `limit`.
    ///
    /// # Errors
    /// The device is lost, or `limit` was not enough.
    pub fn wait_within(&self, point: u64, limit: Duration) -> Result<()> {
        let (semaphores, points) = ([self.timeline], [point]);
        let info = vk::SemaphoreWaitInfo::default().semaphores(&semaphores).values(&points);
        // SAFETY: `info` and what it points at live through the call.
        unsafe { self.device.wait_semaphores(&info, limit.as_nanos() as u64) }.context("vkWaitSemaphores")
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
        if let Owner::Library(_) = self.owner {
            return;
        }
        // SAFETY: everything made from the device borrowed it, so it is gone; the allocator and timeline went just above.
        unsafe { self.device.destroy_device(None) };
        // SAFETY: the only device made from this instance is gone.
        unsafe { self.instance.destroy_instance(None) };
    }
}

/// A fixed-size C string of Vulkan's property structs.
fn text(bytes: &[std::ffi::c_char]) -> String {
    CStr::from_bytes_until_nul(bytemuck::cast_slice(bytes))
        .map(|s| s.to_string_lossy().into_owned())
        .unwrap_or_default()
}
