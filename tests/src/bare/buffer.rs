//! A buffer with a device address, its memory from gpu-allocator; mapped for good where the host may see it.
//!
//! # Safety
//! A buffer borrows its [`Device`], so it is destroyed first, once the device is idle. Host slices of it are unsafe to make:
//! their maker keeps the device away from them.
#![allow(unsafe_code)]

use super::Device;
use anyhow::{Context, Result};
use ash::vk;
use bytemuck::Pod;
use gpu_allocator::{
    MemoryLocation,
    vulkan::{Allocation, AllocationCreateDesc, AllocationScheme},
};

/// A buffer and the memory that it is bound to.
pub struct Buffer<'d> {
    device: &'d Device,
    handle: vk::Buffer,
    memory: Option<Allocation>,
    address: vk::DeviceAddress,
    bytes: u64,
}

impl<'d> Buffer<'d> {
    /// Room for `len` elements of `T`, uninitialised, in memory of the kind that `location` names.
    pub fn new<T: Pod>(device: &'d Device, location: MemoryLocation, len: usize) -> Result<Self> {
        let bytes = (len * size_of::<T>()) as u64;
        let usage = vk::BufferUsageFlags::STORAGE_BUFFER
            | vk::BufferUsageFlags::SHADER_DEVICE_ADDRESS
            | vk::BufferUsageFlags::TRANSFER_SRC
            | vk::BufferUsageFlags::TRANSFER_DST;
        let info = vk::BufferCreateInfo::default().size(bytes).usage(usage);
        // SAFETY: `info` lives through the call and the features that its usage needs are enabled.
        let handle = unsafe { device.device.create_buffer(&info, None) }.context("vkCreateBuffer")?;
        // SAFETY: `handle` was just made from this device.
        let requirements = unsafe { device.device.get_buffer_memory_requirements(handle) };
        let memory = device.allocator.borrow_mut().as_mut().context("the device is closing")?.allocate(
            &AllocationCreateDesc {
                name: "bare",
                requirements,
                location,
                linear: true,
                allocation_scheme: AllocationScheme::GpuAllocatorManaged,
            },
        )?;
        // SAFETY: the allocation is alive until `Drop` frees it.
        let (object, offset) = (unsafe { memory.memory() }, memory.offset());
        // SAFETY: `memory` was allocated for this buffer's requirements, and the buffer is unbound.
        unsafe { device.device.bind_buffer_memory(handle, object, offset) }.context("vkBindBufferMemory")?;
        let info = vk::BufferDeviceAddressInfo::default().buffer(handle);
        // SAFETY: the buffer is bound and was made for device addresses.
        let address = unsafe { device.device.get_buffer_device_address(&info) };
        Ok(Buffer { device, handle, memory: Some(memory), address, bytes })
    }

    /// Where shaders find it.
    pub fn address(&self) -> vk::DeviceAddress {
        self.address
    }

    /// Its elements, as the host sees them. Panics if the buffer is not in host-visible memory.
    ///
    /// # Safety
    /// No submitted, unfinished command writes the buffer while the slice lives.
    pub unsafe fn host<T: Pod>(&self) -> &[T] {
        let start = self.mapped().cast::<T>();
        // SAFETY: the mapping holds `bytes` bytes, is aligned for any `Pod` used here (Vulkan's minimum is 64 bytes), fresh device
        // memory is initialised as far as Rust is concerned (it comes from outside), and the caller keeps the device away.
        unsafe { std::slice::from_raw_parts(start, self.bytes as usize / size_of::<T>()) }
    }

    /// Its elements, for the host to write. Panics if the buffer is not in host-visible memory.
    ///
    /// # Safety
    /// No submitted, unfinished command uses the buffer while the slice lives.
    pub unsafe fn host_mut<T: Pod>(&mut self) -> &mut [T] {
        let start = self.mapped().cast::<T>();
        // SAFETY: as in `host`; `&mut self` keeps other host slices away.
        unsafe { std::slice::from_raw_parts_mut(start, self.bytes as usize / size_of::<T>()) }
    }

    pub(super) fn handle(&self) -> vk::Buffer {
        self.handle
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn mapped(&self) -> *mut u8 {
        let mapping = self.memory.as_ref().and_then(Allocation::mapped_ptr);
        mapping.expect("only buffers in host-visible memory are looked at").as_ptr().cast()
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        if !self.device.is_idle() {
            return;
        }
        // SAFETY: the device is idle.
        unsafe { self.device.device.destroy_buffer(self.handle, None) };
        if let (Some(memory), Some(allocator)) = (self.memory.take(), self.device.allocator.borrow_mut().as_mut()) {
            // It fails only for an allocation of another allocator, and a leak is the worst that follows.
            allocator.free(memory).ok();
        }
    }
}
