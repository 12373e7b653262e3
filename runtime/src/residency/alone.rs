//! A kernel of the library's own on a queue of its own: for what is tried or measured when a heap is opened.
//!
//! # Safety
//! Who makes one vouches for its module.
#![allow(unsafe_code)]

use crate::{
    error::Result,
    gpu::{Device, Pipeline, PipelineSource, Queue, QueueOptions, Timer, VulkanQueue, plan::Dispatch},
};
use std::{sync::Arc, time::Duration};

/// A generous bound: such kernels take micro- or milliseconds.
const LIMIT: Duration = Duration::from_secs(10);

/// The kernel, compiled, and its queue.
pub(super) struct Alone {
    queue: Queue,
    pipeline: Arc<Pipeline>,
}

impl Alone {
    /// The module of these words has the entry point `main` and takes so many bytes of arguments.
    ///
    /// # Errors
    /// As Vulkan's.
    ///
    /// # Safety
    /// The module is the project's own and needs only required features.
    pub unsafe fn new(device: &Arc<Device>, spirv: &[u8], push_constants: u32) -> Result<Self> {
        let words: Vec<u32> = spirv.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        let source = PipelineSource { words: &words, entry: "main", push_constants, constants: &[] };
        // SAFETY: the caller's promise.
        let pipeline = unsafe { Pipeline::new(device, &source) }?;
        let options = QueueOptions { group: 1, spin: Duration::ZERO, launch_limit: None };
        let queue = Queue::new(Arc::new(VulkanQueue::new(device)?), options);
        Ok(Alone { queue, pipeline })
    }

    /// Runs so many workgroups, and waits for them.
    ///
    /// # Errors
    /// As Vulkan's; `Timeout`.
    pub fn run(&self, args: &[u8], groups: u32, timer: Option<Arc<Timer>>) -> Result<()> {
        let dispatch = Dispatch {
            pipeline: self.pipeline.clone(),
            args: args.into(),
            timer,
            owners: Default::default(),
            groups: [groups, 1, 1],
            uses: Default::default(),
        };
        let point = self.queue.launch(dispatch, || 0, |_| ())?;
        self.queue.wait(point, Some(LIMIT))
    }
}
