//! Where the heap's pages are and how the device gets at them.
//!
//! *Unified* placement (`unified`): they stay where they are. *Discrete* placement (`discrete`): they move, as `vksvm-pages` decides and
//! `mover` carries out, and CPU faults bring them back; `waiting` has the faults that cannot be served at once. Both find the heap's own
//! memory through `imports`. What is possible here is tried by `probe`, and decided on by `plan`. Kernels are `lowering`'s.

mod alone;
mod costs;
mod discrete;
mod hinted;
mod imports;
mod lowering;
mod measure;
mod mover;
mod plan;
mod prefetch;
mod probe;
mod record;
mod translation;
mod unified;
mod waiting;

#[cfg(feature = "seam")]
pub use discrete::in_service;
pub(crate) use discrete::{Discrete, Ready};
pub(crate) use imports::{Imports, Views};
pub(crate) use lowering::Lowering;
pub(crate) use plan::{Plan, Reasons};
pub(crate) use prefetch::Asked;
pub(crate) use probe::Findings;
pub(crate) use record::Record;
#[cfg(feature = "seam")]
pub use record::{Event, Recorder};
pub(crate) use translation::{Shown, Translator};
pub(crate) use unified::Unified;

use crate::{addr::Span, error::Result, gpu::plan::Use};
use vksvm_pages::{Costs, DeviceModel};

/// The placement in force.
pub(crate) enum Residency {
    Unified(Unified),
    Discrete(Discrete),
}

impl Residency {
    /// Sees to it that a launch of `kernel`, by its number, finds all that it uses. It must be [`Residency::issued`] or [`Residency::withdrawn`].
    ///
    /// # Errors
    /// `BudgetExceeded`, `PinnedToHost` in discrete placement; as the system's and Vulkan's.
    pub fn ready(&self, uses: &[Use], kernel: u64) -> Result<Option<Ready>> {
        match self {
            Residency::Unified(unified) => {
                uses.iter().try_for_each(|u| unified.prepare(u.span))?;
                Ok(None)
            }
            Residency::Discrete(discrete) => discrete.ready(uses, kernel).map(Some),
        }
    }

    /// Has the device find `span`, which lies in the heap, where it is: without a launch that uses it.
    ///
    /// # Errors
    /// As the system's and Vulkan's.
    pub fn show(&self, span: Span) -> Result<()> {
        match self {
            Residency::Unified(unified) => unified.prepare(span),
            Residency::Discrete(discrete) => discrete.show(span),
        }
    }

    /// The launch was issued with this point, and uses what it was ready for. Under the queue's lock.
    pub fn issued(&self, ready: Option<Ready>, uses: impl Iterator<Item = Use>, point: u64) {
        match (self, ready) {
            (Residency::Unified(unified), _) => unified.issued(uses, point),
            (Residency::Discrete(discrete), Some(ready)) => discrete.issued(ready, point),
            (Residency::Discrete(_), None) => {}
        }
    }

    /// The launch was not issued.
    pub fn withdrawn(&self, ready: Option<Ready>) {
        if let (Residency::Discrete(discrete), Some(ready)) = (self, ready) {
            discrete.withdrawn(ready);
        }
    }

    /// How kernels are lowered; `None` where they run untouched.
    pub fn lowering(&self) -> Option<vksvm_spirv::Translation> {
        match self {
            Residency::Unified(unified) => unified.lowering(),
            Residency::Discrete(discrete) => Some(discrete.lowering()),
        }
    }

    /// What policy reckons with, in discrete placement.
    pub fn costs(&self) -> Option<(DeviceModel, Costs)> {
        match self {
            Residency::Unified(_) => None,
            Residency::Discrete(discrete) => Some(discrete.costs()),
        }
    }

    /// Segments imported so far, and all of them.
    pub fn imported(&self) -> (usize, usize) {
        match self {
            Residency::Unified(unified) => unified.imported(),
            Residency::Discrete(discrete) => discrete.imported(),
        }
    }
}
