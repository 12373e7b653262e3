//! One reusable command buffer, with the few commands that are recorded.
//!
//! # Safety
//! [`Commands::record`] may only be called while the buffer's earlier submission is finished, which its caller vouches for;
//! every other method records between its begin and its end. What a dispatch reads and writes is decided by
//! the addresses that were pushed, which is why [`Recording::dispatch`] is unsafe.
#![allow(unsafe_code)]

use super::{Buffer, Device, Kernel};
use anyhow::{Context, Result};
use ash::vk;
use bytemuck::Pod;
use std::time::Duration;

/// A command buffer, its pool, and a pair of timestamps.
pub struct Commands<'d> {
    device: &'d Device,
    pool: vk::CommandPool,
    buffer: vk::CommandBuffer,
    queries: vk::QueryPool,
}

/// A command buffer between its begin and its end.
pub struct Recording<'c>(&'c Commands<'c>);

impl<'d> Commands<'d> {
    /// An empty command buffer in a pool of its own.
    pub fn new(device: &'d Device) -> Result<Self> {
        let vulkan = &device.device;
        let info = vk::CommandPoolCreateInfo::default()
            .queue_family_index(device.family)
            .flags(vk::CommandPoolCreateFlags::RESET_COMMAND_BUFFER);
        // SAFETY: `family` is one of this device's.
        let pool = unsafe { vulkan.create_command_pool(&info, None) }.context("vkCreateCommandPool")?;
        let info = vk::CommandBufferAllocateInfo::default().command_pool(pool).command_buffer_count(1);
        // SAFETY: the pool was made just above.
        let buffers = unsafe { vulkan.allocate_command_buffers(&info) }.context("vkAllocateCommandBuffers")?;
        let info = vk::QueryPoolCreateInfo::default().query_type(vk::QueryType::TIMESTAMP).query_count(2);
        // SAFETY: `info` lives through the call.
        let queries = unsafe { vulkan.create_query_pool(&info, None) }.context("vkCreateQueryPool")?;
        Ok(Commands { device, pool, buffer: buffers[0], queries })
    }

    /// Records the buffer anew: begins, which resets it, lets `f` record, ends.
    ///
    /// # Safety
    /// The buffer's last submission is finished.
    pub unsafe fn record(&mut self, f: impl FnOnce(&Recording<'_>)) -> Result<()> {
        let vulkan = &self.device.device;
        let info = vk::CommandBufferBeginInfo::default().flags(vk::CommandBufferUsageFlags::ONE_TIME_SUBMIT);
        // SAFETY: the caller vouches that it is not in use; its pool allows single resets, which beginning it anew does.
        unsafe { vulkan.begin_command_buffer(self.buffer, &info) }.context("vkBeginCommandBuffer")?;
        f(&Recording(self));
        // SAFETY: it was begun just above.
        unsafe { vulkan.end_command_buffer(self.buffer) }.context("vkEndCommandBuffer")
    }

    /// The time between the two timestamps of a finished submission that recorded both.
    pub fn elapsed(&self) -> Result<Duration> {
        let mut ticks = [0u64; 2];
        // SAFETY: the pool holds two queries; with WAIT unset an unwritten one is an error, not a hang.
        unsafe {
            self.device.device.get_query_pool_results(self.queries, 0, &mut ticks, vk::QueryResultFlags::TYPE_64)
        }
        .context("vkGetQueryPoolResults")?;
        let nanoseconds = ticks[1].wrapping_sub(ticks[0]) as f64 * self.device.timestamp_step()?;
        Ok(Duration::from_nanos(nanoseconds as u64))
    }

    pub(super) fn handle(&self) -> vk::CommandBuffer {
        self.buffer
    }
}

impl Recording<'_> {
    /// Selects the pipeline that later dispatches run.
    pub fn bind(&self, kernel: &Kernel<'_>) {
        // SAFETY: recording (type), and the pipeline is a compute pipeline of this device.
        unsafe {
            self.vulkan().cmd_bind_pipeline(self.0.buffer, vk::PipelineBindPoint::COMPUTE, kernel.pipeline());
        }
    }

    /// Sets the arguments and runs `groups` workgroups of the bound `kernel`.
    ///
    /// # Safety
    /// `kernel` is bound, `arguments` is its whole block, and what it does with them stays inside live buffers and races
    /// with nothing.
    pub unsafe fn dispatch(&self, kernel: &Kernel<'_>, arguments: &impl Pod, groups: u32) {
        // SAFETY: the caller's promise.
        unsafe { self.dispatch_bytes(kernel, bytemuck::bytes_of(arguments), [groups, 1, 1]) };
    }

