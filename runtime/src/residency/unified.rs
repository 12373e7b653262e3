//! Unified placement: the device works on the heap's user view itself, imported segment by segment on first use.
//!
//! # Safety
//! Imports need the memory to stay mapped: the owner of the heap drops this before the heap (see `heap::svm`).
#![allow(unsafe_code)]

use crate::{
    addr::Span,
    error::{Error, Result},
    gpu::{Device, Import},
};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// The heap as the device sees it.
pub(crate) struct Unified {
    device: Arc<Device>,
    heap: Span,
    /// Bytes in a segment; the last one may be shorter.
    segment: usize,
    segments: Box<[Segment]>,
}

#[derive(Default)]
struct Segment {
    /// Set once `import` is filled, for the launches that come after.
    ready: AtomicBool,
    import: Mutex<Option<Import>>,
}

impl Unified {
    /// # Safety
    /// `heap` stays mapped for as long as this lives.
    pub unsafe fn new(device: &Arc<Device>, heap: Span, segment: usize) -> Self {
        let segments = heap.units(heap.start, segment).map(|_| Segment::default()).collect();
        Unified { device: device.clone(), heap, segment, segments }
    }

    /// Makes sure that the device can reach `span`, which lies in the heap.
    pub fn prepare(&self, span: Span) -> Result<()> {
        for index in span.units(self.heap.start, self.segment) {
            if !self.segments[index].ready.load(Ordering::Acquire) {
                self.import(index)?;
            }
        }
        Ok(())
    }

    fn import(&self, index: usize) -> Result<()> {
        let slot = &self.segments[index];
        let mut import = slot.import.lock().unwrap_or_else(PoisonError::into_inner);
        if import.is_some() {
            return Ok(());
        }
        let start = self.heap.start + (index * self.segment) as u64;
        let span = Span { start, end: (start + self.segment as u64).min(self.heap.end) };
        // SAFETY: `new`'s caller keeps the heap mapped.
        let made = unsafe { Import::new(&self.device, span) }?;
        if made.address.0 != span.start {
            // The probe saw equal addresses; a segment that differs would have kernels write elsewhere.
            return Err(Error::PlacementUnavailable {
                placement: "unified",
                device: self.device.info.name.clone(),
                reason: format!("segment {index} at {:#x} got {:?}, not its host address", span.start, made.address),
            });
        }
        tracing::debug!("imported segment {index}: {} bytes at {:#x}", span.len(), span.start);
        *import = Some(made);
        slot.ready.store(true, Ordering::Release);
        Ok(())
    }

    /// Segments imported so far, and all of them.
    pub fn imported(&self) -> (usize, usize) {
        let ready = self.segments.iter().filter(|s| s.ready.load(Ordering::Relaxed)).count();
        (ready, self.segments.len())
    }
}
