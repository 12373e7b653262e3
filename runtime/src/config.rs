//! Options of an `Svm` and the environment variables that set their defaults.

use crate::error::{Error, Result};
use crate::os::mapping::Backing;
use std::time::Duration;

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
    /// Pages move between host and device memory. Not built yet: asking for it is an error.
    Discrete,
}

/// How shaders get from unified addresses, the only pointer values that they hold, to device addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Translation {
    /// Identity where device addresses equal the host's; else an offset where one import covers the whole heap; else
    /// the table.
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

impl Translation {
    /// As on the command line and in JSON: `auto`, `identity`, `offset`, `table`.
    pub fn name(self) -> &'static str {
        match self {
            Translation::Auto => "auto",
            Translation::Identity => "identity",
            Translation::Offset => "offset",
            Translation::Table => "table",
        }
    }
}

impl std::str::FromStr for Translation {
    type Err = Error;

    /// From its [`name`](Translation::name).
    fn from_str(text: &str) -> Result<Self> {
        use Translation::{Auto, Identity, Offset, Table};
        [Auto, Identity, Offset, Table].into_iter().find(|t| t.name() == text).ok_or_else(|| Error::BadOption {
            option: "translation",
            reason: format!("'{text}' is none of auto, identity, offset, table"),
        })
    }
}

/// Options as they are in force: built by `SvmBuilder`.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub device: Option<String>,
    pub placement: Placement,
    /// An error where the environment names one that there is not.
    pub translation: Result<Translation>,
    pub backing: Option<Backing>,
    pub heap_size: Option<u64>,
    pub segment_size: Option<u64>,
    pub validation: bool,
    pub group: usize,
    pub spin: Duration,
    pub launch_limit: Option<Duration>,
}

/// Launches collected into one submission while the queue is busy: past 64 the cost of a submission (about 50 µs on
/// lavapipe) is below a microsecond a launch, and a longer group only delays its first launch.
const GROUP: usize = 64;

/// How long a wait polls before it blocks. About what a blocked thread's wake-up costs on a virtual machine
/// (40 µs): polling longer than that costs more processor time than it can save.
const SPIN: Duration = Duration::from_micros(50);

/// Desktop drivers reset a device whose job runs for 2 to 10 seconds; past that something is most likely wrong.
const LAUNCH_LIMIT: Duration = Duration::from_secs(10);

impl Config {
    /// The defaults, with `VKSVM_DEVICE`, `VKSVM_TRANSLATION` and `VKSVM_VALIDATION` applied.
    pub fn from_env() -> Self {
        let var = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        Config {
            device: var("VKSVM_DEVICE"),
            placement: Placement::Auto,
            translation: var("VKSVM_TRANSLATION").map_or(Ok(Translation::Auto), |name| name.parse()),
            backing: None,
            heap_size: None,
            segment_size: None,
            validation: var("VKSVM_VALIDATION").is_some_and(|v| v != "0"),
            group: GROUP,
            spin: SPIN,
            launch_limit: Some(LAUNCH_LIMIT),
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
        self.translation.clone()?;
        if self.launch_limit == Some(Duration::ZERO) {
            return bad("launch_limit", "must be longer than zero, or None for no limit");
        }
        Ok(())
    }
}

/// User address space is 128 TiB on x86-64; an eighth of it leaves room for two views and everything else.
const MAX_HEAP: u64 = 16 << 40;
