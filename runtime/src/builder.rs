//! Opening an `Svm`.

use crate::{
    Svm,
    config::{Config, DeviceModel, Faults, Placement, Policy, Translation},
    error::Result,
    gpu::{Way, call::Calls, plan::QueueDevice},
    os::{call::SystemCalls, mapping::Backing},
    residency::{Record, Shown},
};
use std::{sync::Arc, time::Duration};

/// Options for opening a heap. The defaults come from the environment (`VKSVM_DEVICE`, `VKSVM_PLACEMENT`,
/// `VKSVM_TRANSLATION`, `VKSVM_FAULTS`, `VKSVM_IN_PLACE`, `VKSVM_POLICY`, `VKSVM_DEVICE_MODEL`, `VKSVM_VALIDATION`, `VKSVM_DETECT_UNTRANSLATED`,
/// `VKSVM_TRACE`) and the device.
///
/// ```no_run
/// let svm = vksvm::Svm::builder().device("llvmpipe").heap_size(4 << 30).open()?;
/// # Ok::<(), vksvm::Error>(())
/// ```
#[must_use = "nothing is opened before `open`"]
#[derive(Clone)]
pub struct SvmBuilder {
    config: Config,
    seam: Seam,
}

impl Svm {
    /// Opens a heap on the best device, with the defaults of [`SvmBuilder`].
    ///
    /// # Errors
    /// `NoVulkan`, `NoDevice`, `MissingFeatures`, `PlacementUnavailable` where no device will do; as Vulkan's and the
    /// operating system's.
    pub fn open() -> Result<Self> {
        Self::builder().open()
    }

    /// Options, to be followed by [`SvmBuilder::open`].
    pub fn builder() -> SvmBuilder {
        SvmBuilder { config: Config::from_env(), seam: Seam::default() }
    }
}

impl SvmBuilder {
    /// The device: its index in the loader's order, or a part of its name, in any case. Overrides `VKSVM_DEVICE`.
    /// Without it, the best one that works: discrete, integrated, virtual, CPU.
    pub fn device(mut self, index_or_name: impl Into<String>) -> Self {
        self.config.device = Some(index_or_name.into());
        self
    }

    /// How the device sees the heap. Overrides `VKSVM_PLACEMENT`. Default: what it does best.
    pub fn placement(mut self, placement: Placement) -> Self {
        self.config.placement = Ok(placement);
        self
    }

