//! What is done to pages, for tests that check the order of it (feature `seam`); without the feature nothing is left of this.

use vksvm_pages::Move;

/// Something that is done to pages. They are counted from the heap's start.
///
/// What gives the CPU access is told before it is done, what takes it away afterwards, so that in a record the CPU has at least the
/// access that it really had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of all events: pages, and where they are in device memory")]
pub enum Event {
    /// The CPU may not touch the pages any more.
    Revoked { first: usize, pages: usize },
    /// It may not write them any more.
    Protected { first: usize, pages: usize },
    /// It may do all again.
    Restore { first: usize, pages: usize },
    /// It may read them again.
    Expose { first: usize, pages: usize },
    /// Copying to the device begins.
    CopyIn { page: usize, slot: u32, pages: usize },
    /// It was done.
    CopiedIn { page: usize, slot: u32, pages: usize },
    /// Copying from the device begins.
    CopyOut { page: usize, slot: u32, pages: usize },
    /// It was done.
    CopiedOut { page: usize, slot: u32, pages: usize },
    /// The table's entries lead to slots.
    PointedAt { page: usize, slot: u32, pages: usize },
    /// They lead to the host's memory, or nowhere.
    PointedHome { first: usize, pages: usize, in_place: bool },
    /// A launch that uses these pages has its point. One event for each run of pages.
    Issued { point: u64, first: usize, pages: usize, write: bool },
    /// The pages' content is of no use any more.
    Freed { first: usize, pages: usize },
}

/// Who is told. Also in signal handlers and on the service thread: it must not allocate, nor touch heap memory, nor take a lock that is
/// held while somebody does.
#[cfg(feature = "seam")]
pub type Recorder = dyn Fn(Event) + Send + Sync;

/// The test's recorder, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Record {
    #[cfg(feature = "seam")]
    recorder: Option<std::sync::Arc<Recorder>>,
}

impl Record {
    #[cfg(feature = "seam")]
    pub fn with(recorder: std::sync::Arc<Recorder>) -> Self {
        Record { recorder: Some(recorder) }
    }

    /// Tells of an event.
    #[inline]
    pub fn note(&self, event: Event) {
        #[cfg(feature = "seam")]
        if let Some(recorder) = &self.recorder {
            recorder(event);
        }
        #[cfg(not(feature = "seam"))]
        let _ = event;
    }

    /// Tells of each move.
    #[inline]
    pub fn moves(&self, moves: &[Move], event: fn(usize, u32, usize) -> Event) {
        for Move { page, slot, pages } in moves {
            self.note(event(*page, *slot, *pages as usize));
        }
    }

    /// Whether anybody listens.
    #[inline]
    pub fn is_on(&self) -> bool {
        #[cfg(feature = "seam")]
        return self.recorder.is_some();
        #[cfg(not(feature = "seam"))]
        false
    }
}
