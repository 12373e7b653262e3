//! Unified placement: the device works on the heap's own memory, imported segment by segment.
//!
//! Where it can be, what is imported is the user view, on first use. Where an offset is what kernels translate by, all
//! segments are imported at once, since the offset must be known, and agree, before the first kernel is lowered.
//!
//! # Safety
//! Imports need the memory to stay mapped: the owner of the heap drops this before the heap (see `heap::svm`).
#![allow(unsafe_code)]

use super::{Shown, Translator};
use crate::{
    addr::{PAGE, Span},
    config::Translation,
    error::Result,
    gpu::{Device, Import},
};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// The heap as the device sees it.
pub(crate) struct Unified {
    device: Arc<Device>,
    views: Views,
    /// Bytes in a segment; the last one may be shorter.
    segment: usize,
    segments: Box<[Segment]>,
    translator: Translator,
}

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

#[derive(Default)]
struct Segment {
    /// Set once `import` is filled, for the launches that come after.
    ready: AtomicBool,
    import: Mutex<Option<Import>>,
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

impl Unified {
    /// # Errors
    /// `TranslationUnavailable` where the translation does not work out; as Vulkan's.
    ///
    /// # Safety
    /// Both views stay mapped for as long as this lives.
    pub unsafe fn new(device: &Arc<Device>, views: Views, segment: usize, translation: Translation) -> Result<Self> {
        let segments = views.user.units(views.user.start, segment).map(|_| Segment::default()).collect();
        let pages = (views.user.len() / PAGE as u64) as usize;
        let translator = Translator::new(translation, device, pages)?;
        let unified = Unified { device: device.clone(), views, segment, segments, translator };
        if unified.translator.is_eager() {
            unified.prepare(views.user)?;
        }
        Ok(unified)
    }

    /// Makes sure that the device can reach `span`, which lies in the heap.
    pub fn prepare(&self, span: Span) -> Result<()> {
        for index in span.units(self.views.user.start, self.segment) {
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
        let heap = self.views.user;
        let start = heap.start + (index * self.segment) as u64;
        let span = Span { start, end: (start + self.segment as u64).min(heap.end) };
        let from = self.views.shown(index, span);
        // SAFETY: `new`'s caller keeps both views mapped.
        let made = unsafe { Import::new(&self.device, from) }?;
        self.translator.note(heap.start, span, made.address, &self.device.info.name)?;
        tracing::debug!("imported segment {index}: {} bytes of {:#x} at {:#x}", span.len(), span.start, from.start);
        *import = Some(made);
        slot.ready.store(true, Ordering::Release);
        Ok(())
    }

    /// How kernels are lowered; `None` where they run untouched.
    pub fn lowering(&self) -> Option<vksvm_spirv::Translation> {
        self.translator.lowering(self.views.user.start)
    }

    /// What the translation takes, for the reasons that a program is told.
    pub fn translation_cost(&self) -> String {
        self.translator.cost()
    }

    /// Segments imported so far, and all of them.
    pub fn imported(&self) -> (usize, usize) {
        let ready = self.segments.iter().filter(|s| s.ready.load(Ordering::Relaxed)).count();
        (ready, self.segments.len())
    }
}
