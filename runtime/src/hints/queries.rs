//! Where memory is, and what was said about it. Asking moves nothing and never faults.

use super::{Location, Region, Temperature};
use crate::{Svm, addr::PAGE, error::Result, residency::Residency};
use vksvm_pages::{Side, Snapshot};

/// How much of a region is where, in bytes of whole pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RegionResidency {
    /// In pages that only the host has.
    pub host: u64,
    /// In pages that only the device has: the CPU's next touch brings them home.
    pub device: u64,
    /// In pages that both have.
    pub both: u64,
    /// In pages that unfinished launches use, wherever these are.
    pub in_use: u64,
}

/// A page of a region.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PageState {
    /// Its first unified address.
    pub address: u64,
    /// The host has its content.
    pub on_host: bool,
    /// The device's own memory has.
    pub on_device: bool,
    /// The CPU may read it without a fault.
    pub cpu_reads: bool,
    /// The CPU may write it without a fault.
    pub cpu_writes: bool,
    /// An unfinished launch uses it.
    pub in_use: bool,
    /// [`Svm::advise_read_mostly`].
    pub read_mostly: bool,
    /// [`Svm::prefer_location`].
    pub prefers: Option<Location>,
    /// [`Svm::accessed_by`] the host.
    pub accessed_by_host: bool,
    /// [`Svm::accessed_by`] the device.
    pub accessed_by_device: bool,
    /// [`Svm::pin`].
    pub pinned: Option<Location>,
    /// [`Svm::access_hint`].
    pub temperature: Temperature,
    /// How hot it is found to be, 0 to 1: a decaying estimate of the launches that use it.
    pub heat: f32,
}

impl Svm {
    /// How much of a region is where.
    ///
    /// # Errors
    /// `EmptyHint`, `HintOutside`.
    pub fn residency(&self, region: impl Into<Region>) -> Result<RegionResidency> {
        let mut sum = RegionResidency::default();
        for page in self.pages(region.into(), "residency")? {
            let bytes = match (page.on_host, page.on_device) {
                (true, true) => &mut sum.both,
                (_, true) => &mut sum.device,
                _ => &mut sum.host,
            };
            *bytes += PAGE as u64;
            sum.in_use += if page.in_use { PAGE as u64 } else { 0 };
        }
        Ok(sum)
    }

    /// Every page of a region: where it is, what the CPU may do with it without a fault, and what was said about it. By the time this
    /// returns it may be different.
    ///
    /// # Errors
    /// `EmptyHint`, `HintOutside`.
    pub fn snapshot(&self, region: impl Into<Region>) -> Result<Vec<PageState>> {
        self.pages(region.into(), "snapshot")
    }

    fn pages(&self, region: Region, asked: &'static str) -> Result<Vec<PageState>> {
        let pages = self.pages_of(region, asked)?;
        let base = self.0.span().start;
        let state = |page: usize, snapshot: Snapshot| PageState {
            address: base + (page * PAGE) as u64,
            on_host: snapshot.on_host,
            on_device: snapshot.on_device,
            cpu_reads: snapshot.cpu_reads,
            cpu_writes: snapshot.cpu_writes,
            in_use: snapshot.in_use,
            read_mostly: snapshot.read_mostly,
            prefers: snapshot.prefers.map(Location::of),
            accessed_by_host: snapshot.accessed_by_host,
            accessed_by_device: snapshot.accessed_by_device,
            pinned: snapshot.pinned.map(Location::of),
            temperature: match snapshot.hot {
                Some(true) => Temperature::Hot,
                Some(false) => Temperature::Cold,
                None => Temperature::Warm,
            },
            heat: snapshot.heat,
        };
        Ok(match &self.0.residency {
            Residency::Unified(_) => pages.map(|page| state(page, Snapshot::HOME)).collect(),
            Residency::Discrete(discrete) => discrete.snapshot(pages, state),
        })
    }
}

impl Location {
    fn of(side: Side) -> Self {
        match side {
            Side::Host => Location::Host,
            Side::Device => Location::Device,
        }
    }
}
