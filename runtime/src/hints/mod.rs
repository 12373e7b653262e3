//! What a program says about its memory: where it should be, how it will be used, what is of no use any more.
//!
//! Hints are about pages: a region is rounded outward to whole ones, except for [`Svm::discard`], which concerns only what lies wholly
//! inside. They cost time where they are wrong, never correctness, and nothing here reads or writes what they are about. In unified
//! placement nothing moves: hints are checked, and that is all.
//!
//! The verbs are those of CUDA's managed memory. A new hint replaces an older one of its kind, and what contradicts it: the result
//! says so.

mod ahead;
mod expected;
mod queries;
mod region;

pub use ahead::{Prefetch, Prefetched};
pub use expected::{AccessHint, Hinted, Hints, Temperature};
pub use queries::{PageState, RegionResidency};
pub use region::Region;

use crate::{
    GpuStruct, Lent, Svm,
    addr::{PAGE, Span},
    error::{Error, Result},
    heap::registry,
    residency::Residency,
    trace::Hint,
};
use std::ops::Range;
use vksvm_pages::Advised as Said;

/// A side that memory can be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Location {
    /// The CPU's memory.
    Host,
    /// The device's own memory.
    Device,
}

/// What became of a hint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advised {
    /// Bytes in the pages that it is about: the region, rounded outward.
    pub bytes: u64,
    /// Bytes in those of them for which a hint that said otherwise was replaced.
    pub contradicted: u64,
}

/// What became of [`Svm::discard`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Discarded {
    /// Bytes whose content will not be copied back from the device any more.
    pub bytes: u64,
}

impl Svm {
    /// Both sides will read this, and seldom write it: each keeps a copy for as long as nobody does. A CPU's write, or a launch that
    /// writes, ends that for the pages it touches, until launches read them again.
    ///
    /// # Errors
    /// `EmptyHint`, `HintOutside`.
    pub fn advise_read_mostly(&self, region: impl Into<Region>) -> Result<Advised> {
        self.advise(region.into(), "advise_read_mostly", &[(Said::ReadMostly, true)])
    }

    /// Takes [`Svm::advise_read_mostly`] back.
    ///
    /// # Errors
    /// As there.
    pub fn unadvise_read_mostly(&self, region: impl Into<Region>) -> Result<Advised> {
        self.advise(region.into(), "unadvise_read_mostly", &[(Said::ReadMostly, false)])
    }

    /// This should live there. With the host, launches use it in place, where the device can and may; else it is the first to leave
    /// the device. With the device, launches have it moved there however seldom they use it, and it is the last to leave.
    ///
    /// # Errors
    /// `EmptyHint`, `HintOutside`.
    pub fn prefer_location(&self, region: impl Into<Region>, at: Location) -> Result<Advised> {
        let said = match at {
            Location::Host => Said::PrefersHost,
            Location::Device => Said::PrefersDevice,
        };
        self.advise(region.into(), "prefer_location", &[(said, true)])
    }

    /// Takes [`Svm::prefer_location`] back.
    ///
    /// # Errors
    /// As there.
    pub fn unprefer_location(&self, region: impl Into<Region>) -> Result<Advised> {
        let neither = [(Said::PrefersHost, false), (Said::PrefersDevice, false)];
        self.advise(region.into(), "unprefer_location", &neither)
    }

    /// This side will use it all along, wherever it is. By the device: it is shown to the device now, and used in place until it is hot.
    /// By the host: what the CPU reads comes home as a copy, and the device keeps its own.
    ///
    /// # Errors
    /// `EmptyHint`, `HintOutside`; where it is to be shown to the device as the system's and Vulkan's.
    pub fn accessed_by(&self, region: impl Into<Region>, by: Location) -> Result<Advised> {
        let region = region.into();
        let advised = self.advise(region, "accessed_by", &[(by.accessed(), true)])?;
        if by == Location::Device {
            self.0.residency.show(region.0)?;
        }
        Ok(advised)
    }

    /// Takes [`Svm::accessed_by`] back.
    ///
    /// # Errors
    /// `EmptyHint`, `HintOutside`.
    pub fn not_accessed_by(&self, region: impl Into<Region>, by: Location) -> Result<Advised> {
        self.advise(region.into(), "not_accessed_by", &[(by.accessed(), false)])
    }

    /// How launches will use it: how hot it is, and how often each byte is read and written by a launch.
    ///
    /// # Errors
    /// `EmptyHint`, `HintOutside`.
    pub fn access_hint(&self, region: impl Into<Region>, hint: AccessHint) -> Result<Advised> {
        let region = region.into();
        let advised = self.advise(region, "access_hint", hint.said())?;
        self.expect(region, hint)?;
        Ok(advised)
    }

    /// Takes [`Svm::access_hint`] back.
    ///
    /// # Errors
    /// As there.
    pub fn clear_access_hint(&self, region: impl Into<Region>) -> Result<Advised> {
        self.access_hint(region, AccessHint::warm())
    }

