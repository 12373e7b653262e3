//! One chunk of device memory: an allocation, the buffer over it, and its mapping where the host works on it directly.
//!
//! The memory is allocated straight from Vulkan, as tables are: a chunk is one allocation that lives as long as the device
//! memory it belongs to, so an allocator that cuts up larger ones has nothing to do here.

use super::{call::Call, device::Device};
use crate::{
    addr::DeviceAddr,
    error::{Error, Result},
};
use ash::vk;
use std::{ptr::NonNull, sync::Arc};

/// Device memory with an address, and maybe a mapping.
pub(super) struct Chunk {
    device: Arc<Device>,
    pub buffer: vk::Buffer,
    memory: vk::DeviceMemory,
    /// Where it is mapped, if it was to be.
    pub mapped: Option<NonNull<u8>>,
    /// Where shaders find it: a multiple of [`ALIGN`].
    pub address: DeviceAddr,
}

// SAFETY: the mapping is plain memory, which `DeviceMemory`'s callers divide among themselves; the handles are destroyed
// once, by the only owner.
unsafe impl Send for Chunk {}
// SAFETY: as above; a shared `Chunk` changes nothing by itself.
unsafe impl Sync for Chunk {}

/// What lowered kernels count on: an access that is aligned to up to 16 bytes at its unified address is so at its device
/// address, too. Vulkan promises less for a buffer's address, every driver known gives more.
const ALIGN: u64 = 16;

/// What pages are used for: by shaders through their address, and by copies.
const USAGE: vk::BufferUsageFlags = vk::BufferUsageFlags::from_raw(
    vk::BufferUsageFlags::STORAGE_BUFFER.as_raw()
        | vk::BufferUsageFlags::SHADER_DEVICE_ADDRESS.as_raw()
        | vk::BufferUsageFlags::TRANSFER_SRC.as_raw()
        | vk::BufferUsageFlags::TRANSFER_DST.as_raw(),
);

impl Chunk {
    /// Allocates `bytes` of the memory type `kind`, which is one of [`Chunk::kinds`]; host-visible and host-coherent where
    /// it is to be mapped.
    ///
    /// # Errors
    /// `PlacementUnavailable` where the driver puts it at an address that kernels cannot be lowered for; as Vulkan's.
    pub fn new(device: &Arc<Device>, bytes: u64, kind: u32, map: bool) -> Result<Self> {
        let buffer = buffer(device, bytes)?;
        // From here on a failure drops what exists.
        let mut chunk = Chunk {
            device: device.clone(),
            buffer,
            memory: vk::DeviceMemory::null(),
            mapped: None,
            address: DeviceAddr(0),
        };
        // SAFETY: the buffer was made from this device.
        let needs = unsafe { device.raw.get_buffer_memory_requirements(buffer) };
        let mut flags = vk::MemoryAllocateFlagsInfo::default().flags(vk::MemoryAllocateFlags::DEVICE_ADDRESS);
        let info =
            vk::MemoryAllocateInfo::default().allocation_size(needs.size).memory_type_index(kind).push_next(&mut flags);
        // SAFETY: the type is one that such buffers take, and the size is what this one needs.
        chunk.memory = device.calls.run(Call::AllocateMemory, || unsafe { device.raw.allocate_memory(&info, None) })?;
        device.calls.run(Call::BindBufferMemory, || {
            // SAFETY: both belong to this device, neither is bound yet.
            unsafe { device.raw.bind_buffer_memory(chunk.buffer, chunk.memory, 0) }
        })?;
        if map {
            // SAFETY: the memory is host-visible and not mapped yet; freeing it unmaps it.
            let start = device.calls.run(Call::MapMemory, || unsafe {
                device.raw.map_memory(chunk.memory, 0, vk::WHOLE_SIZE, vk::MemoryMapFlags::empty())
            })?;
            chunk.mapped = NonNull::new(start.cast());
        }
        let info = vk::BufferDeviceAddressInfo::default().buffer(chunk.buffer);
        // SAFETY: the buffer has the address usage and is bound.
        chunk.address = DeviceAddr(unsafe { device.raw.get_buffer_device_address(&info) });
        check(chunk.address, &device.info.name)?;
        Ok(chunk)
    }

    /// The memory types that chunks can be made of, as bits: the same for every size (Vulkan, "Resource Memory Association").
    ///
    /// # Errors
    /// As Vulkan's.
    pub fn kinds(device: &Device) -> Result<u32> {
        let buffer = buffer(device, crate::PAGE as u64)?;
        // SAFETY: the buffer was made from this device.
        let needs = unsafe { device.raw.get_buffer_memory_requirements(buffer) };
        // SAFETY: made above, and never used.
        unsafe { device.raw.destroy_buffer(buffer, None) };
        Ok(needs.memory_type_bits)
    }
}

fn buffer(device: &Device, bytes: u64) -> Result<vk::Buffer> {
    let families = device.families();
    let mut info = vk::BufferCreateInfo::default().size(bytes).usage(USAGE);
    // Launches and copies use different pages of it at the same time, so no family can own it as a whole.
    if families.len() > 1 {
        info = info.sharing_mode(vk::SharingMode::CONCURRENT).queue_family_indices(&families);
    }
    // SAFETY: a plain buffer for different families of this device; it enables buffer addresses.
    device.calls.run(Call::CreateBuffer, || unsafe { device.raw.create_buffer(&info, None) })
}

fn check(address: DeviceAddr, device: &str) -> Result<()> {
    if address.0.is_multiple_of(ALIGN) {
        return Ok(());
    }
    let reason =
        format!("its memory is at {address:?}, which is no multiple of {ALIGN}: kernels cannot be lowered for that");
    Err(Error::PlacementUnavailable { placement: "discrete", device: device.into(), reason })
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: neither launch nor copy uses it any more: the owner drops it after both have ended.
        unsafe { self.device.raw.destroy_buffer(self.buffer, None) };
        // SAFETY: as above; the mapping goes with it. Freeing null memory is a no-op.
        unsafe { self.device.raw.free_memory(self.memory, None) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_kernels_cannot_use_is_refused() {
        assert_eq!(check(DeviceAddr(0x7f00_0000_0040), "D"), Ok(()));
        assert_eq!(check(DeviceAddr(0x7f00_0000_0010), "D"), Ok(()));
        let error = check(DeviceAddr(0x7f00_0000_0008), "D").unwrap_err();
        assert!(error.to_string().contains("0x7f0000000008"), "{error}");
    }
}
