//! Options of an `Svm` and the environment variables that set their defaults.

use crate::error::{Error, Result};
use crate::os::mapping::Backing;
use crate::trace::MOST_EVENTS;
use std::time::Duration;

/// Gives an enum its names, as on the command line, in the environment and in JSON.
macro_rules! named {
    ($type:ident, $option:literal, $($variant:ident = $name:literal),*) => {
        impl $type {
            /// As on the command line, in the environment and in JSON.
            pub fn name(self) -> &'static str {
                match self { $($type::$variant => $name,)* }
            }
        }

        impl std::str::FromStr for $type {
            type Err = Error;

            /// From its [`name`](Self::name).
            fn from_str(text: &str) -> Result<Self> {
                match text {
                    $($name => Ok($type::$variant),)*
                    _ => Err(Error::BadOption {
                        option: $option,
                        reason: format!("'{text}' is none of {}", [$($name),*].join(", ")),
                    }),
                }
            }
        }
    };
}

/// How the device sees the heap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Placement {
    /// What the device does best.
    #[default]
    Auto,
    /// The device works on the heap's own memory; nothing is copied or moved.
    Unified,
    /// Pages move between host and device memory.
    Discrete,
}
named!(Placement, "placement", Auto = "auto", Unified = "unified", Discrete = "discrete");

/// How shaders get from unified addresses, the only pointer values that they hold, to device addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Translation {
    /// The table in discrete placement. In unified placement identity where device addresses equal the host's; else an
    /// offset where one import covers the whole heap; else the table.
    #[default]
    Auto,
    /// Kernels run untouched. An error where addresses differ.
    Identity,
    /// Kernels are lowered to add one number to each address. The whole heap is imported when it is opened; an error
    /// where its segments need different numbers.
    Offset,
    /// Kernels are lowered to look each page up in a table, which takes 1/8192 of the heap's size. An address outside the heap
    /// leads to a page that belongs to nobody, so that a kernel that strays there harms nothing.
    Table,
}
named!(Translation, "translation", Auto = "auto", Identity = "identity", Offset = "offset", Table = "table");

/// How the CPU's touches of pages that are with the device are noticed and served, in discrete placement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Faults {
    /// The first of the others, in their order, that works here.
    #[default]
    Auto,
    /// A service thread on a userfaultfd. System calls that touch such pages work, too.
    Userfaultfd,
    /// The touching thread serves itself in a SIGBUS handler, with a userfaultfd. System calls that touch such pages fail
    /// with EFAULT. A thread that blocks SIGBUS is killed by its touch.
    Sigbus,
    /// The touching thread serves itself in a SIGSEGV handler, with page protection: for where userfaultfd is forbidden, as
    /// in containers. System calls that touch such pages fail with EFAULT. A thread that blocks SIGSEGV is killed by its
    /// touch.
    Signal,
}
named!(Faults, "faults", Auto = "auto", Userfaultfd = "userfaultfd", Sigbus = "sigbus", Signal = "signal");

/// Who decides which pages are with the device, in discrete placement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Policy {
    /// What the runtime learns from launches, CPU faults and hints, weighed by what copying and using in place cost.
    #[default]
    Auto,
    /// Launches have all that they use moved to the device, and what was not used for the longest time makes room. What others are
    /// compared with.
    Lru,
}
named!(Policy, "policy", Auto = "auto", Lru = "lru");

/// What copying pages and using them in place is taken to cost, by [`Policy::Auto`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum DeviceModel {
    /// What is measured, on a device with memory of its own. On one whose memory is the host's nothing would ever be worth moving, so that
    /// discrete placement, which there is for trying programs out, is decided as for PCI Express 4.
    #[default]
    Auto,
    /// What is measured when the heap is opened.
    Measured,
    /// A card behind 16 lanes of PCI Express 3.
    Pcie3,
    /// A card behind 16 lanes of PCI Express 4.
    Pcie4,
}
named!(DeviceModel, "device_model", Auto = "auto", Measured = "measured", Pcie3 = "pcie3", Pcie4 = "pcie4");

