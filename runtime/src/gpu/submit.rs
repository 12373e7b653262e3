//! Carries out the queue's plan on a Vulkan device: command buffers, barriers, the timeline semaphore.

#[cfg(feature = "seam")]
use super::call::Command;
use super::{
    Broken,
    call::Call,
    device::Device,
    plan::{Batch, QueueDevice, Step},
    timeline::{Timeline, Work},
};
use crate::error::Result;
use ash::vk;
use smallvec::SmallVec;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// A queue's timeline semaphore and its command buffers.
pub(crate) struct VulkanQueue {
    device: Arc<Device>,
    timeline: Timeline,
    buffers: Mutex<Buffers>,
}

struct Buffers {
    pool: vk::CommandPool,
    free: Vec<vk::CommandBuffer>,
    /// In submission order, each with the value that its end signals.
    busy: VecDeque<(u64, vk::CommandBuffer)>,
}

impl VulkanQueue {
    pub fn new(device: &Arc<Device>) -> Result<Self> {
        let timeline = Timeline::new(device, Work::Launches)?;
        // From here on a failure drops what exists.
        let buffers = Buffers { pool: vk::CommandPool::null(), free: vec![], busy: VecDeque::new() };
        let mut queue = VulkanQueue { device: device.clone(), timeline, buffers: Mutex::new(buffers) };
        let info = vk::CommandPoolCreateInfo::default()
            .queue_family_index(device.queue.family)
            .flags(vk::CommandPoolCreateFlags::RESET_COMMAND_BUFFER);
        // SAFETY: the family is the device's own.
        let pool =
            device.calls.run(Call::CreateCommandPool, || unsafe { device.raw.create_command_pool(&info, None) })?;
        queue.buffers.get_mut().unwrap_or_else(PoisonError::into_inner).pool = pool;
        Ok(queue)
    }

    fn record(&self, buffer: vk::CommandBuffer, steps: &[Step]) -> Result<()> {
        let (raw, calls) = (&self.device.raw, &self.device.calls);
        let info = vk::CommandBufferBeginInfo::default().flags(vk::CommandBufferUsageFlags::ONE_TIME_SUBMIT);
        // SAFETY: the buffer is not pending: it is new or its signal was reached; beginning resets it.
        calls.run(Call::BeginCommandBuffer, || unsafe { raw.begin_command_buffer(buffer, &info) })?;
        #[cfg(feature = "seam")]
        calls.note(Command::Begin);
        let mut bound = vk::Pipeline::null();
        for Step { barrier, dispatch, .. } in steps {
            if *barrier {
                self.barrier(
                    buffer,
                    vk::PipelineStageFlags::COMPUTE_SHADER,
                    vk::AccessFlags::SHADER_READ | vk::AccessFlags::SHADER_WRITE,
                );
            }
            let pipeline = &dispatch.pipeline;
            if bound != pipeline.raw {
                bound = pipeline.raw;
                // SAFETY: the pipeline is kept alive by the queue until the batch has ended.
                unsafe { raw.cmd_bind_pipeline(buffer, vk::PipelineBindPoint::COMPUTE, bound) };
            }
            if !dispatch.args.is_empty() {
                let stage = vk::ShaderStageFlags::COMPUTE;
                // SAFETY: the layout's range has exactly the size of the arguments, checked when the kernel was loaded.
                unsafe { raw.cmd_push_constants(buffer, pipeline.layout, stage, 0, &dispatch.args) };
            }
            if let Some(timer) = &dispatch.timer {
                // SAFETY: the pair belongs to this launch alone and is not in use by an earlier one.
                unsafe { raw.cmd_reset_query_pool(buffer, timer.pool, timer.first, 2) };
                // Not at the top of the pipe, which would count the wait for the barrier.
                let start = vk::PipelineStageFlags::COMPUTE_SHADER;
                // SAFETY: the query was reset above.
                unsafe { raw.cmd_write_timestamp(buffer, start, timer.pool, timer.first) };
            }
            let [x, y, z] = dispatch.groups;
            // SAFETY: a pipeline is bound, its constants are pushed, the counts are within the limits.
            unsafe { raw.cmd_dispatch(buffer, x, y, z) };
            #[cfg(feature = "seam")]
            calls.note(Command::Dispatch { groups: dispatch.groups });
            if let Some(timer) = &dispatch.timer {
                let end = vk::PipelineStageFlags::COMPUTE_SHADER;
                // SAFETY: the query was reset above.
                unsafe { raw.cmd_write_timestamp(buffer, end, timer.pool, timer.first + 1) };
            }
        }
        // Rule 2 of ARCHITECTURE.md: device writes are available to the host before the signal.
        if !calls.breaks(Broken::HidesFromHost) {
            let access = vk::AccessFlags::HOST_READ | vk::AccessFlags::HOST_WRITE;
            self.barrier(buffer, vk::PipelineStageFlags::HOST, access);
        }
        // SAFETY: recording was begun above.
        calls.run(Call::EndCommandBuffer, || unsafe { raw.end_command_buffer(buffer) })?;
        #[cfg(feature = "seam")]
        calls.note(Command::End);
        Ok(())
    }

