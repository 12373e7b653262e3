//! Reads the device's clock and the system's at about the same moment.
//!
//! A submission that does nothing but write a timestamp is made between two readings of the system's clock: the stamp lies between them. Of
//! several the closest pair counts. (`VK_EXT_calibrated_timestamps` would be closer where it exists; this works everywhere.)

use super::{call::Call, device::Device};
use crate::{error::Result, os::clock::now, trace::Reading};
use ash::vk;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Submissions of a reading. On a CPU device, whose threads must wake up first, the best of so few is within some ten microseconds.
const TRIES: usize = 16;

/// A stamp that takes longer tells nothing worth having.
const PATIENCE: Duration = Duration::from_millis(20);

/// What a reading needs. Nothing of it is in use between readings.
pub(crate) struct Calibration {
    device: Arc<Device>,
    pool: vk::CommandPool,
    queries: vk::QueryPool,
    buffer: vk::CommandBuffer,
    /// The last stamp, which is there until the next submission begins.
    last: Option<u64>,
}

impl Calibration {
    /// `None` where the device has no timestamps.
    ///
    /// # Errors
    /// As Vulkan's.
    pub fn new(device: &Arc<Device>) -> Result<Option<Self>> {
        if device.info.tick_ns.is_none() {
            return Ok(None);
        }
        // From here on a failure drops what exists.
        let mut new = Calibration {
            device: device.clone(),
            pool: vk::CommandPool::null(),
            queries: vk::QueryPool::null(),
            buffer: vk::CommandBuffer::null(),
            last: None,
        };
        let (raw, calls) = (&device.raw, &device.calls);
        let info = vk::CommandPoolCreateInfo::default().queue_family_index(device.queue.family);
        // SAFETY: the family is the device's own.
        new.pool = calls.run(Call::CreateCommandPool, || unsafe { raw.create_command_pool(&info, None) })?;
        let info = vk::QueryPoolCreateInfo::default().query_type(vk::QueryType::TIMESTAMP).query_count(1);
        // SAFETY: a plain pool; the queue has timestamps.
        new.queries = calls.run(Call::CreateQueryPool, || unsafe { raw.create_query_pool(&info, None) })?;
        let info = vk::CommandBufferAllocateInfo::default().command_pool(new.pool).command_buffer_count(1);
        // SAFETY: the pool was made above, and only this thread knows it.
        let made = calls.run(Call::AllocateCommandBuffers, || unsafe { raw.allocate_command_buffers(&info) })?;
        new.buffer = made[0];
        new.record()?;
        Ok(Some(new))
    }

    fn record(&self) -> Result<()> {
        let (raw, calls) = (&self.device.raw, &self.device.calls);
        let info = vk::CommandBufferBeginInfo::default();
        // SAFETY: the buffer is new.
        calls.run(Call::BeginCommandBuffer, || unsafe { raw.begin_command_buffer(self.buffer, &info) })?;
        // SAFETY: the query exists; it is in use by this buffer alone, one submission at a time.
        unsafe { raw.cmd_reset_query_pool(self.buffer, self.queries, 0, 1) };
        let stage = vk::PipelineStageFlags::TOP_OF_PIPE;
        // SAFETY: the query was reset above.
        unsafe { raw.cmd_write_timestamp(self.buffer, stage, self.queries, 0) };
        // SAFETY: recording was begun above.
        calls.run(Call::EndCommandBuffer, || unsafe { raw.end_command_buffer(self.buffer) })
    }

    /// Reads both clocks; waits for everything that the device does. `None` where no stamp came.
    ///
    /// # Errors
    /// As Vulkan's.
    pub fn read(&mut self) -> Result<Option<Reading>> {
        let mut best: Option<Reading> = None;
        for _ in 0..TRIES {
            // An idle device starts at once. It must be idle, too, for the buffer to be submitted again.
            self.device.quiesce();
            let before = now();
            self.submit()?;
            let Some((ticks, after)) = self.stamp() else { continue };
            let reading = Reading { ticks, host: before + (after - before) / 2, within: (after - before).div_ceil(2) };
            if best.is_none_or(|best| reading.within < best.within) {
                best = Some(reading);
            }
        }
        self.device.quiesce();
        Ok(best)
    }

    fn submit(&self) -> Result<()> {
        let queue = self.device.queue.lock();
        let submit = vk::SubmitInfo::default().command_buffers(std::slice::from_ref(&self.buffer));
        self.device.calls.run(Call::QueueSubmit, || {
            // SAFETY: the queue's lock is held; the buffer is recorded and not pending.
            unsafe { self.device.raw.queue_submit(*queue, &[submit], vk::Fence::null()) }
        })
    }

    /// Polls for the stamp, since being woken takes longer than it does; when it was there.
    fn stamp(&mut self) -> Option<(u64, u64)> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let mut found = [[0u64; 2]];
            let flags = vk::QueryResultFlags::TYPE_64 | vk::QueryResultFlags::WITH_AVAILABILITY;
            let result = self.device.calls.run(Call::GetQueryPoolResults, || {
                // SAFETY: the pool belongs to this device; resetting and writing the query was submitted.
                unsafe { self.device.raw.get_query_pool_results(self.queries, 0, &mut found, flags) }
            });
            let after = now();
            let [[ticks, available]] = found;
            if result.is_ok() && available != 0 && self.last != Some(ticks) {
                self.last = Some(ticks);
                return Some((ticks, after));
            }
            std::thread::yield_now();
        }
        None
    }
}

impl Drop for Calibration {
    fn drop(&mut self) {
        self.device.quiesce();
        // SAFETY: nothing runs any more; null is ignored.
        unsafe { self.device.raw.destroy_query_pool(self.queries, None) };
        // SAFETY: as above; the pool takes its buffer along.
        unsafe { self.device.raw.destroy_command_pool(self.pool, None) };
    }
}
