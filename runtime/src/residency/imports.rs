//! The heap's own memory, as the device sees it: imported segment by segment, each on first use.
//!
//! # Safety
//! Imports need the memory to stay mapped: the owner of the heap drops this before the heap (see `heap::svm`).
#![allow(unsafe_code)]

use super::Shown;
use crate::{
    addr::{DeviceAddr, PAGE, Span},
    error::Result,
    gpu::{Device, Import},
};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// Where the heap's memory is mapped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Views {
    /// The unified addresses.
    pub user: Span,
    /// Where the runtime view starts: at the user view where there is only that.
    pub runtime: u64,
    /// Which of the two is imported.
    pub shown: Shown,
}

impl Views {
    /// Where the memory of `span`, which is segment `index` of the user view, is imported from.
    pub fn shown(&self, index: usize, span: Span) -> Span {
        let at = match self.shown {
            Shown::User => self.user.start,
            Shown::Runtime => self.runtime,
            #[cfg(feature = "seam")]
            Shown::Turns if index.is_multiple_of(2) => self.user.start,
            #[cfg(feature = "seam")]
            Shown::Turns => self.runtime,
        };
        #[cfg(not(feature = "seam"))]
        let _ = index;
        let start = at + (span.start - self.user.start);
        Span { start, end: start + span.len() }
    }
}

/// The heap's segments and their imports.
pub(crate) struct Imports {
    device: Arc<Device>,
    views: Views,
    /// Bytes in a segment; the last one may be shorter.
    segment: usize,
    segments: Box<[Segment]>,
}

#[derive(Default)]
struct Segment {
    /// Where shaders find its first byte; 0 until it is imported.
    address: AtomicU64,
    import: Mutex<Option<Import>>,
}

impl Imports {
    /// Nothing is imported yet.
    ///
    /// # Safety
    /// Both views stay mapped for as long as this lives.
    pub unsafe fn new(device: &Arc<Device>, views: Views, segment: usize) -> Self {
        let segments = views.user.units(views.user.start, segment).map(|_| Segment::default()).collect();
        Imports { device: device.clone(), views, segment, segments }
    }

    /// The heap's unified addresses.
    pub fn heap(&self) -> Span {
        self.views.user
    }

    /// Makes sure that the device can reach `span`, which lies in the heap. `made` learns of each segment that was not imported yet, and
    /// of where it is for the device, before anybody else may use it; where it refuses, it was not imported.
    ///
    /// # Errors
    /// As Vulkan's, and `made`'s.
    pub fn prepare(&self, span: Span, made: impl Fn(Span, DeviceAddr) -> Result<()>) -> Result<()> {
        for index in span.units(self.views.user.start, self.segment) {
            if self.segments[index].address.load(Ordering::Acquire) == 0 {
                self.import(index, &made)?;
            }
        }
        Ok(())
    }

    fn import(&self, index: usize, made: &impl Fn(Span, DeviceAddr) -> Result<()>) -> Result<()> {
        let slot = &self.segments[index];
        let mut import = slot.import.lock().unwrap_or_else(PoisonError::into_inner);
        if import.is_some() {
            return Ok(());
        }
        let heap = self.views.user;
        let start = heap.start + (index * self.segment) as u64;
        let span = Span { start, end: (start + self.segment as u64).min(heap.end) };
        let from = self.views.shown(index, span);
        // SAFETY: `new`'s caller keeps both views mapped.
        let new = unsafe { Import::new(&self.device, from) }?;
        made(span, new.address)?;
        tracing::debug!("imported segment {index}: {} bytes of {:#x} at {:#x}", span.len(), span.start, from.start);
        slot.address.store(new.address.0, Ordering::Release);
        *import = Some(new);
        Ok(())
    }

    /// Where the device finds a page of the heap, counted from its start, if its segment is imported. No lock, no allocation.
    pub fn address(&self, page: usize) -> Option<DeviceAddr> {
        let (segment, offset) = (page * PAGE / self.segment, page * PAGE % self.segment);
        let start = self.segments.get(segment)?.address.load(Ordering::Acquire);
        (start != 0).then_some(DeviceAddr(start + offset as u64))
    }

    /// Segments imported so far, and all of them.
    pub fn imported(&self) -> (usize, usize) {
        let ready = self.segments.iter().filter(|s| s.address.load(Ordering::Relaxed) != 0).count();
        (ready, self.segments.len())
    }
}
