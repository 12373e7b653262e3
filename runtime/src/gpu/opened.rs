//! A device as the library opens one, with its raw handles: for this project's test programs, which put their own work on it.

use super::{Device, Import, Instance, candidates};
use crate::{
    addr::Span,
    config::Config,
    error::{Error, Result},
};
use ash::vk;
use rspirv::spirv::Capability;
use std::sync::Arc;

/// A device with every optional feature that the library knows, and one queue. Dropping it destroys the device once what
/// was imported is gone, too; whatever else was made from it must be gone before.
pub struct Opened {
    device: Arc<Device>,
    instance: Arc<Instance>,
    physical: vk::PhysicalDevice,
}

/// Host memory that the device sees, until this is dropped.
pub struct Imported(Import);

impl Opened {
    /// Opens the device that an `Svm` would open, under the validation layer if `VKSVM_VALIDATION` asks for it.
    ///
    /// # Errors
    /// Those of opening an `Svm` that are about the device.
    pub fn new() -> Result<Self> {
        let config = Config::from_env();
        let instance = Arc::new(Instance::new(Default::default(), config.validation)?);
        let found = candidates(&instance, config.device.as_deref())?;
        let Some(first) = found.first() else {
            return Err(Error::NoDevice { wanted: "is usable".into(), found: "there is none".into() });
        };
        let device = Device::new(&instance, first)?;
        Ok(Opened { device, physical: first.raw, instance })
    }

    /// The instance. Not to be destroyed.
    pub fn instance(&self) -> &ash::Instance {
        &self.instance.raw
    }

    /// The device. Not to be destroyed.
    pub fn device(&self) -> &ash::Device {
        &self.device.raw
    }

    /// The physical device.
    pub fn physical(&self) -> vk::PhysicalDevice {
        self.physical
    }

    /// The queue and its family. Vulkan asks that one thread at a time uses it.
    pub fn queue(&self) -> (vk::Queue, u32) {
        (*self.device.queue.lock(), self.device.queue.family)
    }

    /// Whether a kernel may declare this SPIR-V capability.
    pub fn allows(&self, capability: Capability) -> bool {
        self.device.allows(capability)
    }

    /// The highest SPIR-V version that it takes, as in a module's header.
    pub fn spirv_version(&self) -> u32 {
        self.device.spirv_version()
    }

    /// Imports host memory, aligned to 64 KiB at both ends.
    ///
    /// # Safety
    /// The range is mapped, and stays so for as long as the import and every command that uses it.
    ///
    /// # Errors
    /// `PlacementUnavailable` where the device imports none; what Vulkan's calls return.
    pub unsafe fn import(&self, host: Span) -> Result<Imported> {
        // SAFETY: the caller's promise is the one that `Import` asks for.
        unsafe { Import::new(&self.device, host) }.map(Imported)
    }
}

impl Imported {
    /// Where shaders find its first byte.
    pub fn address(&self) -> vk::DeviceAddress {
        self.0.address.0
    }
}
