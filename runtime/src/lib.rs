//! Shared virtual memory for GPU compute on plain Vulkan: one heap, one set of pointers, CPU and device.
//!
//! [`Svm::open`] opens a heap on a device. [`SvmVec`] and [`SvmBox`] live in it. [`Svm::module`] loads a compute shader as
//! a [`Kernel`], whose arguments are a struct with `#[derive(KernelArgs)]`. [`Svm::scope`] lends slices to launches, which
//! get the same addresses that the program uses:
//!
//! ```no_run
//! use vksvm::{In, InOut, KernelArgs, Svm};
//!
//! #[derive(KernelArgs)]
//! struct Saxpy<'a> {
//!     #[len(n)]
//!     x: In<'a, f32>,
//!     #[len(n)]
//!     y: InOut<'a, f32>,
//!     n: u32,
//!     a: f32,
//! }
//!
//! let svm = Svm::open()?;
//! let spirv = std::fs::read("saxpy.spv")?;
//! // SAFETY: the shader reads x[i] and changes y[i], for i < n only.
//! let saxpy = unsafe { svm.module(&spirv).load::<Saxpy>()? };
//! let x = svm.vec((0..1000).map(|i| i as f32));
//! let mut y = svm.vec(vec![1.0; 1000]);
//! svm.scope(|s| saxpy.launch(1000u32, Saxpy { x: s.read(&x), y: s.update(&mut y), n: 1000, a: 2.0 }))?;
//! assert_eq!(y[999], 1999.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is shared, and when
//!
//! A slice that is lent belongs to the launches: `&mut` to them means neither side sees it while they write, `&` that both
//! may read. [`Lent`] gives it back between launches. Structs go to shaders with `#[derive(GpuStruct)]`; pointers inside
//! data are [`Ptr`]s, which hold the same address on both sides.
//!
//! # Errors
//!
//! Every function that can fail returns [`Error`], a variant a cause. Nothing that a caller passes panics, hangs or loses
//! data. What `std` aborts on, running out of memory in [`Svm::vec`] or `push`, aborts here, too; `try_` variants do not.

// The derives write `::vksvm::…`; this makes those paths resolve inside the crate's own tests.
extern crate self as vksvm;

mod addr;
mod builder;
mod capabilities;
mod config;
mod error;
#[cfg(any(test, feature = "seam"))]
mod failures;
mod gpu;
mod heap;
pub mod hints;
mod kernel;
mod os;
mod residency;
mod stats;
mod trace;

pub use addr::{BLOCK, PAGE};
pub use builder::SvmBuilder;
pub use capabilities::{Capabilities, Probe};
pub use config::{DeviceModel, Faults, Placement, Policy, Translation};
pub use error::{Error, OsError, Result};
pub use heap::{Svm, SvmAlloc, SvmBox, SvmVec};
pub use kernel::*;
pub use os::mapping::Backing;
pub use stats::{BytesByCause, Stats};
#[cfg(feature = "report")]
pub use trace::Output;
pub use trace::Recording;

/// What this project's own tests reach in with. No stability promise.
#[cfg(feature = "seam")]
pub mod seam {
    pub use crate::{
        addr::Span,
        gpu::{
            Broken as BrokenRecording,
            call::{Call, Command, Failures},
            opened::{Imported, Opened},
            opened_memory::{Launcher, Loaded, OpenedMemory, OpenedTable, Way},
            plan::{Batch, Dispatch, QueueDevice, Step, Use},
            validation::messages as validation_messages,
        },
        os::call::{SystemCall, SystemFailures},
        residency::{Event, Recorder, in_service},
    };
    /// Vulkan's results, for [`Failures::fail`], and the flags of [`Command::Barrier`].
    pub use ash::vk::{AccessFlags, PipelineStageFlags, Result as VkResult};
    use std::sync::Arc;
    /// Ways to break the page protocol.
    pub use vksvm_pages::Broken as BrokenPages;

    /// Puts a test's device around the real one.
    pub type WrapQueue = dyn Fn(Arc<dyn QueueDevice>) -> Arc<dyn QueueDevice> + Send + Sync;
}