    /// Keeps it on one side until [`Svm::unpin`]. With the host: no launch moves it, so that what goes past the CPU's page tables
    /// (`O_DIRECT`, io_uring's fixed buffers) may read and write it. It comes home now, after the launches that use it. With the device:
    /// it is brought there now, and leaves for no other pages; the CPU's own touches still bring it home for a while.
    ///
    /// # Errors
    /// `EmptyHint`, `HintOutside`; `PinnedTooMuch` where it would leave less than half of the device budget to others; as the
    /// system's and Vulkan's.
    pub fn pin(&self, region: impl Into<Region>, at: Location) -> Result<Advised> {
        let pages = self.pages_of(region.into(), "pin")?;
        let said = match at {
            Location::Host => Said::PinnedHost,
            Location::Device => Said::PinnedDevice,
        };
        self.0.trace.hinted(Hint::Said(said, true), &pages);
        match &self.0.residency {
            Residency::Unified(_) => Ok(Advised::of(&pages, 0)),
            Residency::Discrete(discrete) => discrete.pin(pages.clone(), at.side()).map(|n| Advised::of(&pages, n)),
        }
    }

    /// Takes [`Svm::pin`] back.
    ///
    /// # Errors
    /// `EmptyHint`, `HintOutside`.
    pub fn unpin(&self, region: impl Into<Region>) -> Result<Advised> {
        let neither = [(Said::PinnedHost, false), (Said::PinnedDevice, false)];
        self.advise(region.into(), "unpin", &neither)
    }

    /// The slice's content is of no use until it is written again: what lies in pages that are wholly its own is not copied back from the
    /// device. Reading it before it is written gives any of the values that its elements have had.
    ///
    /// # Errors
    /// `EmptyHint`, `HintOutside`.
    pub fn discard<T: GpuStruct>(&self, slice: &mut [T]) -> Result<Discarded> {
        self.discard_region((&*slice).into())
    }

    pub(crate) fn discard_region(&self, region: Region) -> Result<Discarded> {
        let whole = self.pages_of(region, "discard")?;
        self.0.trace.hinted(Hint::Discard, &whole);
        let Span { start, end } = region.0;
        let base = self.0.span().start;
        let first = (start - base).next_multiple_of(PAGE as u64) as usize / PAGE;
        let last = (end - base) as usize / PAGE;
        let pages = match &self.0.residency {
            Residency::Discrete(discrete) if first < last => discrete.forget(first..last),
            _ => 0,
        };
        Ok(Discarded { bytes: (pages * PAGE) as u64 })
    }

    fn expect(&self, region: Region, hint: AccessHint) -> Result<()> {
        let pages = self.pages_of(region, "access_hint")?;
        let (reads, writes) = hint.each_byte();
        self.0.trace.hinted(Hint::Expects(reads, writes), &pages);
        if let Residency::Discrete(discrete) = &self.0.residency {
            discrete.expect(pages, hint.each_byte());
        }
        Ok(())
    }

    fn advise(&self, region: Region, asked: &'static str, said: &[(Said, bool)]) -> Result<Advised> {
        let pages = self.pages_of(region, asked)?;
        said.iter().for_each(|(what, on)| self.0.trace.hinted(Hint::Said(*what, *on), &pages));
        let contradicted = match &self.0.residency {
            Residency::Unified(_) => 0,
            Residency::Discrete(discrete) => {
                said.iter().map(|(what, on)| discrete.advise(pages.clone(), *what, *on)).sum()
            }
        };
        if contradicted > 0 {
            tracing::info!(asked, contradicted, "a hint contradicts earlier ones, which it replaces");
        }
        Ok(Advised::of(&pages, contradicted))
    }

    /// The pages that a region is about.
    pub(crate) fn pages_of(&self, region: Region, asked: &'static str) -> Result<Range<usize>> {
        let span = region.0;
        let (address, bytes) = (span.start, span.len());
        if span.is_empty() {
            return Err(Error::EmptyHint { asked, address });
        }
        if !self.0.span().contains(span) || !self.0.is_live(span) {
            let other = registry::touches(span) && !self.0.span().overlaps(span);
            return Err(Error::HintOutside { asked, address, bytes, other });
        }
        Ok(span.units(self.0.span().start, PAGE))
    }
}

impl<T: GpuStruct> Lent<'_, T> {
    /// As [`Svm::discard`], after the launches that were issued so far.
    ///
    /// # Errors
    /// As there.
    pub fn discard(&mut self) -> Result<Discarded> {
        self.svm().discard_region((&*self).into())
    }
}

impl Advised {
    fn of(pages: &Range<usize>, contradicted: usize) -> Self {
        Advised { bytes: (pages.len() * PAGE) as u64, contradicted: (contradicted * PAGE) as u64 }
    }
}

impl Location {
    fn accessed(self) -> Said {
        match self {
            Location::Host => Said::AccessedByHost,
            Location::Device => Said::AccessedByDevice,
        }
    }

    /// In the page protocol's terms.
    pub(crate) fn side(self) -> vksvm_pages::Side {
        match self {
            Location::Host => vksvm_pages::Side::Host,
            Location::Device => vksvm_pages::Side::Device,
        }
    }
}
