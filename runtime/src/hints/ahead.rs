//! Moving memory before it is used.

use super::{Location, Region};
use crate::{
    Svm,
    addr::PAGE,
    error::Result,
    residency::{Asked, Residency},
    trace::Hint,
};
use std::sync::Arc;

/// A prefetch under way. Dropping it neither waits nor cancels.
#[derive(Clone, Debug)]
pub struct Prefetch {
    pages: usize,
    /// `None` where there was nothing to move.
    asked: Option<Arc<Asked>>,
}

/// What came of a prefetch, in bytes of whole pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prefetched {
    /// Copied.
    pub moved: u64,
    /// On that side before.
    pub there: u64,
    /// Stayed where it was: there was no room, launches use it in place, it is pinned, or a launch that was issued after the prefetch
    /// has taken it.
    pub left: u64,
}

impl Svm {
    /// Moves memory to where it will be used, and returns at once. To the device: as far as there is room; what is expected to be used
    /// later than it makes room. The CPU may go on reading it, and its writes take it back. To the host: after the launches issued so far
    /// that use it; what both sides have stays with both. What a later launch uses is the launch's, whatever was asked for before.
    ///
    /// # Errors
    /// `EmptyHint`, `HintOutside`. What goes wrong later is [`Prefetch::wait`]'s to tell.
    pub fn prefetch(&self, region: impl Into<Region>, to: Location) -> Result<Prefetch> {
        let pages = self.pages_of(region.into(), "prefetch")?;
        self.0.trace.hinted(Hint::Prefetch(to.side()), &pages);
        let asked = match &self.0.residency {
            Residency::Unified(_) => None,
            Residency::Discrete(discrete) => Some(discrete.prefetch(pages.clone(), to.side())),
        };
        Ok(Prefetch { pages: pages.len(), asked })
    }
}

impl Prefetch {
    /// Waits until everything was moved that could be.
    ///
    /// # Errors
    /// As the system's and Vulkan's; what had been moved before stays moved.
    pub fn wait(&self) -> Result<Prefetched> {
        let bytes = |pages: usize| (pages * PAGE) as u64;
        let Some(asked) = &self.asked else {
            return Ok(Prefetched { there: bytes(self.pages), ..Default::default() });
        };
        let done = asked.wait()?;
        let left = self.pages - done.moved - done.there;
        Ok(Prefetched { moved: bytes(done.moved), there: bytes(done.there), left: bytes(left) })
    }

    /// Whether it is over.
    pub fn is_done(&self) -> bool {
        self.asked.as_ref().is_none_or(|asked| asked.is_done())
    }
}
