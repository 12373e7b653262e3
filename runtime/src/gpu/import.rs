//! Host memory as the device sees it: imports through `VK_EXT_external_memory_host`.

use super::{call::Call, device::Device};
use crate::{
    addr::{DeviceAddr, Span},
    error::{Error, Result},
};
use ash::vk;
use std::sync::Arc;

/// A range of host memory bound to a buffer with a device address, until it is dropped.
pub(crate) struct Import {
    device: Arc<Device>,
    buffer: vk::Buffer,
    memory: vk::DeviceMemory,
    pub address: DeviceAddr,
}

/// What an import is made from.
pub(super) const HANDLE: vk::ExternalMemoryHandleTypeFlags = vk::ExternalMemoryHandleTypeFlags::HOST_ALLOCATION_EXT;

/// What its buffer is for.
pub(super) const USAGE: vk::BufferUsageFlags = vk::BufferUsageFlags::from_raw(
    vk::BufferUsageFlags::STORAGE_BUFFER.as_raw() | vk::BufferUsageFlags::SHADER_DEVICE_ADDRESS.as_raw(),
);

impl Import {
    /// Imports the memory at `host`, which must be aligned to the device's `import_align` at both ends.
    ///
    /// # Safety
    /// The range is mapped, and stays so for as long as the import and every launch that uses it.
    pub unsafe fn new(device: &Arc<Device>, host: Span) -> Result<Self> {
        let unavailable = |reason: &str| Error::PlacementUnavailable {
            placement: "unified",
            device: device.info.name.clone(),
            reason: reason.into(),
        };
        let Some(extension) = &device.host_import else {
            return Err(unavailable("it has no VK_EXT_external_memory_host"));
        };
        let pointer = std::ptr::with_exposed_provenance_mut::<std::ffi::c_void>(host.start as usize);
        let mut properties = vk::MemoryHostPointerPropertiesEXT::default();
        let query = extension.fp().get_memory_host_pointer_properties_ext;
        device.calls.run(Call::GetMemoryHostPointerProperties, || {
            // SAFETY: the caller vouches for the range; the out-structure lives through the call.
            unsafe { query(device.raw.handle(), HANDLE, pointer, &mut properties) }.result()
        })?;

        let mut external = vk::ExternalMemoryBufferCreateInfo::default().handle_types(HANDLE);
        let info = vk::BufferCreateInfo::default().size(host.len()).usage(USAGE).push_next(&mut external);
        // SAFETY: a plain buffer; the device enables buffer addresses and the import extension.
        let buffer = device.calls.run(Call::CreateBuffer, || unsafe { device.raw.create_buffer(&info, None) })?;
        let mut import =
            Import { device: device.clone(), buffer, memory: vk::DeviceMemory::null(), address: DeviceAddr(0) };
        // SAFETY: the buffer was made from this device.
        let needs = unsafe { device.raw.get_buffer_memory_requirements(buffer) };

        // HOST_COHERENT: the CPU side of the heap is plain memory that nobody flushes.
        let bits = needs.memory_type_bits & properties.memory_type_bits;
        // Cached where there is a choice; AMD's DEVICE_COHERENT needs a feature that is not enabled.
        let flags = |i: &u32| device.memory.memory_types[*i as usize].property_flags;
        let coherent = (0..device.memory.memory_type_count)
            .filter(|i| bits & (1 << i) != 0)
            .filter(|i| flags(i).contains(vk::MemoryPropertyFlags::HOST_COHERENT))
            .filter(|i| !flags(i).contains(vk::MemoryPropertyFlags::DEVICE_COHERENT_AMD))
            .max_by_key(|i| flags(i).contains(vk::MemoryPropertyFlags::HOST_CACHED));
        let Some(kind) = coherent else {
            return Err(unavailable("it imports host memory only through memory types that are not host-coherent"));
        };
        if needs.size > host.len() {
            return Err(unavailable("a buffer over imported memory needs more bytes than were imported"));
        }
        let mut flags = vk::MemoryAllocateFlagsInfo::default().flags(vk::MemoryAllocateFlags::DEVICE_ADDRESS);
        let mut from = vk::ImportMemoryHostPointerInfoEXT::default().handle_type(HANDLE).host_pointer(pointer);
        let info = vk::MemoryAllocateInfo::default()
            .allocation_size(host.len())
            .memory_type_index(kind)
            .push_next(&mut flags)
            .push_next(&mut from);
        // SAFETY: the caller vouches that the range stays mapped; its alignment is the caller's, too.
        import.memory =
            device.calls.run(Call::AllocateMemory, || unsafe { device.raw.allocate_memory(&info, None) })?;
        // SAFETY: both belong to this device, neither is bound yet, and the memory is large enough (checked above).
        device.calls.run(Call::BindBufferMemory, || unsafe {
            device.raw.bind_buffer_memory(import.buffer, import.memory, 0)
        })?;
        let info = vk::BufferDeviceAddressInfo::default().buffer(import.buffer);
        // SAFETY: the buffer has the address usage and is bound.
        import.address = DeviceAddr(unsafe { device.raw.get_buffer_device_address(&info) });
        Ok(import)
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        // SAFETY: no launch uses it any more: the owner drops imports after the queue has drained.
        unsafe { self.device.raw.destroy_buffer(self.buffer, None) };
        // SAFETY: as above; freeing null memory is a no-op.
        unsafe { self.device.raw.free_memory(self.memory, None) };
    }
}
