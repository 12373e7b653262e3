//! The table that lowered shaders translate by: for each page of the heap its device address, and a page that all else
//! leads to.
//!
//! One buffer has both: `pages + 1` entries of 8 bytes, then the *null page*, a page of memory that belongs to nobody.
//! Every entry leads to the null page until [`Table::set`] says otherwise, and the last one always does: shaders take it for
//! addresses outside the heap. A shader that goes astray reads and writes the null page, and nothing else.
//!
//! The memory is host-coherent and stays mapped. What the host wrote before a submission, the submission's shaders see
//! without a flush or a barrier (Vulkan, "Host Write Ordering Guarantees"), so an entry is set by storing it, before the
//! launch that needs it is submitted.
//!
//! *When an entry may change.* While a launch that was declared to use the page is not known to have ended, the page's entry
//! stays as it is: whoever moves pages keeps this (a page in use does not move). So no launch sees an entry change that it
//! goes by. One that runs meanwhile and strays there reads the old entry or the new one, each whole, and so finds the null
//! page, or a page where this one is or was.
//!
//! Entries take 1/8192 of the heap's size, all of it touched when the table is made: 3 MiB for a heap of 24 GiB, which adds about a
//! millisecond to the eleven that opening takes on lavapipe; 128 MiB for one of 1 TiB, which adds a hundred. They are not filled
//! lazily: device memory starts with any content, and an entry that nobody set must lead to the null page.
//!
//! The memory is allocated straight from Vulkan: it is one allocation that lives as long as the `Svm`, so an allocator that
//! cuts up larger ones has nothing to do here, and each call stays where tests can make it fail.

