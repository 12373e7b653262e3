//! What a program gets to see of what happened on its heap.

use super::svm::Svm;
use crate::{
    addr::{PAGE, Span},
    error::Error,
    gpu::{Calibration, Device},
    hints::Region,
    os::threads,
    trace::{About, Clock, Entry, Recording, Trace},
};
use std::{
    alloc::Layout,
    ptr::NonNull,
    sync::{Arc, Mutex, PoisonError},
};

/// The device's clock beside the system's.
pub(crate) struct Clocks(Mutex<(Option<Calibration>, Clock)>);

impl Clocks {
    /// Reads both, if anybody will want to know.
    pub fn new(device: &Arc<Device>, trace: &Trace) -> Self {
        let calibration = trace.is_on().then(|| Calibration::new(device)).transpose();
        let calibration = calibration.unwrap_or_else(|error| {
            unread(&error);
            None
        });
        let clock =
            Clock { readings: vec![], tick_ns: device.info.tick_ns.unwrap_or(1.0), bits: device.info.timestamp_bits };
        let clocks = Clocks(Mutex::new((calibration.flatten(), clock)));
        clocks.read();
        clocks
    }

    /// Reads them once more; what is known of them by now.
    fn read(&self) -> Clock {
        let (calibration, clock) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match calibration.as_mut().map(Calibration::read) {
            Some(Ok(reading)) => clock.readings.extend(reading),
            Some(Err(error)) => unread(&error),
            None => {}
        }
        clock.clone()
    }
}

/// A device whose clock cannot be read is no reason not to trace.
fn unread(error: &Error) {
    tracing::warn!("the device's clock cannot be read, traces may lack kernels' times: {error}");
}

impl Svm {
    /// What happened since the heap was opened, as far as it was logged: see [`SvmBuilder::trace`](crate::SvmBuilder::trace); `None` where it
    /// was not. Waits for the launches issued so far, so that their times are known; others wait
    /// meanwhile to be submitted.
    pub fn recording(&self) -> Option<Recording> {
        let inner = &self.0;
        if !inner.trace.is_on() {
            return None;
        }
        // Nothing runs on a lost device, and its launches have ended without a time.
        let _ = self.wait_idle();
        let threads = threads::ids().into_iter().filter_map(|id| Some((id, threads::name(id)?))).collect();
        let about = About {
            capabilities: self.capabilities().clone(),
            stats: self.stats(),
            heap: inner.span(),
            clock: inner.clocks.read(),
            costs: inner.residency.costs(),
            threads,
        };
        inner.trace.recording(about)
    }

    /// From now on traces and reports call this memory by this name; does nothing where nothing is traced. What is not named goes by its
    /// address.
    pub fn name(&self, region: impl Into<Region>, name: &str) {
        let span = region.into().0;
        if self.0.trace.is_on() && self.0.span().contains(span) {
            self.0.trace.name(span, name);
        }
    }
}

/// Logs that an allocation with pages of its own is there, or is larger or smaller than before.
pub(super) fn allocated(trace: &Trace, heap: Span, ptr: NonNull<u8>, layout: Layout) {
    if trace.is_on() && super::Heap::has_pages(layout) {
        let pages = pages(heap, ptr, layout);
        trace.note(|| Entry::Allocated { first: pages.start, pages: pages.len(), at: trace.now() });
    }
}

/// Logs that it is not there any more.
pub(super) fn freed(trace: &Trace, heap: Span, ptr: NonNull<u8>, layout: Layout) {
    if trace.is_on() && super::Heap::has_pages(layout) {
        let pages = pages(heap, ptr, layout);
        trace.note(|| Entry::Freed { first: pages.start, pages: pages.len(), at: trace.now() });
    }
}

fn pages(heap: Span, ptr: NonNull<u8>, layout: Layout) -> std::ops::Range<usize> {
    let start = ptr.addr().get() as u64;
    Span { start, end: start + layout.size() as u64 }.units(heap.start, PAGE)
}