    /// As [`dispatch`](Self::dispatch), with the argument block as bytes and the workgroups in each dimension.
    ///
    /// # Safety
    /// As there.
    pub unsafe fn dispatch_bytes(&self, kernel: &Kernel<'_>, arguments: &[u8], groups: [u32; 3]) {
        let stage = vk::ShaderStageFlags::COMPUTE;
        if !arguments.is_empty() {
            // SAFETY: the caller vouches for the block's size.
            unsafe { self.vulkan().cmd_push_constants(self.0.buffer, kernel.layout(), stage, 0, arguments) };
        }
        // SAFETY: the caller vouches for the pipeline and for what it touches.
        unsafe { self.vulkan().cmd_dispatch(self.0.buffer, groups[0], groups[1], groups[2]) };
    }

    /// Copies all of `from` to the start of `to`. Panics if it does not fit.
    pub fn copy(&self, from: &Buffer<'_>, to: &Buffer<'_>) {
        assert!(from.bytes() <= to.bytes());
        let region = [vk::BufferCopy::default().size(from.bytes())];
        // SAFETY: recording (type), both buffers allow transfers, and the region lies in both.
        unsafe { self.vulkan().cmd_copy_buffer(self.0.buffer, from.handle(), to.handle(), &region) };
    }

    /// What shaders wrote is visible to later shaders.
    pub fn shaders_then_shaders(&self) {
        let (stage, write) = (vk::PipelineStageFlags::COMPUTE_SHADER, vk::AccessFlags::SHADER_WRITE);
        self.barrier((stage, write), (stage, vk::AccessFlags::SHADER_READ | write));
    }

    /// What shaders wrote is visible to the host once the submission is waited for.
    pub fn shaders_then_host(&self) {
        self.barrier(
            (vk::PipelineStageFlags::COMPUTE_SHADER, vk::AccessFlags::SHADER_WRITE),
            (vk::PipelineStageFlags::HOST, vk::AccessFlags::HOST_READ | vk::AccessFlags::HOST_WRITE),
        );
    }

    /// What copies wrote is visible to later shaders.
    pub fn copies_then_shaders(&self) {
        self.barrier(
            (vk::PipelineStageFlags::TRANSFER, vk::AccessFlags::TRANSFER_WRITE),
            (vk::PipelineStageFlags::COMPUTE_SHADER, vk::AccessFlags::SHADER_READ | vk::AccessFlags::SHADER_WRITE),
        );
    }

    /// What shaders wrote is visible to later copies.
    pub fn shaders_then_copies(&self) {
        self.barrier(
            (vk::PipelineStageFlags::COMPUTE_SHADER, vk::AccessFlags::SHADER_WRITE),
            (vk::PipelineStageFlags::TRANSFER, vk::AccessFlags::TRANSFER_READ),
        );
    }

    /// What copies wrote is visible to the host once the submission is waited for.
    pub fn copies_then_host(&self) {
        self.barrier(
            (vk::PipelineStageFlags::TRANSFER, vk::AccessFlags::TRANSFER_WRITE),
            (vk::PipelineStageFlags::HOST, vk::AccessFlags::HOST_READ),
        );
    }

    /// Takes the time before what follows.
    pub fn start_clock(&self) {
        // SAFETY: recording (type), outside any render pass, and the pool holds two queries.
        unsafe { self.vulkan().cmd_reset_query_pool(self.0.buffer, self.0.queries, 0, 2) };
        self.clock(vk::PipelineStageFlags::TOP_OF_PIPE, 0);
    }

    /// Takes the time after what came before.
    pub fn stop_clock(&self) {
        self.clock(vk::PipelineStageFlags::BOTTOM_OF_PIPE, 1);
    }

    fn clock(&self, stage: vk::PipelineStageFlags, query: u32) {
        // SAFETY: recording (type); `start_clock` reset both queries, and `elapsed` refuses those that were never written.
        unsafe { self.vulkan().cmd_write_timestamp(self.0.buffer, stage, self.0.queries, query) };
    }

    fn barrier(&self, from: (vk::PipelineStageFlags, vk::AccessFlags), to: (vk::PipelineStageFlags, vk::AccessFlags)) {
        let memory = [vk::MemoryBarrier::default().src_access_mask(from.1).dst_access_mask(to.1)];
        // SAFETY: recording (type); global barriers name no resource.
        unsafe {
            self.vulkan().cmd_pipeline_barrier(
                self.0.buffer,
                from.0,
                to.0,
                vk::DependencyFlags::empty(),
                &memory,
                &[],
                &[],
            );
        }
    }

    fn vulkan(&self) -> &ash::Device {
        &self.0.device.device
    }
}

impl Drop for Commands<'_> {
    fn drop(&mut self) {
        if !self.device.is_idle() {
            return;
        }
        // SAFETY: the device is idle.
        unsafe { self.device.device.destroy_query_pool(self.queries, None) };
        // SAFETY: the device is idle; the command buffer goes with its pool.
        unsafe { self.device.device.destroy_command_pool(self.pool, None) };
    }
}
