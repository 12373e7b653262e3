//! How memory will be used, and what allocations are told from the start.

use super::{Location, Region};
use crate::{GpuStruct, Result, Svm, SvmBox, SvmVec};
use vksvm_pages::Advised as Said;

/// How soon launches use memory again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Temperature {
    /// By most launches.
    Hot,
    /// Like any other.
    #[default]
    Warm,
    /// Seldom.
    Cold,
}

/// How launches are expected to use memory: see [`Svm::access_hint`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccessHint {
    temperature: Temperature,
    reads: u8,
    writes: u8,
}

impl AccessHint {
    /// Most launches use it.
    pub fn hot() -> Self {
        AccessHint { temperature: Temperature::Hot, ..Self::default() }
    }

    /// Launches use it like any other memory.
    pub fn warm() -> Self {
        Self::default()
    }

    /// Launches seldom use it.
    pub fn cold() -> Self {
        AccessHint { temperature: Temperature::Cold, ..Self::default() }
    }

    /// A launch that uses it reads each byte about so often; 0, as from the start, says nothing.
    #[must_use]
    pub fn reads(self, times: u8) -> Self {
        AccessHint { reads: times, ..self }
    }

    /// A launch that uses it writes each byte about so often; 0, as from the start, says nothing.
    #[must_use]
    pub fn writes(self, times: u8) -> Self {
        AccessHint { writes: times, ..self }
    }

    /// In the page protocol's terms.
    pub(super) fn said(self) -> &'static [(Said, bool)] {
        match self.temperature {
            Temperature::Hot => &[(Said::Hot, true)],
            Temperature::Warm => &[(Said::Hot, false), (Said::Cold, false)],
            Temperature::Cold => &[(Said::Cold, true)],
        }
    }

    /// How often a launch reads and writes each byte; 0 for unknown.
    pub(crate) fn each_byte(self) -> (u8, u8) {
        (self.reads, self.writes)
    }
}

/// Hints that hold for allocations from the start: see [`Svm::hinted`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "these are for Svm::hinted"]
pub struct Hints {
    read_mostly: bool,
    prefers: Option<Location>,
    accessed_by: Option<Location>,
    access: Option<AccessHint>,
}

impl Hints {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`Svm::advise_read_mostly`].
    pub fn read_mostly(self) -> Self {
        Hints { read_mostly: true, ..self }
    }

    /// As [`Svm::prefer_location`].
    pub fn prefer(self, at: Location) -> Self {
        Hints { prefers: Some(at), ..self }
    }

    /// As [`Svm::accessed_by`].
    pub fn accessed_by(self, by: Location) -> Self {
        Hints { accessed_by: Some(by), ..self }
    }

    /// As [`Svm::access_hint`].
    pub fn access(self, hint: AccessHint) -> Self {
        Hints { access: Some(hint), ..self }
    }
}

/// Allocates with hints: what [`Svm::hinted`] returns.
#[derive(Clone, Debug)]
pub struct Hinted<'s> {
    svm: &'s Svm,
    hints: Hints,
}

impl Svm {
    /// For allocations that are given hints as they are made. Since hints are about whole pages, an allocation of less than 64 KiB shares
    /// them with its neighbours.
    ///
    /// ```no_run
    /// # fn f(svm: &vksvm::Svm) -> vksvm::Result<()> {
    /// use vksvm::hints::Hints;
    /// let edges = svm.hinted(Hints::new().read_mostly()).vec(0..1_000_000u32)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn hinted(&self, hints: Hints) -> Hinted<'_> {
        Hinted { svm: self, hints }
    }
}

impl Hinted<'_> {
    /// As [`Svm::try_vec`].
    ///
    /// # Errors
    /// As there; as the hints'.
    pub fn vec<T>(&self, items: impl IntoIterator<Item = T>) -> Result<SvmVec<T>> {
        let vec = self.svm.try_vec(items)?;
        self.apply(&vec)?;
        Ok(vec)
    }

    /// As [`Svm::try_zeroed`].
    ///
    /// # Errors
    /// As there; as the hints'.
    pub fn zeroed<T: GpuStruct>(&self, len: usize) -> Result<SvmVec<T>> {
        let vec = self.svm.try_zeroed(len)?;
        self.apply(&vec)?;
        Ok(vec)
    }

    /// As [`Svm::try_boxed`].
    ///
    /// # Errors
    /// As there; as the hints'.
    pub fn boxed<T>(&self, value: T) -> Result<SvmBox<T>> {
        let value = self.svm.try_boxed(value)?;
        self.apply(&value)?;
        Ok(value)
    }

    fn apply(&self, region: impl Into<Region>) -> Result<()> {
        let (svm, region) = (self.svm, region.into());
        if region.is_empty() {
            // Nothing was allocated.
            return Ok(());
        }
        let Hints { read_mostly, prefers, accessed_by, access } = self.hints;
        if read_mostly {
            svm.advise_read_mostly(region)?;
        }
        if let Some(at) = prefers {
            svm.prefer_location(region, at)?;
        }
        if let Some(by) = accessed_by {
            svm.accessed_by(region, by)?;
        }
        if let Some(hint) = access {
            svm.access_hint(region, hint)?;
        }
        Ok(())
    }
}
