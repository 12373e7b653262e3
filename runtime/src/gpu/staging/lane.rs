//! One lane of the staging memory: its command buffer, and what is recorded into it.

#[cfg(feature = "seam")]
use super::super::call::Command;
use super::super::{call::Call, device::Device, memory::Part};
use crate::{addr::PAGE, error::Result};
use ash::vk;
use std::{slice, sync::Arc};

/// Which way a copy goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Direction {
    In,
    Out,
}

/// Where a slot is.
pub(in super::super) struct Place {
    pub buffer: vk::Buffer,
    pub offset: u64,
}

/// A part of the host memory, with what it takes to have the device copy it.
pub(super) struct Lane {
    device: Arc<Device>,
    /// The first byte, from the start of all.
    pub offset: usize,
    pool: vk::CommandPool,
    pub commands: vk::CommandBuffer,
    /// What goes through it now, one after the other.
    pub pieces: Vec<Part>,
    regions: Vec<vk::BufferCopy>,
    /// What its submission signals; 0 where none is under way.
    pub point: u64,
}

impl Lane {
    /// A lane of so many pages, `offset` bytes from the start of all.
    ///
    /// # Errors
    /// As Vulkan's.
    pub fn new(device: &Arc<Device>, offset: usize, pages: usize) -> Result<Self> {
        let info = vk::CommandPoolCreateInfo::default()
            .queue_family_index(device.copies().family)
            .flags(vk::CommandPoolCreateFlags::TRANSIENT);
        // SAFETY: the family is one that the device has a queue of.
        let pool =
            device.calls.run(Call::CreateCommandPool, || unsafe { device.raw.create_command_pool(&info, None) })?;
        // From here on a failure drops what exists. No piece is shorter than a page, so that copying allocates nothing here.
        let mut lane = Lane {
            device: device.clone(),
            offset,
            pool,
            commands: vk::CommandBuffer::null(),
            pieces: Vec::with_capacity(pages),
            regions: Vec::with_capacity(pages),
            point: 0,
        };
        let info = vk::CommandBufferAllocateInfo::default().command_pool(pool).command_buffer_count(1);
        // SAFETY: the pool was made above and nobody else knows it.
        let made =
            device.calls.run(Call::AllocateCommandBuffers, || unsafe { device.raw.allocate_command_buffers(&info) })?;
        lane.commands = made[0];
        Ok(lane)
    }

    /// Records the copy of its pieces between `staging` and where `place` says that slots are.
    ///
    /// # Errors
    /// As Vulkan's; the lane can be used again.
    pub fn record(&mut self, direction: Direction, staging: vk::Buffer, place: &dyn Fn(u32) -> Place) -> Result<()> {
        let device = self.device.clone();
        let (raw, calls) = (&device.raw, &device.calls);
        // Also after a recording that failed half-way.
        let none = vk::CommandPoolResetFlags::empty();
        // SAFETY: the lane is this thread's, and its buffer is not pending: its point was waited for.
        calls.run(Call::ResetCommandPool, || unsafe { raw.reset_command_pool(self.pool, none) })?;
        let info = vk::CommandBufferBeginInfo::default().flags(vk::CommandBufferUsageFlags::ONE_TIME_SUBMIT);
        // SAFETY: the pool was reset.
        calls.run(Call::BeginCommandBuffer, || unsafe { raw.begin_command_buffer(self.commands, &info) })?;
        #[cfg(feature = "seam")]
        calls.note(Command::Begin);
        let mut at = self.offset as u64;
        let mut chunk = vk::Buffer::null();
        self.regions.clear();
        for index in 0..self.pieces.len() {
            let piece = self.pieces[index];
            let there = place(piece.slot);
            if there.buffer != chunk {
                self.record_chunk(direction, staging, chunk);
                chunk = there.buffer;
            }
            let size = u64::from(piece.pages) * PAGE as u64;
            let (src_offset, dst_offset) = match direction {
                Direction::In => (at, there.offset),
                Direction::Out => (there.offset, at),
            };
            self.regions.push(vk::BufferCopy { src_offset, dst_offset, size });
            at += size;
        }
        self.record_chunk(direction, staging, chunk);
        if direction == Direction::Out {
            self.to_host();
        }
        // SAFETY: recording was begun above.
        calls.run(Call::EndCommandBuffer, || unsafe { raw.end_command_buffer(self.commands) })?;
        #[cfg(feature = "seam")]
        calls.note(Command::End);
        Ok(())
    }

