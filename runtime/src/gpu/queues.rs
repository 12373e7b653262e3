//! The device's queues: one for launches and, where there is another, one for copies; each with the lock under which it is
//! used.
//!
//! Vulkan asks that one thread at a time uses a queue. Who submits holds that queue's lock for the length of the call; who
//! waits for the whole device holds both, the launch queue's first. Nothing waits for a launch under either, but that
//! last one.

use ash::vk;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A queue, its family, its lock.
pub(crate) struct DeviceQueue {
    pub family: u32,
    raw: Mutex<vk::Queue>,
}

/// Which queue copies go to: family and index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CopyQueue {
    pub family: u32,
    pub index: u32,
}

impl DeviceQueue {
    pub fn new(family: u32, raw: vk::Queue) -> Self {
        DeviceQueue { family, raw: Mutex::new(raw) }
    }

    /// The queue, for as long as the guard lives.
    pub fn lock(&self) -> MutexGuard<'_, vk::Queue> {
        // Nothing panics under it but what aborts anyway, and the handle is as good after it.
        self.raw.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CopyQueue {
    /// A queue beside the first one of the family `launch`: of a family that does nothing but copy, which on desktop hardware
    /// is a copy engine that works beside the shaders; else the second one of `launch`; else none.
    pub fn among(families: &[vk::QueueFamilyProperties], launch: u32) -> Option<Self> {
        let shaders = vk::QueueFlags::GRAPHICS | vk::QueueFlags::COMPUTE;
        let copies = families.iter().enumerate().filter(|(_, family)| {
            let flags = family.queue_flags;
            family.queue_count > 0 && flags.contains(vk::QueueFlags::TRANSFER) && !flags.intersects(shaders)
        });
        // Video engines can copy, too; the family with the fewest other uses is the copy engine's.
        let dedicated = copies.min_by_key(|(_, family)| family.queue_flags.as_raw().count_ones());
        let second = families.get(launch as usize).filter(|family| family.queue_count > 1);
        match (dedicated, second) {
            (Some((family, _)), _) => Some(CopyQueue { family: family as u32, index: 0 }),
            (None, Some(_)) => Some(CopyQueue { family: launch, index: 1 }),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(flags: vk::QueueFlags, count: u32) -> vk::QueueFamilyProperties {
        vk::QueueFamilyProperties { queue_flags: flags, queue_count: count, ..Default::default() }
    }

    #[test]
    fn a_copy_engine_first_then_a_second_queue_then_none() {
        use vk::QueueFlags as F;
        let all = family(F::GRAPHICS | F::COMPUTE | F::TRANSFER | F::SPARSE_BINDING, 16);
        let compute = family(F::COMPUTE | F::TRANSFER, 8);
        let video = family(F::TRANSFER | F::VIDEO_DECODE_KHR | F::SPARSE_BINDING, 1);
        let copy = family(F::TRANSFER | F::SPARSE_BINDING, 2);
        let one = family(F::GRAPHICS | F::COMPUTE | F::TRANSFER, 1);
        let at = |family, index| Some(CopyQueue { family, index });
        assert_eq!(CopyQueue::among(&[all, compute, video, copy], 1), at(3, 0));
        assert_eq!(CopyQueue::among(&[all, compute, family(F::TRANSFER, 0)], 1), at(1, 1));
        assert_eq!(CopyQueue::among(&[all, family(F::COMPUTE, 1)], 1), None);
        assert_eq!(CopyQueue::among(&[one], 0), None);
    }
}
