//! Copies by the device, between its memory and host memory that it can reach: for memory that the host cannot map, or had
//! better not read.
//!
//! The host memory is cut into *lanes*, each with a command buffer. A copy goes through one lane, or through two in turn where it
//! is longer than a lane, so that the host fills or empties one while the device works on the other. Whoever finds all lanes
//! taken waits for one; a copy holds on to no lane while it waits for another, so somebody always gets on.
//!
//! *Order.* A submission of copies waits for the launches and copies that the host has seen end, and submissions of launches wait
//! for copies in the same way (see [`super::timeline`]); those that read device memory end with a barrier to the host. So a
//! copy sees what launches wrote, a launch what copies wrote, and the host what came out.
//!
//! *What it waits for.* With a queue of its own, for nothing but copies. On the launches' queue a device may begin a copy while a
//! launch runs, since nothing orders the two, but need not: lavapipe carries out one submission after the other.

mod lane;

pub(super) use lane::{Direction, Place};

use super::{
    call::Call,
    device::Device,
    memory::Part,
    timeline::{Timeline, Work},
};
use crate::{
    addr::PAGE,
    error::{Error, Result},
};
use ash::vk;
use lane::{Lane, Rest};
use smallvec::SmallVec;
use std::{
    ptr::NonNull,
    slice,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Lanes: two for each of two threads that copy at the same time.
const LANES: usize = 4;

/// Most bytes in a lane. A submission costs tens of microseconds, half a percent of what a bus of 16 GB/s takes for as much.
const LANE: usize = 8 << 20;

/// Host memory that the device copies from and to.
pub(super) struct Staging {
    timeline: Timeline,
    device: Arc<Device>,
    buffer: vk::Buffer,
    memory: vk::DeviceMemory,
    start: NonNull<u8>,
    /// Bytes in a lane.
    lane: usize,
    free: Mutex<Vec<Lane>>,
    freed: Condvar,
    /// The last value that a submission signals; changed under the copy queue's lock.
    submitted: AtomicU64,
}

// SAFETY: the mapping and what lanes point to is plain memory: lanes are handed out to one thread at a time, each with its own
// part of the mapping, and the host memory of parts is what the copying thread's caller vouches for. Handles have one owner.
unsafe impl Send for Staging {}
// SAFETY: as above; what is shared is behind locks.
unsafe impl Sync for Staging {}

impl Staging {
    /// Lanes for copies of at most `most` bytes at a time.
    ///
    /// # Errors
    /// As Vulkan's; `PlacementUnavailable` where the device reaches no host memory.
    pub fn new(device: &Arc<Device>, most: u64) -> Result<Self> {
        let lane = LANE.min(usize::try_from(most).unwrap_or(LANE)).next_multiple_of(PAGE).max(PAGE);
        let mut staging = Staging {
            timeline: Timeline::new(device, Work::Copies)?,
            device: device.clone(),
            buffer: vk::Buffer::null(),
            memory: vk::DeviceMemory::null(),
            start: NonNull::dangling(),
            lane,
            free: Mutex::new(Vec::with_capacity(LANES)),
            freed: Condvar::new(),
            submitted: AtomicU64::new(0),
        };
        // From here on a failure drops what exists.
        staging.allocate()?;
        for index in 0..LANES {
            let made = Lane::new(device, index * lane, lane / PAGE)?;
            staging.free.get_mut().unwrap_or_else(PoisonError::into_inner).push(made);
        }
        Ok(staging)
    }

    fn allocate(&mut self) -> Result<()> {
        let device = &self.device;
        let info = vk::BufferCreateInfo::default()
            .size((LANES * self.lane) as u64)
            .usage(vk::BufferUsageFlags::TRANSFER_SRC | vk::BufferUsageFlags::TRANSFER_DST);
        // SAFETY: a plain buffer.
        self.buffer = device.calls.run(Call::CreateBuffer, || unsafe { device.raw.create_buffer(&info, None) })?;
        // SAFETY: the buffer was made from this device.
        let needs = unsafe { device.raw.get_buffer_memory_requirements(self.buffer) };
        let Some(kind) = kind(&device.memory, needs.memory_type_bits) else {
            let reason = "it has no host-coherent memory to copy through".into();
            let device = device.info.name.clone();
            return Err(Error::PlacementUnavailable { placement: "discrete", device, reason });
        };
        let info = vk::MemoryAllocateInfo::default().allocation_size(needs.size).memory_type_index(kind);
        // SAFETY: the type is one of the device's, and the size is what the buffer needs.
        self.memory = device.calls.run(Call::AllocateMemory, || unsafe { device.raw.allocate_memory(&info, None) })?;
        device.calls.run(Call::BindBufferMemory, || {
            // SAFETY: both belong to this device, neither is bound yet.
            unsafe { device.raw.bind_buffer_memory(self.buffer, self.memory, 0) }
        })?;
        // SAFETY: the memory is host-visible and not mapped yet; freeing it unmaps it.
        let start = device.calls.run(Call::MapMemory, || unsafe {
            device.raw.map_memory(self.memory, 0, vk::WHOLE_SIZE, vk::MemoryMapFlags::empty())
        })?;
        self.start = NonNull::new(start.cast()).unwrap_or(self.start);
        Ok(())
    }

    /// Copies all parts. When it returns, with an error, too, no copy runs any more.
    ///
    /// # Safety
    /// As for `DeviceMemory::copy_in` and `copy_out`; `place` knows every slot.
    ///
    /// # Errors
    /// As Vulkan's.
    pub unsafe fn copy(&self, direction: Direction, parts: &[Part], place: &dyn Fn(u32) -> Place) -> Result<()> {
        let mut rest = Rest { parts, done: 0 };
        let mut held = self.take(rest.is_longer_than(self.lane / PAGE));
        let lanes = held.lanes.len();
        for turn in (0..lanes).cycle() {
            let lane = &mut held.lanes[turn];
            // SAFETY: the caller's promise.
            unsafe { self.finish(direction, lane) }?;
            lane.pieces.clear();
            rest.cut(self.lane / PAGE, &mut lane.pieces);
            if lane.pieces.is_empty() {
                break;
            }
            if direction == Direction::In {
                // SAFETY: the caller's promise; the lane is this thread's and nothing runs on it.
                unsafe { self.move_bytes(direction, lane) };
            }
            lane.record(direction, self.buffer, place)?;
            self.submit(lane)?;
        }
        // SAFETY: the caller's promise.
        held.lanes.iter_mut().try_for_each(|lane| unsafe { self.finish(direction, lane) })
    }

    /// Waits for what the lane has under way; what came out of the device goes to the host.
    ///
    /// # Safety
    /// As for `copy`.
    unsafe fn finish(&self, direction: Direction, lane: &mut Lane) -> Result<()> {
        if lane.point == 0 {
            return Ok(());
        }
        while !self.timeline.wait(lane.point, Duration::MAX)? {}
        lane.point = 0;
        if direction == Direction::Out {
            // SAFETY: the caller's promise; the lane is this thread's and nothing runs on it.
            unsafe { self.move_bytes(direction, lane) };
        }
        Ok(())
    }

    /// Moves the bytes of the lane's pieces between their host side and the lane.
    ///
    /// # Safety
    /// The pieces' host memory is the caller's, and the lane, too, with nothing under way on it.
    unsafe fn move_bytes(&self, direction: Direction, lane: &Lane) {
        let mut at = lane.offset;
        for piece in &lane.pieces {
            let bytes = piece.pages as usize * PAGE;
            // SAFETY: pieces fit into the lane, which lies in the mapping.
            let staged = unsafe { self.start.add(at) };
            let (from, to) = match direction {
                Direction::In => (piece.host, staged),
                Direction::Out => (staged, piece.host),
            };
            // SAFETY: both are valid for as many bytes and the caller's; one is the heap, the other this mapping.
            unsafe { to.copy_from_nonoverlapping(from, bytes) };
            at += bytes;
        }
    }

    fn submit(&self, lane: &mut Lane) -> Result<()> {
        let device = &self.device;
        let queue = device.copies().lock();
        let waits = device.timelines.waits(Work::Copies);
        let point = self.submitted.load(Relaxed) + 1;
        let (signals, values) = ([self.timeline.raw], [point]);
        let mut timelines = vk::TimelineSemaphoreSubmitInfo::default()
            .wait_semaphore_values(&waits.values)
            .signal_semaphore_values(&values);
        let info = vk::SubmitInfo::default()
            .command_buffers(slice::from_ref(&lane.commands))
            .wait_semaphores(&waits.semaphores)
            .wait_dst_stage_mask(&waits.stages)
            .signal_semaphores(&signals)
            .push_next(&mut timelines);
        // SAFETY: the queue's lock is held; the buffer is recorded; values only grow, under that lock.
        device.calls.run(Call::QueueSubmit, || unsafe {
            device.raw.queue_submit(*queue, slice::from_ref(&info), vk::Fence::null())
        })?;
        waits.submitted(device);
        self.submitted.store(point, Relaxed);
        lane.point = point;
        Ok(())
    }

    /// One lane, waited for if need be, and a second one if that is wanted and there is one.
    fn take(&self, two: bool) -> Held<'_> {
        let mut free = self.free();
        loop {
            if let Some(lane) = free.pop() {
                let second = if two { free.pop() } else { None };
                return Held { staging: self, lanes: [lane].into_iter().chain(second).collect() };
            }
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn free(&self) -> MutexGuard<'_, Vec<Lane>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // SAFETY: every lane is back, and what was under way on it was waited for (`Held`); null is ignored.
        unsafe { self.device.raw.destroy_buffer(self.buffer, None) };
        // SAFETY: as above; the mapping goes with it.
        unsafe { self.device.raw.free_memory(self.memory, None) };
    }
}

/// Lanes that a copy has taken. They go back when it is over, on whatever way, and nothing runs on them then.
struct Held<'s> {
    staging: &'s Staging,
    lanes: SmallVec<[Lane; 2]>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        for lane in self.lanes.iter_mut().filter(|lane| lane.point != 0) {
            // An error has come between.
            self.staging.timeline.settle(lane.point);
            lane.point = 0;
        }
        self.staging.free().extend(self.lanes.drain(..));
        // Each waits for one.
        self.staging.freed.notify_all();
    }
}