    /// Records the collected regions, which are all of one chunk.
    fn record_chunk(&mut self, direction: Direction, staging: vk::Buffer, chunk: vk::Buffer) {
        if self.regions.is_empty() {
            return;
        }
        let (from, to) = match direction {
            Direction::In => (staging, chunk),
            Direction::Out => (chunk, staging),
        };
        // SAFETY: the buffer is being recorded; the regions lie in both buffers (the caller of `Staging::copy` keeps parts
        // inside their chunk, `Rest::cut` keeps pieces inside the lane), and slots are named once.
        unsafe { self.device.raw.cmd_copy_buffer(self.commands, from, to, &self.regions) };
        #[cfg(feature = "seam")]
        self.device.calls.note(Command::CopyBuffer {
            to_device: direction == Direction::In,
            regions: self.regions.len(),
            bytes: self.regions.iter().map(|region| region.size).sum(),
        });
        self.regions.clear();
    }

    /// What was copied out is available to the host, which may write there next.
    fn to_host(&self) {
        let (source, target) =
            (vk::AccessFlags::TRANSFER_WRITE, vk::AccessFlags::HOST_READ | vk::AccessFlags::HOST_WRITE);
        let barrier = vk::MemoryBarrier::default().src_access_mask(source).dst_access_mask(target);
        let (from, to, none) =
            (vk::PipelineStageFlags::TRANSFER, vk::PipelineStageFlags::HOST, vk::DependencyFlags::empty());
        let barriers = slice::from_ref(&barrier);
        // SAFETY: the buffer is being recorded; a global memory barrier needs nothing else.
        unsafe { self.device.raw.cmd_pipeline_barrier(self.commands, from, to, none, barriers, &[], &[]) };
        #[cfg(feature = "seam")]
        self.device.calls.note(Command::Barrier { from, to, source, target });
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        // SAFETY: nothing is under way on it: whoever submitted it has waited. The pool takes its buffer along.
        unsafe { self.device.raw.destroy_command_pool(self.pool, None) };
    }
}

/// What is left of a copy's parts.
pub(super) struct Rest<'p> {
    pub parts: &'p [Part],
    /// Pages of the first one that are done.
    pub done: u32,
}

impl Rest<'_> {
    pub fn is_longer_than(&self, pages: usize) -> bool {
        self.parts.iter().map(|part| part.pages as usize).sum::<usize>() > pages
    }

    /// Takes up to `pages` pages off, in pieces.
    pub fn cut(&mut self, pages: usize, pieces: &mut Vec<Part>) {
        let mut room = pages as u32;
        while room > 0
            && let Some(part) = self.parts.first()
        {
            let taken = room.min(part.pages - self.done);
            if taken > 0 {
                // SAFETY: inside the part's host memory, which is as long as its pages.
                let host = unsafe { part.host.add(self.done as usize * PAGE) };
                pieces.push(Part { host, slot: part.slot + self.done, pages: taken });
            }
            room -= taken;
            self.done += taken;
            if self.done == part.pages {
                self.parts = &self.parts[1..];
                self.done = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::NonNull;

    #[test]
    fn parts_are_cut_to_what_fits() {
        let mut memory = vec![0u8; 12 * PAGE];
        let host = NonNull::new(memory.as_mut_ptr()).unwrap();
        // SAFETY: inside the memory.
        let at = |page: usize| unsafe { host.add(page * PAGE) };
        let part = |page, slot, pages| Part { host: at(page), slot, pages };
        let parts = [part(0, 7, 3), part(3, 0, 0), part(4, 20, 1), part(5, 30, 7)];
        let mut rest = Rest { parts: &parts, done: 0 };
        assert!(rest.is_longer_than(10) && !rest.is_longer_than(11));
        let mut cuts = vec![];
        loop {
            let mut pieces = vec![];
            rest.cut(5, &mut pieces);
            if pieces.is_empty() {
                break;
            }
            cuts.push(pieces.iter().map(|p| (p.host, p.slot, p.pages)).collect::<Vec<_>>());
        }
        let expected =
            [vec![(at(0), 7, 3), (at(4), 20, 1), (at(5), 30, 1)], vec![(at(6), 31, 5)], vec![(at(11), 36, 1)]];
        assert_eq!(cuts, expected);
    }
}