/// Options as they are in force: built by `SvmBuilder`.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub device: Option<String>,
    /// An error where the environment names one that there is not; so for the next four.
    pub placement: Result<Placement>,
    pub translation: Result<Translation>,
    pub faults: Result<Faults>,
    pub policy: Result<Policy>,
    pub device_model: Result<DeviceModel>,
    /// Bytes of device memory.
    pub device_budget: Option<u64>,
    /// Whether the device may work on pages that stay with the host.
    pub in_place: bool,
    /// Whether accesses by the device that lowering missed are hunted.
    pub detect_untranslated: bool,
    pub backing: Option<Backing>,
    pub heap_size: Option<u64>,
    pub segment_size: Option<u64>,
    pub validation: bool,
    pub group: usize,
    pub spin: Duration,
    pub launch_limit: Option<Duration>,
    /// Whether what happens is logged.
    pub trace: bool,
    /// Events that the log has room for.
    pub trace_events: usize,
}

/// Events that the log has room for by default, 48 MiB of them if it comes to that: some ten seconds of a program that launches and
/// faults as fast as it can.
const TRACE_EVENTS: usize = 1 << 20;

/// Launches collected into one submission while the queue is busy: past 64 the cost of a submission (about 50 µs on
/// lavapipe) is below a microsecond a launch, and a longer group only delays its first launch.
const GROUP: usize = 64;

/// How long a wait polls before it blocks. About what a blocked thread's wake-up costs on a virtual machine
/// (40 µs): polling longer than that costs more processor time than it can save.
const SPIN: Duration = Duration::from_micros(50);

/// Desktop drivers reset a device whose job runs for 2 to 10 seconds; past that something is most likely wrong.
const LAUNCH_LIMIT: Duration = Duration::from_secs(10);

impl Config {
    /// The defaults, with the environment's `VKSVM_…` variables applied: see `SvmBuilder`.
    pub fn from_env() -> Self {
        let var = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        let on = |name: &str| var(name).map(|v| v != "0");
        fn named<T: std::str::FromStr<Err = Error> + Default>(value: Option<String>) -> Result<T> {
            value.map_or_else(|| Ok(T::default()), |name| name.parse())
        }
        Config {
            device: var("VKSVM_DEVICE"),
            placement: named(var("VKSVM_PLACEMENT")),
            translation: named(var("VKSVM_TRANSLATION")),
            faults: named(var("VKSVM_FAULTS")),
            policy: named(var("VKSVM_POLICY")),
            device_model: named(var("VKSVM_DEVICE_MODEL")),
            device_budget: None,
            in_place: on("VKSVM_IN_PLACE").unwrap_or(true),
            detect_untranslated: on("VKSVM_DETECT_UNTRANSLATED").unwrap_or(false),
            backing: None,
            heap_size: None,
            segment_size: None,
            validation: on("VKSVM_VALIDATION").unwrap_or(false),
            group: GROUP,
            spin: SPIN,
            launch_limit: Some(LAUNCH_LIMIT),
            trace: on("VKSVM_TRACE").unwrap_or(false),
            trace_events: TRACE_EVENTS,
        }
    }

    /// Refuses values that make no sense.
    pub fn check(&self) -> Result<()> {
        let bad = |option, reason: &str| Err(Error::BadOption { option, reason: reason.into() });
        if self.group == 0 || self.group > 4096 {
            return bad("group", "a submission holds 1 to 4096 launches");
        }
        if self.heap_size.is_some_and(|size| size < crate::BLOCK as u64 || size > MAX_HEAP) {
            return bad("heap_size", "a heap has 2 MiB to 16 TiB");
        }
        if self.segment_size.is_some_and(|size| size == 0 || size % crate::BLOCK as u64 != 0) {
            return bad("segment_size", "a segment is a multiple of 2 MiB, at least one");
        }
        if self.device_budget.is_some_and(|bytes| bytes < crate::BLOCK as u64) {
            return bad("device_budget", "device memory is counted in blocks of 2 MiB, at least one");
        }
        if self.trace_events == 0 || self.trace_events > MOST_EVENTS {
            return bad("trace_events", "a log has room for 1 to 16,777,216 events");
        }
        self.placement.clone()?;
        self.translation.clone()?;
        self.faults.clone()?;
        self.policy.clone()?;
        self.device_model.clone()?;
        if self.launch_limit == Some(Duration::ZERO) {
            return bad("launch_limit", "must be longer than zero, or None for no limit");
        }
        Ok(())
    }
}

/// User address space is 128 TiB on x86-64; an eighth of it leaves room for two views and everything else.
const MAX_HEAP: u64 = 16 << 40;
