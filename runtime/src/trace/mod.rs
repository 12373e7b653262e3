//! Seeing what happens: a log of launches, moves, faults and hints, and what people get to see of it.
//!
//! [`Trace`] is what the other layers hold, in most programs a log that is not there. `log` is the log, of `entry`s. A [`Recording`] is
//! what was read from it, with names; `timeline` follows pages through it. From a recording come what the policy lab reads
//! (`accesses`), and with the feature `report` a trace for Perfetto (`chrome`) and a page for people (`report`).

mod accesses;
#[cfg(feature = "report")]
mod chrome;
#[cfg_attr(not(feature = "report"), allow(dead_code, reason = "read by traces and reports alone"))]
mod clock;
mod entry;
mod hint;
mod log;
mod names;
#[cfg(feature = "report")]
mod output;
#[cfg(feature = "report")]
mod ranges;
#[cfg_attr(not(feature = "report"), allow(dead_code, reason = "read by traces and reports alone"))]
mod recording;
#[cfg(feature = "report")]
mod report;
#[cfg(all(test, feature = "report"))]
mod testdata;
#[cfg(all(test, feature = "report"))]
mod tests;
#[cfg(feature = "report")]
mod timeline;

pub(crate) use clock::{Clock, Reading};
pub(crate) use entry::Entry;
pub(crate) use hint::Hint;
pub(crate) use log::MOST as MOST_EVENTS;
#[cfg(feature = "report")]
pub use output::Output;
pub(crate) use recording::About;
pub use recording::Recording;
#[cfg(feature = "report")]
use recording::{Allocation, Direction, Hinted, Launch, Used};

use crate::{addr::Span, os};
use log::Log;
use names::Names;
use recording::Parts;
use std::{ops::Range, sync::Arc};
use vksvm_pages::Cause;

/// The log of one heap, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Trace(Option<Arc<Tracer>>);

struct Tracer {
    log: Log,
    names: Names,
}

impl Trace {
    /// A log with room for so many events.
    pub fn new(events: usize) -> Self {
        Trace(Some(Arc::new(Tracer { log: Log::new(events), names: Names::default() })))
    }

    /// Whether there is one.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Writes what `entry` returns, in service, too.
    #[inline]
    pub fn note(&self, entry: impl FnOnce() -> Entry) {
        if let Some(tracer) = &self.0 {
            tracer.log.push(entry());
        }
    }

    /// The time as entries have it; 0 where nobody wants it. In service, too.
    #[inline]
    pub fn now(&self) -> u64 {
        if self.is_on() { os::clock::now() } else { 0 }
    }

    /// The number by which entries call a kernel of this name. Not in service, nor is what follows.
    pub fn kernel(&self, name: &str) -> u32 {
        self.0.as_ref().map_or(0, |tracer| tracer.names.kernel(name))
    }

    /// The program gave a hint about pages.
    pub fn hinted(&self, hint: Hint, pages: &Range<usize>) {
        self.note(|| {
            let (thread, at) = (os::threads::current(), os::clock::now());
            Entry::Hinted { hint, first: pages.start, pages: pages.len(), thread, at }
        });
    }

    /// From now on memory in this span goes by this name.
    pub fn name(&self, span: Span, name: &str) {
        if let Some(tracer) = &self.0 {
            tracer.names.region(span, name, os::clock::now());
        }
    }

    /// What was logged so far, in a heap that is `about` this.
    pub fn recording(&self, about: About) -> Option<Recording> {
        let tracer = self.0.as_ref()?;
        Some(Recording::new(Parts { contents: tracer.log.contents(), names: tracer.names.all(), about }))
    }
}