/// The memory type to copy through: cached, since the host reads it, and the host's own, so that the device's is left for pages.
fn kind(memory: &vk::PhysicalDeviceMemoryProperties, bits: u32) -> Option<u32> {
    use vk::MemoryPropertyFlags as F;
    let flags = |kind: u32| memory.memory_types[kind as usize].property_flags;
    (0..memory.memory_type_count)
        .filter(|kind| bits & (1 << kind) != 0 && flags(*kind).contains(F::HOST_VISIBLE | F::HOST_COHERENT))
        .filter(|kind| !flags(*kind).intersects(F::DEVICE_COHERENT_AMD | F::PROTECTED))
        .max_by_key(|kind| (flags(*kind).contains(F::HOST_CACHED), !flags(*kind).contains(F::DEVICE_LOCAL)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_host_memory_is_copied_through() {
        use vk::MemoryPropertyFlags as F;
        let seen = F::HOST_VISIBLE | F::HOST_COHERENT;
        let mut memory = vk::PhysicalDeviceMemoryProperties { memory_type_count: 5, ..Default::default() };
        let types =
            [F::DEVICE_LOCAL, seen, F::HOST_VISIBLE | F::HOST_CACHED, seen | F::HOST_CACHED, seen | F::DEVICE_LOCAL];
        for (kind, property_flags) in memory.memory_types.iter_mut().zip(types) {
            kind.property_flags = property_flags;
        }
        assert_eq!(kind(&memory, !0), Some(3));
        assert_eq!(kind(&memory, 0b10011), Some(1));
        assert_eq!(kind(&memory, 0b10001), Some(4));
        assert_eq!(kind(&memory, 0b00101), None);
    }
}