use super::{call::Call, device::Device};
use crate::{
    addr::{DeviceAddr, PAGE},
    error::{Error, Result},
};
use ash::vk;
use std::{
    ops::Range,
    slice,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// A table of device addresses, in memory that the device and this process share.
pub(crate) struct Table {
    device: Arc<Device>,
    buffer: vk::Buffer,
    memory: vk::DeviceMemory,
    /// Where the entries are mapped.
    entries: *const AtomicU64,
    pages: usize,
    /// Where shaders find the entries: a multiple of 16.
    pub address: DeviceAddr,
}

// SAFETY: the mapping is plain memory that any thread may use, through atomics only; the handles are destroyed once, by
// the only owner.
unsafe impl Send for Table {}
// SAFETY: as above; a shared `Table` only stores to atomics.
unsafe impl Sync for Table {}

/// Bytes of entries are followed by the null page at a multiple of this: what lowering needs of a page.
const ALIGN: usize = 16;

impl Table {
    /// A table for `pages` pages, all of which lead to the null page.
    ///
    /// # Errors
    /// `TranslationUnavailable` where the device cannot hold so large a table; as Vulkan's.
    pub fn new(device: &Arc<Device>, pages: usize) -> Result<Self> {
        let unavailable = |reason: String| Error::TranslationUnavailable {
            translation: "table",
            device: device.info.name.clone(),
            reason,
        };
        let null = null_offset(pages);
        let bytes = (null + PAGE) as u64;
        if bytes > device.info.max_import {
            let (heap, most) = (pages as u64 * PAGE as u64, device.info.max_import);
            let reason = format!(
                "a heap of {heap} bytes needs a table of {bytes} bytes, it allocates at most {most}; open a smaller heap"
            );
            return Err(unavailable(reason));
        }
        let info = vk::BufferCreateInfo::default()
            .size(bytes)
            .usage(vk::BufferUsageFlags::STORAGE_BUFFER | vk::BufferUsageFlags::SHADER_DEVICE_ADDRESS);
        // SAFETY: a plain buffer, of a size that the device takes; it enables buffer addresses.
        let buffer = device.calls.run(Call::CreateBuffer, || unsafe { device.raw.create_buffer(&info, None) })?;
        // From here on a failure drops what exists.
        let mut table = Table {
            device: device.clone(),
            buffer,
            memory: vk::DeviceMemory::null(),
            entries: std::ptr::null(),
            pages,
            address: DeviceAddr(0),
        };
        // SAFETY: the buffer was made from this device.
        let needs = unsafe { device.raw.get_buffer_memory_requirements(buffer) };
        // Every shader access reads it: near the device where there is such memory that the host can reach.
        let flags = |i: &u32| device.memory.memory_types[*i as usize].property_flags;
        let wanted = vk::MemoryPropertyFlags::HOST_VISIBLE | vk::MemoryPropertyFlags::HOST_COHERENT;
        let kind = (0..device.memory.memory_type_count)
            .filter(|i| needs.memory_type_bits & (1 << i) != 0 && flags(i).contains(wanted))
            .filter(|i| !flags(i).contains(vk::MemoryPropertyFlags::DEVICE_COHERENT_AMD))
            .max_by_key(|i| flags(i).contains(vk::MemoryPropertyFlags::DEVICE_LOCAL));
        // Vulkan promises one for every buffer ("Memory Properties"); a driver that breaks that is refused.
        let Some(kind) = kind else {
            return Err(unavailable("it has no host-coherent memory for a table".into()));
        };
        let mut address = vk::MemoryAllocateFlagsInfo::default().flags(vk::MemoryAllocateFlags::DEVICE_ADDRESS);
        let info = vk::MemoryAllocateInfo::default()
            .allocation_size(needs.size)
            .memory_type_index(kind)
            .push_next(&mut address);
        // SAFETY: the type is one of the device's, and the size is what the buffer needs.
        table.memory = device.calls.run(Call::AllocateMemory, || unsafe { device.raw.allocate_memory(&info, None) })?;
        device.calls.run(Call::BindBufferMemory, || {
            // SAFETY: both belong to this device, neither is bound yet.
            unsafe { device.raw.bind_buffer_memory(table.buffer, table.memory, 0) }
        })?;
        // SAFETY: the memory is host-visible and not mapped yet; freeing it unmaps it.
        let start = device.calls.run(Call::MapMemory, || unsafe {
            device.raw.map_memory(table.memory, 0, vk::WHOLE_SIZE, vk::MemoryMapFlags::empty())
        })?;
        // SAFETY: the null page follows the entries inside the buffer, which is mapped as a whole.
        let null_page = unsafe { start.cast::<u8>().add(null) };
        // SAFETY: it has a page's bytes, and nobody else knows the memory yet.
        unsafe { null_page.write_bytes(0, PAGE) };
        table.entries = start.cast_const().cast();
        let info = vk::BufferDeviceAddressInfo::default().buffer(table.buffer);
        // SAFETY: the buffer has the address usage and is bound.
        table.address = DeviceAddr(unsafe { device.raw.get_buffer_device_address(&info) });
        let null = table.null();
        // The last one, too, which no page has.
        table.entries().iter().for_each(|entry| entry.store(null, Ordering::Relaxed));
        Ok(table)
    }

    /// Has `pages`, which the table must have, lead to the memory that starts at `device`, a multiple of 16, and is as long as
    /// they are. Launches that are submitted from now on follow. No lock, no allocation: also called in signal handlers.
    pub fn set(&self, pages: Range<usize>, device: DeviceAddr) {
        for (entry, at) in self.entries()[pages].iter().zip((device.0..).step_by(PAGE)) {
            // The submission orders it; whole for shaders that stray there meanwhile.
            entry.store(at, Ordering::Relaxed);
        }
    }

    /// Has `pages`, which the table must have, lead to the null page, as at first. Launches that are submitted from now on
    /// follow. No lock, no allocation: also called in signal handlers.
    pub fn clear(&self, pages: Range<usize>) {
        let null = self.null();
        self.entries()[pages].iter().for_each(|entry| entry.store(null, Ordering::Relaxed));
    }

    /// The null page's device address.
    fn null(&self) -> u64 {
        self.address.0 + null_offset(self.pages) as u64
    }

    /// Pages that it has entries for.
    pub fn pages(&self) -> usize {
        self.pages
    }

    /// Bytes that it takes, with the null page.
    pub fn bytes(&self) -> usize {
        null_offset(self.pages) + PAGE
    }

    /// The last one is for addresses outside the heap.
    fn entries(&self) -> &[AtomicU64] {
        // SAFETY: `new` mapped `pages + 1` entries, at Vulkan's alignment of at least 64 bytes, for as long as `self` lives;
        // any content is a valid number, and host and device only load and store them whole.
        unsafe { slice::from_raw_parts(self.entries, self.pages + 1) }
    }
}

/// Where the null page starts, in bytes from the first entry.
fn null_offset(pages: usize) -> usize {
    ((pages + 1) * size_of::<u64>()).next_multiple_of(ALIGN)
}

impl Drop for Table {
    fn drop(&mut self) {
        // SAFETY: no launch reads it any more: its owner drops it after the queue has drained.
        unsafe { self.device.raw.destroy_buffer(self.buffer, None) };
        // SAFETY: as above; the mapping goes with it. Freeing null memory is a no-op.
        unsafe { self.device.raw.free_memory(self.memory, None) };
    }
}
