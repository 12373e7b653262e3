//! Device memory, a table and launches on an opened device: for this project's test programs, which use them without a heap.
//!
//! # Safety
//! What the library's own types ask for is handed on to the callers.

use super::{
    DeviceMemory, Part, Pipeline, PipelineSource, Queue, QueueOptions, Table, VulkanQueue, default_budget, memory,
    opened::Opened, plan::Dispatch,
};
use crate::{addr::DeviceAddr, error::Result};
pub use memory::Way;
use std::{ops::Range, ptr::NonNull, sync::Arc, time::Duration};

/// Pages of device memory; see the library's own.
pub struct OpenedMemory(DeviceMemory);

/// A page table; see the library's own.
pub struct OpenedTable(Table);

/// A launch queue. Dropping it waits for its launches.
pub struct Launcher {
    opened: Arc<super::Device>,
    queue: Queue,
}

/// A kernel that takes device addresses.
pub struct Loaded(Arc<Pipeline>);

impl Opened {
    /// Room for so many pages.
    ///
    /// # Errors
    /// As `DeviceMemory::new`.
    pub fn memory(&self, slots: u32, way: Way) -> Result<OpenedMemory> {
        DeviceMemory::new(&self.device, slots, way).map(OpenedMemory)
    }

    /// A table for so many pages.
    ///
    /// # Errors
    /// As `Table::new`.
    pub fn table(&self, pages: usize) -> Result<OpenedTable> {
        Table::new(&self.device, pages).map(OpenedTable)
    }

    /// A launch queue.
    ///
    /// # Errors
    /// As Vulkan's.
    pub fn launcher(&self) -> Result<Launcher> {
        let options = QueueOptions { group: 1, spin: Duration::ZERO, launch_limit: None };
        let queue = Queue::new(Arc::new(VulkanQueue::new(&self.device)?), options);
        Ok(Launcher { opened: self.device.clone(), queue })
    }

    /// Bytes that pages may take by default.
    pub fn default_budget(&self) -> u64 {
        default_budget(&self.device)
    }

    /// The threads that came up with the device.
    pub fn threads(&self) -> &[u32] {
        self.device.threads()
    }

    /// Whether copies have a queue to themselves.
    pub fn has_copy_queue(&self) -> bool {
        self.device.has_copy_queue()
    }
}

impl OpenedMemory {
    /// One more chunk.
    ///
    /// # Errors
    /// As `DeviceMemory::grow`.
    pub fn grow(&self) -> Result<Option<Range<u32>>> {
        self.0.grow()
    }

    /// The most slots that there can be.
    pub fn slots(&self) -> u32 {
        self.0.slots()
    }

    /// Where shaders find a slot.
    pub fn address(&self, slot: u32) -> u64 {
        self.0.address(slot).0
    }

    /// Whether copies are memcpy.
    pub fn is_mapped(&self) -> bool {
        self.0.is_mapped()
    }

    /// Host to device; each part is where, the first slot and how many pages.
    ///
    /// # Safety
    /// As for `DeviceMemory::copy_in`.
    ///
    /// # Errors
    /// As `DeviceMemory::copy_in`.
    pub unsafe fn copy_in(&self, parts: &[(NonNull<u8>, u32, u32)]) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { self.0.copy_in(&of(parts)) }
    }

    /// Device to host.
    ///
    /// # Safety
    /// As for `DeviceMemory::copy_out`.
    ///
    /// # Errors
    /// As `DeviceMemory::copy_out`.
    pub unsafe fn copy_out(&self, parts: &[(NonNull<u8>, u32, u32)]) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { self.0.copy_out(&of(parts)) }
    }
}

fn of(parts: &[(NonNull<u8>, u32, u32)]) -> Vec<Part> {
    parts.iter().map(|&(host, slot, pages)| Part { host, slot, pages }).collect()
}

impl OpenedTable {
    /// As `Table::set`.
    pub fn set(&self, pages: Range<usize>, device: u64) {
        self.0.set(pages, DeviceAddr(device));
    }

    /// As `Table::clear`.
    pub fn clear(&self, pages: Range<usize>) {
        self.0.clear(pages);
    }

    /// The device address of its entries.
    pub fn address(&self) -> u64 {
        self.0.address.0
    }
}

impl Launcher {
    /// Makes a kernel of a module whose entry point is `main`, with so many bytes of arguments.
    ///
    /// # Safety
    /// The module is valid for this device and takes no more than that.
    ///
    /// # Errors
    /// As Vulkan's.
    pub unsafe fn load(&self, spirv: &[u8], arguments: u32) -> Result<Loaded> {
        let words: Vec<u32> = spirv.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        let source = PipelineSource { words: &words, entry: "main", push_constants: arguments, constants: &[] };
        // SAFETY: the caller's promise.
        unsafe { Pipeline::new(&self.opened, &source) }.map(Loaded)
    }

    /// Launches, and returns its point.
    ///
    /// # Safety
    /// The arguments are those of the kernel; what it reaches stays until it has ended.
    ///
    /// # Errors
    /// As Vulkan's.
    pub unsafe fn launch(&self, kernel: &Loaded, arguments: &[u8], groups: [u32; 3]) -> Result<u64> {
        let dispatch = Dispatch {
            pipeline: kernel.0.clone(),
            args: arguments.into(),
            timer: None,
            owners: Default::default(),
            groups,
            uses: Default::default(),
        };
        self.queue.launch(dispatch, || 0, |_| ())
    }

    /// Waits until a launch has ended.
    ///
    /// # Errors
    /// `Timeout`; as Vulkan's.
    pub fn wait(&self, point: u64, limit: Duration) -> Result<()> {
        self.queue.wait(point, Some(limit))
    }

    /// Whether a launch has ended.
    pub fn has_ended(&self, point: u64) -> bool {
        self.queue.has_ended(point)
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        self.queue.close();
    }
}
