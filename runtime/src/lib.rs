//! # vksvm: shared virtual memory for GPU compute on plain Vulkan

// The derives write `::vksvm::…`; this makes those paths resolve inside the crate's own tests.
extern crate self as vksvm;

mod addr;
mod builder;
mod capabilities;
mod config;
mod error;
mod gpu;
mod heap;
mod kernel;
mod os;
mod residency;
mod stats;

pub use addr::{BLOCK, PAGE};
pub use builder::SvmBuilder;
pub use capabilities::{Capabilities, Probe};
pub use config::Placement;
pub use error::{Error, OsError, Result};
pub use heap::{Svm, SvmAlloc, SvmBox, SvmVec};
pub use kernel::*;
pub use os::mapping::Backing;
pub use stats::Stats;

/// What this project's own tests reach in with. No stability promise.
#[cfg(feature = "seam")]
pub mod seam {
    pub use crate::{
        addr::Span,
        gpu::{
            call::{Call, Command, Failures},
            plan::{Batch, Dispatch, QueueDevice, Step, Use},
            validation::messages as validation_messages,
        },
    };
    /// Vulkan's results, for [`Failures::fail`], and the flags of [`Command::Barrier`].
    pub use ash::vk::{AccessFlags, PipelineStageFlags, Result as VkResult};
    use std::sync::Arc;

    /// Puts a test's device around the real one.
    pub type WrapQueue = dyn Fn(Arc<dyn QueueDevice>) -> Arc<dyn QueueDevice> + Send + Sync;
}
