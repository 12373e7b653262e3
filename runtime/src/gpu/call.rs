//! The one place where Vulkan's results become errors, and where tests make calls fail.
//!
//! Every Vulkan command that can fail is issued through [`Calls::run`], named by a [`Call`]. With the feature `seam` a
//! test hands in a [`Failures`] plan; a call that the plan picks is not made and returns the planned result instead.

use super::Broken;
use crate::error::{Error, Result};
use ash::vk;

macro_rules! calls {
    ($($variant:ident => $name:literal,)*) => {
        /// A Vulkan command that can fail.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the variants are the Vulkan commands' names")]
        pub enum Call { $($variant,)* }

        impl Call {
            /// Every one of them.
            #[cfg(feature = "seam")]
            pub const ALL: &[Call] = &[$(Call::$variant,)*];

            /// The command's Vulkan name.
            pub fn name(self) -> &'static str {
                match self { $(Call::$variant => $name,)* }
            }
        }

        #[cfg(feature = "seam")]
        impl crate::failures::Named for Call {
            const COUNT: usize = Call::ALL.len();

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

calls! {
    EnumerateInstanceLayerProperties => "vkEnumerateInstanceLayerProperties",
    CreateInstance => "vkCreateInstance",
    CreateDebugUtilsMessenger => "vkCreateDebugUtilsMessengerEXT",
    EnumeratePhysicalDevices => "vkEnumeratePhysicalDevices",
    EnumerateDeviceExtensionProperties => "vkEnumerateDeviceExtensionProperties",
    CreateDevice => "vkCreateDevice",
    CreateSemaphore => "vkCreateSemaphore",
    CreateCommandPool => "vkCreateCommandPool",
    ResetCommandPool => "vkResetCommandPool",
    AllocateCommandBuffers => "vkAllocateCommandBuffers",
    BeginCommandBuffer => "vkBeginCommandBuffer",
    EndCommandBuffer => "vkEndCommandBuffer",
    QueueSubmit => "vkQueueSubmit",
    WaitSemaphores => "vkWaitSemaphores",
    GetSemaphoreCounterValue => "vkGetSemaphoreCounterValue",
    CreateQueryPool => "vkCreateQueryPool",
    GetQueryPoolResults => "vkGetQueryPoolResults",
    GetMemoryHostPointerProperties => "vkGetMemoryHostPointerPropertiesEXT",
    CreateBuffer => "vkCreateBuffer",
    AllocateMemory => "vkAllocateMemory",
    MapMemory => "vkMapMemory",
    BindBufferMemory => "vkBindBufferMemory",
    CreateShaderModule => "vkCreateShaderModule",
    CreatePipelineLayout => "vkCreatePipelineLayout",
    CreateComputePipelines => "vkCreateComputePipelines",
}

/// Turns a failed command into its error.
pub(crate) fn error(call: Call, result: vk::Result) -> Error {
    let call = call.name();
    match result {
        vk::Result::ERROR_OUT_OF_HOST_MEMORY => Error::OutOfHostMemory { call },
        vk::Result::ERROR_OUT_OF_DEVICE_MEMORY => Error::OutOfDeviceMemory { call },
        vk::Result::ERROR_DEVICE_LOST => Error::DeviceLost { call },
        other => Error::Vulkan { call, result: format!("{other:?}") },
    }
}

/// Issues commands; cheap to clone, shared by everything that belongs to one `Svm`.
#[derive(Clone, Default)]
pub struct Calls {
    #[cfg(feature = "seam")]
    failures: Option<std::sync::Arc<Failures>>,
    #[cfg(feature = "seam")]
    broken: Option<Broken>,
}

impl Calls {
    /// Makes the call `f`, unless the test's plan has it fail.
    #[inline]
    pub(crate) fn run<T>(&self, call: Call, f: impl FnOnce() -> ash::prelude::VkResult<T>) -> Result<T> {
        #[cfg(feature = "seam")]
        if let Some(result) = self.failures.as_ref().and_then(|plan| plan.pick(call)) {
            return Err(error(call, result));
        }
        f().map_err(|result| error(call, result))
    }

    /// Whether the test's plan has devices lack this feature.
    pub(crate) fn lacks(&self, feature: &str) -> bool {
        #[cfg(feature = "seam")]
        return self.failures.as_ref().is_some_and(|plan| plan.lacks(feature));
        #[cfg(not(feature = "seam"))]
        {
            let _ = feature;
            false
        }
    }

    /// Keeps what was recorded into a command buffer, for the test's plan.
    #[cfg(feature = "seam")]
    pub(crate) fn note(&self, command: Command) {
        if let Some(plan) = &self.failures {
            plan.note(command);
        }
    }

    #[cfg(feature = "seam")]
    pub(crate) fn with(failures: std::sync::Arc<Failures>) -> Self {
        Calls { failures: Some(failures), broken: None }
    }

    /// The same, but with a law broken.
    #[cfg(feature = "seam")]
    pub(crate) fn breaking(self, broken: Option<Broken>) -> Self {
        Calls { broken, ..self }
    }

    /// Whether a law is to be broken.
    pub(crate) fn breaks(&self, law: Broken) -> bool {
        #[cfg(feature = "seam")]
        return self.broken == Some(law);
        #[cfg(not(feature = "seam"))]
        {
            let _ = law;
            false
        }
    }
}

#[cfg(feature = "seam")]
pub use plan::{Command, Failures};

#[cfg(feature = "seam")]
mod plan {
    use super::Call;
    use crate::failures::Plan;
    use ash::vk;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    /// A recorded command that orders or does work.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[allow(missing_docs, reason = "the fields are those of the Vulkan commands")]
    pub enum Command {
        Begin,
        Dispatch {
            groups: [u32; 3],
        },
        Barrier {
            from: vk::PipelineStageFlags,
            to: vk::PipelineStageFlags,
            source: vk::AccessFlags,
            target: vk::AccessFlags,
        },
        /// Between the host's staging memory and one chunk of device memory. Not named `Copy`: with a second item of
        /// that name in the crate, rustc calls the trait by its whole path in every message about a missing `Copy`.
        CopyBuffer {
            to_device: bool,
            regions: usize,
            bytes: u64,
        },
        End,
        /// The command buffers that ended before it were submitted, as launches or as copies: what they do at these stages
        /// comes after, and sees, all copies, and for copies all launches, that the host has seen end. Left out where
        /// nothing came to that since the last one.
        Await {
            before: vk::PipelineStageFlags,
        },
    }

    /// Which calls fail, how often each was made or failed, and what was recorded.
    #[derive(Default, Debug)]
    pub struct Failures {
        plan: Plan<Call>,
        commands: Mutex<Vec<Command>>,
        lacking: Mutex<Vec<&'static str>>,
    }

    impl Failures {
        /// Nothing fails yet.
        pub fn new() -> std::sync::Arc<Self> {
            Self::default().into()
        }

        /// After `skip` more calls of `call`, the next `times` return `result` without being made.
        pub fn fail(&self, call: Call, skip: u64, times: u64, result: vk::Result) {
            self.plan.fail(call, skip, times, result.as_raw());
        }

        /// Forgets what is still planned.
        pub fn clear(&self) {
            self.plan.clear();
        }

        /// How often `call` was asked for, made or not.
        pub fn seen(&self, call: Call) -> u64 {
            self.plan.seen(call)
        }

        /// How many calls the plan made fail.
        pub fn failed(&self) -> u64 {
            self.plan.failed()
        }

        /// Has every device lack this required feature, by its Vulkan name.
        pub fn lack(&self, feature: &'static str) {
            lock(&self.lacking).push(feature);
        }

        pub(super) fn lacks(&self, feature: &str) -> bool {
            lock(&self.lacking).contains(&feature)
        }

        /// What was recorded so far into the command buffers of queues, the probe's included.
        pub fn commands(&self) -> Vec<Command> {
            lock(&self.commands).clone()
        }

        pub(super) fn note(&self, command: Command) {
            lock(&self.commands).push(command);
        }

        pub(super) fn pick(&self, call: Call) -> Option<vk::Result> {
            self.plan.pick(call).map(vk::Result::from_raw)
        }
    }

    fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
        of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
