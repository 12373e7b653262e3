//! The heaps of this process: tells memory of another `Svm` from ordinary memory, for error messages.

use crate::addr::Span;
use std::sync::{Mutex, MutexGuard, PoisonError};

static HEAPS: Mutex<Vec<Span>> = Mutex::new(Vec::new());

fn heaps() -> MutexGuard<'static, Vec<Span>> {
    HEAPS.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn add(heap: Span) {
    heaps().push(heap);
}

pub(crate) fn remove(heap: Span) {
    heaps().retain(|h| *h != heap);
}

/// Whether some heap holds any of `span`.
pub(crate) fn touches(span: Span) -> bool {
    heaps().iter().any(|heap| heap.overlaps(span))
}