    /// How the CPU's touches of pages that are with the device are served, in discrete placement. Overrides `VKSVM_FAULTS`.
    /// Default: the best that works here; [`Svm::capabilities`](crate::Svm::capabilities) says which and why.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.config.faults = Ok(faults);
        self
    }

    /// Most bytes of device memory that pages may take in discrete placement, rounded down to 2 MiB, at least that.
    /// Default: 80 % of what the driver offers; on CPU devices at most a quarter of the machine's memory.
    pub fn device_budget(mut self, bytes: u64) -> Self {
        self.config.device_budget = Some(bytes);
        self
    }

    /// Whether launches may work on pages that stay with the host, in discrete placement, where the device can: what does
    /// not fit into device memory. Without it all that a launch reaches is moved first, and a launch that reaches more than the
    /// budget is an error. Overrides `VKSVM_IN_PLACE`. Default: yes.
    pub fn in_place(mut self, on: bool) -> Self {
        self.config.in_place = on;
        self
    }

    /// Who decides which pages are with the device, in discrete placement. Overrides `VKSVM_POLICY`. Default: [`Policy::Auto`].
    pub fn policy(mut self, policy: Policy) -> Self {
        self.config.policy = Ok(policy);
        self
    }

    /// What copying pages and using them in place is taken to cost. Overrides `VKSVM_DEVICE_MODEL`. Default: [`DeviceModel::Auto`].
    pub fn device_model(mut self, model: DeviceModel) -> Self {
        self.config.device_model = Ok(model);
        self
    }

    /// Whether accesses that lowering missed are hunted, in discrete placement on CPU devices, whose threads would otherwise
    /// read the right bytes by luck: every page that a launch reaches is taken from the CPU while it runs, what moved is
    /// poisoned, and a touch by one of the device's threads ends the process with the kernel's name. For tests. Overrides
    /// `VKSVM_DETECT_UNTRANSLATED`. Default: no.
    pub fn detect_untranslated(mut self, on: bool) -> Self {
        self.config.detect_untranslated = on;
        self
    }

    /// How shaders get from unified to device addresses. Overrides `VKSVM_TRANSLATION`. Without it, what the device needs. One that is not needed makes kernels
    /// slower and is for trying kernels out: on a device whose addresses equal the host's it shows the device another
    /// view of a memfd's memory, so that they do not.
    pub fn translation(mut self, translation: Translation) -> Self {
        self.config.translation = Ok(translation);
        self
    }

    /// What backs the heap. Default: a memfd where the device imports one, else private memory.
    pub fn backing(mut self, backing: Backing) -> Self {
        self.config.backing = Some(backing);
        self
    }

    /// Bytes of address space in the heap, rounded down to 2 MiB; memory is only used where it is touched.
    /// Default: as much as the machine has memory. At least 2 MiB, at most 16 TiB; with [`Translation::Table`] as much as
    /// has its table, 1/8192 of it, in one allocation of the device. That memory is used from the start.
    pub fn heap_size(mut self, bytes: u64) -> Self {
        self.config.heap_size = Some(bytes);
        self
    }

    /// Bytes that one import covers, a multiple of 2 MiB, at most what the device imports at once.
    /// Default: that, on CPU devices; at most 256 MiB on others, which may pin what they import.
    pub fn segment_size(mut self, bytes: u64) -> Self {
        self.config.segment_size = Some(bytes);
        self
    }

    /// Whether the Khronos validation layer checks every call, with synchronization validation. Slow.
    /// Default: whether `VKSVM_VALIDATION` is set and not `0`.
    pub fn validation(mut self, on: bool) -> Self {
        self.config.validation = on;
        self
    }

    /// Most launches that are collected into one submission while the device is busy, 1 to 4096. Default 64.
    pub fn group(mut self, launches: usize) -> Self {
        self.config.group = launches;
        self
    }

    /// How long a wait polls before it blocks. Default 50 µs; zero saves processor time and costs latency.
    pub fn spin(mut self, time: Duration) -> Self {
        self.config.spin = time;
        self
    }

    /// Launches that run longer are reported with their kernel's name: a `tracing` warning, and
    /// [`Stats::slow_launches`](crate::Stats::slow_launches). Default 10 s; `None` for no limit.
    pub fn launch_limit(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.config.launch_limit = limit.into();
        self
    }

    /// Whether launches, moves of pages, CPU faults and hints are logged, for [`Svm::recording`](crate::Svm::recording). Every launch is timed
    /// then. Overrides `VKSVM_TRACE`. Default: no.
    pub fn trace(mut self, on: bool) -> Self {
        self.config.trace = on;
        self
    }

    /// Events that the log has room for, 1 to 16,777,216, of 48 bytes each; memory is used as far as there are events. What does not fit is
    /// counted and left out. Default 1,048,576.
    pub fn trace_events(mut self, events: usize) -> Self {
        self.config.trace_events = events;
        self
    }

    /// Opens the heap.
    ///
    /// # Errors
    /// As [`Svm::open`]; `BadOption` for values outside the ranges given here.
    pub fn open(self) -> Result<Svm> {
        Svm::open_with(&self.config, &self.seam)
    }
}

/// Where tests reach in (feature `seam`); nothing otherwise.
#[derive(Clone, Default)]
pub(crate) struct Seam {
    #[cfg(feature = "seam")]
    failures: Option<Arc<crate::gpu::call::Failures>>,
    #[cfg(feature = "seam")]
    queue: Option<Arc<crate::seam::WrapQueue>>,
    #[cfg(feature = "seam")]
    shown: Option<Shown>,
    #[cfg(feature = "seam")]
    keep_pages: bool,
    #[cfg(feature = "seam")]
    broken: Option<vksvm_spirv::Broken>,
    #[cfg(feature = "seam")]
    broken_pages: Option<vksvm_pages::Broken>,
    #[cfg(feature = "seam")]
    record: Record,
    #[cfg(feature = "seam")]
    broken_recording: Option<crate::gpu::Broken>,
    #[cfg(feature = "seam")]
    system: Option<Arc<crate::os::call::SystemFailures>>,
    #[cfg(feature = "seam")]
    way: Way,
    #[cfg(feature = "seam")]
    unguarded: bool,
}

impl Seam {
    pub fn calls(&self) -> Calls {
        #[cfg(feature = "seam")]
        return self.failures.clone().map_or_else(Calls::default, Calls::with).breaking(self.broken_recording);
        #[cfg(not(feature = "seam"))]
        Calls::default()
    }

    /// Which view of the heap the device is shown first.
    pub fn shown(&self) -> Shown {
        #[cfg(feature = "seam")]
        if let Some(shown) = self.shown {
            return shown;
        }
        Shown::User
    }

