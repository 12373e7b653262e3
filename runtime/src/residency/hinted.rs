//! What programs say and ask about pages, in discrete placement.

use super::{
    Discrete,
    prefetch::{Asked, Job},
};
use crate::{
    addr::PAGE,
    error::{Error, Result},
};
use std::{ops::Range, sync::Arc};
use vksvm_pages::{Advised, Side, Snapshot, Unpinnable};

impl Discrete {
    /// See [`Pages::advise`].
    pub fn advise(&self, pages: Range<usize>, what: Advised, on: bool) -> usize {
        self.pages().advise(pages, what, on)
    }

    /// How often launches read and write each byte: see [`Pages::expect`].
    pub fn expect(&self, pages: Range<usize>, (reads, writes): (u8, u8)) {
        self.pages().expect(pages, reads, writes);
    }

    /// See [`Pages::snapshot`].
    pub fn snapshot<R>(&self, pages: Range<usize>, f: impl Fn(usize, Snapshot) -> R) -> Vec<R> {
        self.pages().snapshot(pages, f)
    }

    /// See [`Pages::forget_content`].
    pub fn forget(&self, pages: Range<usize>) -> usize {
        self.pages().forget_content(pages)
    }

    /// See [`Pages::pin`].
    ///
    /// # Errors
    /// `PinnedTooMuch`; as the system's and Vulkan's.
    pub fn pin(&self, pages: Range<usize>, to: Side) -> Result<usize> {
        let bytes = |pages: usize| (pages * PAGE) as u64;
        self.pages().pin(pages.clone(), to).map_err(|error| match error {
            Unpinnable::Failed(error) => error,
            Unpinnable::TooMany { pinned, limit } => {
                Error::PinnedTooMuch { bytes: bytes(pages.len()), pinned: bytes(pinned), budget: bytes(limit) }
            }
        })
    }

    /// Asks for a prefetch: see [`Pages::prefetch`].
    pub fn prefetch(&self, pages: Range<usize>, to: Side) -> Arc<Asked> {
        self.prefetches().ask(Job { pages, to, launches: self.pages().launches() })
    }
}