    /// Submits the command buffers of the batches.
    fn send(&self, batches: &[Batch<'_>], recorded: &[vk::CommandBuffer]) -> Result<()> {
        let device = &self.device;
        let queue = device.queue.lock();
        let waits = device.timelines.waits(Work::Launches);
        let signals: SmallVec<[[u64; 1]; 2]> = batches.iter().map(|batch| [batch.signal]).collect();
        let mut values: SmallVec<[vk::TimelineSemaphoreSubmitInfo<'_>; 2]> = signals
            .iter()
            .map(|signal| vk::TimelineSemaphoreSubmitInfo::default().signal_semaphore_values(signal))
            .collect();
        if let Some(first) = values.first_mut() {
            *first = first.wait_semaphore_values(&waits.values);
        }
        let timeline = [self.timeline.raw];
        let mut submits: SmallVec<[vk::SubmitInfo<'_>; 2]> = recorded
            .iter()
            .zip(&mut values)
            .map(|(buffer, value)| {
                vk::SubmitInfo::default()
                    .command_buffers(std::slice::from_ref(buffer))
                    .signal_semaphores(&timeline)
                    .push_next(value)
            })
            .collect();
        // Later batches come after the first one's waits, too.
        if let Some(first) = submits.first_mut() {
            *first = first.wait_semaphores(&waits.semaphores).wait_dst_stage_mask(&waits.stages);
        }
        device.calls.run(Call::QueueSubmit, || {
            // SAFETY: the queue's lock is held; the buffers are recorded; under the caller's lock values only grow.
            unsafe { device.raw.queue_submit(*queue, &submits, vk::Fence::null()) }
        })?;
        drop(submits);
        drop(values);
        waits.submitted(device);
        Ok(())
    }

    /// Everything that compute shaders have done so far comes before `to`.
    fn barrier(&self, buffer: vk::CommandBuffer, to: vk::PipelineStageFlags, access: vk::AccessFlags) {
        let barrier =
            vk::MemoryBarrier::default().src_access_mask(vk::AccessFlags::SHADER_WRITE).dst_access_mask(access);
        let from = vk::PipelineStageFlags::COMPUTE_SHADER;
        // SAFETY: the buffer is being recorded; a global memory barrier needs nothing else.
        unsafe {
            self.device.raw.cmd_pipeline_barrier(
                buffer,
                from,
                to,
                vk::DependencyFlags::empty(),
                std::slice::from_ref(&barrier),
                &[],
                &[],
            );
        }
        #[cfg(feature = "seam")]
        self.device.calls.note(Command::Barrier { from, to, source: barrier.src_access_mask, target: access });
    }
}

impl Buffers {
    fn take(&mut self, device: &Device, reached: u64) -> Result<vk::CommandBuffer> {
        while let Some(&(signal, buffer)) = self.busy.front()
            && signal <= reached
        {
            self.busy.pop_front();
            self.free.push(buffer);
        }
        if let Some(buffer) = self.free.pop() {
            return Ok(buffer);
        }
        let info = vk::CommandBufferAllocateInfo::default().command_pool(self.pool).command_buffer_count(1);
        // SAFETY: the pool is this queue's and only used under its lock.
        let made =
            device.calls.run(Call::AllocateCommandBuffers, || unsafe { device.raw.allocate_command_buffers(&info) })?;
        Ok(made[0])
    }
}

impl QueueDevice for VulkanQueue {
    fn submit(&self, batches: &[Batch<'_>], reached: u64) -> Result<()> {
        let device = &self.device;
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut recorded: SmallVec<[vk::CommandBuffer; 2]> = SmallVec::new();
        let result = batches
            .iter()
            .try_for_each(|batch| {
                recorded.push(buffers.take(device, reached)?);
                self.record(recorded[recorded.len() - 1], batch.steps)
            })
            .and_then(|()| self.send(batches, &recorded));
        match result {
            Ok(()) => buffers.busy.extend(batches.iter().map(|b| b.signal).zip(recorded)),
            Err(_) if recorded.is_empty() => {}
            // SAFETY: made from this pool, never submitted. Half-recorded ones could not be begun again.
            Err(_) => unsafe { device.raw.free_command_buffers(buffers.pool, &recorded) },
        }
        result
    }

    fn counter(&self) -> Result<u64> {
        self.timeline.counter()
    }

    fn wait(&self, point: u64, timeout: Duration) -> Result<bool> {
        self.timeline.wait(point, timeout)
    }

    fn quiesce(&self) {
        self.device.quiesce();
        self.timeline.note_quiet();
    }
}

impl Drop for VulkanQueue {
    fn drop(&mut self) {
        self.device.quiesce();
        let buffers = self.buffers.get_mut().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: nothing runs any more; the pool takes its buffers along; null is ignored.
        unsafe { self.device.raw.destroy_command_pool(buffers.pool, None) };
    }
}