    /// Whether freed pages stay with the process even where the device would follow.
    pub fn keeps_pages(&self) -> bool {
        #[cfg(feature = "seam")]
        return self.keep_pages;
        #[cfg(not(feature = "seam"))]
        false
    }

    /// How the fault mechanism's system calls are made.
    pub fn system_calls(&self) -> SystemCalls {
        #[cfg(feature = "seam")]
        if let Some(failures) = &self.system {
            return SystemCalls::with(failures.clone());
        }
        SystemCalls::default()
    }

    /// How pages are copied to and from device memory.
    pub fn way(&self) -> Way {
        #[cfg(feature = "seam")]
        return self.way;
        #[cfg(not(feature = "seam"))]
        Way::Auto
    }

    /// The policy, as it guards against pages that bounce.
    pub fn guarding(&self, policy: vksvm_pages::Auto) -> vksvm_pages::Auto {
        #[cfg(feature = "seam")]
        if self.unguarded {
            return policy.unguarded();
        }
        policy
    }

    /// Who is told what is done to pages.
    pub fn record(&self) -> Record {
        #[cfg(feature = "seam")]
        return self.record.clone();
        #[cfg(not(feature = "seam"))]
        Record::default()
    }

    /// Which law of the page protocol is broken.
    #[cfg(feature = "seam")]
    pub fn broken_pages(&self) -> Option<vksvm_pages::Broken> {
        self.broken_pages
    }

    /// How kernels are lowered for this translation.
    pub fn lowering(&self, translation: vksvm_spirv::Translation) -> vksvm_spirv::Options {
        let options = vksvm_spirv::Options::new(translation);
        #[cfg(feature = "seam")]
        let options = vksvm_spirv::Options { broken: self.broken, ..options };
        options
    }

    pub fn queue(&self, device: Arc<dyn QueueDevice>) -> Arc<dyn QueueDevice> {
        #[cfg(feature = "seam")]
        if let Some(wrap) = &self.queue {
            return wrap(device);
        }
        device
    }
}

#[cfg(feature = "seam")]
impl SvmBuilder {
    /// Has Vulkan calls fail as planned.
    pub fn failures(mut self, failures: &Arc<crate::gpu::call::Failures>) -> Self {
        self.seam.failures = Some(failures.clone());
        self
    }

    /// Has device addresses differ from the host's on devices where they would not, with a memfd: by one number everywhere, or
    /// (`in_turns`) in every other segment only.
    pub fn addresses_differ(mut self, in_turns: bool) -> Self {
        self.seam.shown = Some(if in_turns { Shown::Turns } else { Shown::Runtime });
        self
    }

    /// Keeps freed pages, as for devices that pin what they import: memory that is allocated again is mapped already, in both views,
    /// so that what is timed on it are no page faults.
    pub fn keep_freed_pages(mut self) -> Self {
        self.seam.keep_pages = true;
        self
    }

    /// Has lowering do something wrong.
    pub fn break_lowering(mut self, broken: vksvm_spirv::Broken) -> Self {
        self.seam.broken = Some(broken);
        self
    }

    /// Has the page protocol break a law.
    pub fn break_pages(mut self, law: vksvm_pages::Broken) -> Self {
        self.seam.broken_pages = Some(law);
        self
    }

    /// Tells of all that is done to pages in discrete placement: see [`crate::seam::Recorder`] for what it must not do.
    pub fn record_pages(mut self, recorder: Arc<crate::seam::Recorder>) -> Self {
        self.seam.record = Record::with(recorder);
        self
    }

    /// Has launches recorded with a law broken.
    pub fn break_recording(mut self, law: crate::gpu::Broken) -> Self {
        self.seam.broken_recording = Some(law);
        self
    }

    /// Has system calls of the fault mechanism fail as planned.
    pub fn system_failures(mut self, failures: &Arc<crate::os::call::SystemFailures>) -> Self {
        self.seam.system = Some(failures.clone());
        self
    }

    /// Has pages copied by the device, as where the host cannot map its memory.
    pub fn staged(mut self) -> Self {
        self.seam.way = Way::Staged;
        self
    }

    /// Lets pages that bounce between CPU and device go on bouncing.
    pub fn without_guard(mut self) -> Self {
        self.seam.unguarded = true;
        self
    }

    /// Puts a test's device between the queue and Vulkan.
    pub fn wrap_queue(mut self, wrap: Arc<crate::seam::WrapQueue>) -> Self {
        self.seam.queue = Some(wrap);
        self
    }
}
