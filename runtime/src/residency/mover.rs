//! Carries out what the page protocol decides: copies, the CPU's access, the table, and waiting for launches.
//!
//! # Safety
//! The protocol (`vksvm-pages`) gives a slot to one page at a time, and says to copy a page only while it is nobody else's: the CPU
//! cannot write it, no launch moves it or uses what is written, and no other thread changes it. That is what the copies rest on.
//! The runtime view stays mapped for as long as this lives (`heap::svm`).
#![allow(unsafe_code)]

use super::{
    Imports, Record,
    record::Event,
    waiting::{Bell, Lot, Points},
};
use crate::{
    addr::{PAGE, Span},
    error::{Error, Result},
    gpu::{CHUNK_SLOTS, DeviceMemory, Part, Queue, Table},
    os::faults::Access,
    trace::{Entry, Trace},
};
use smallvec::SmallVec;
use std::{
    ops::Range,
    ptr::{NonNull, with_exposed_provenance_mut},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    thread,
};
use vksvm_pages::{Happening, Mechanism, Move, PAGES, Slot};

/// Pages that are copied at once from which on several threads share the work: 16 MiB take milliseconds, starting a thread some
/// ten microseconds.
const SHARED: usize = 256;

/// Most threads that copy: a few saturate the memory.
const COPIERS: usize = 4;

/// What tests overwrite host copies with that are out of date.
const SPOILED: u8 = 0xa5;

/// A heap's memory and device, in the protocol's terms.
///
/// Dropped in this order: what shows the heap to the device before what keeps it mapped.
pub(super) struct Mover {
    /// Where the device finds pages that stay with the host; `None` where it cannot, or must not.
    pub imports: Option<Imports>,
    pub memory: DeviceMemory,
    pub table: Table,
    pub queue: Arc<Queue>,
    pub access: Arc<Access>,
    pub points: Points,
    pub lot: Lot,
    pub bell: Bell,
    /// The heap's unified addresses.
    pub user: Span,
    /// Where the runtime view starts.
    pub runtime: u64,
    pub hunt: bool,
    /// A point that somebody has waited for, be it that its launch never started.
    pub waited: AtomicU64,
    /// Threads that may copy at once.
    pub copiers: usize,
    pub trace: Trace,
    /// For tests: told of all that is done here.
    pub record: Record,
}

impl Mover {
    /// Threads that may copy at once on this machine.
    pub fn copiers() -> usize {
        thread::available_parallelism().map_or(1, usize::from).min(COPIERS)
    }

    /// Somebody has waited for a point.
    pub fn ended(&self, point: u64) {
        self.waited.fetch_max(point, SeqCst);
    }

    fn host(&self, page: usize) -> NonNull<u8> {
        let at = self.runtime as usize + page * PAGE;
        // Never null: the heap is mapped there.
        NonNull::new(with_exposed_provenance_mut(at)).unwrap_or(NonNull::dangling())
    }

    /// As the device takes them: no part lies in two chunks. A block's pages are no more parts than fit without allocating.
    fn parts(&self, moves: &[Move]) -> SmallVec<[Part; PAGES]> {
        let mut parts = SmallVec::new();
        for Move { mut page, mut slot, mut pages } in moves.iter().copied() {
            while pages > 0 {
                let here = pages.min(CHUNK_SLOTS - slot % CHUNK_SLOTS);
                parts.push(Part { host: self.host(page), slot, pages: here });
                (page, slot, pages) = (page + here as usize, slot + here, pages - here);
            }
        }
        parts
    }
}

/// Byte offsets of pages.
fn bytes(pages: Range<usize>) -> Range<usize> {
    pages.start * PAGE..pages.end * PAGE
}

impl Mechanism for Mover {
    type Error = Error;

    fn populate(&self, pages: Range<usize>) -> Result<()> {
        self.access.populate(bytes(pages))
    }

    fn revoke(&self, pages: Range<usize>) -> Result<()> {
        self.access.revoke(bytes(pages.clone()))?;
        self.record.note(Event::Revoked { first: pages.start, pages: pages.len() });
        Ok(())
    }

    fn protect(&self, pages: Range<usize>) -> Result<()> {
        self.access.protect(bytes(pages.clone()))?;
        self.record.note(Event::Protected { first: pages.start, pages: pages.len() });
        Ok(())
    }

    fn restore(&self, pages: Range<usize>) -> Result<()> {
        self.record.note(Event::Restore { first: pages.start, pages: pages.len() });
        self.access.restore(bytes(pages))
    }

    fn expose(&self, pages: Range<usize>) -> Result<()> {
        self.record.note(Event::Expose { first: pages.start, pages: pages.len() });
        // Where it cannot, `can_expose` has said so.
        self.access.restore_reads(bytes(pages)).map(drop)
    }

    fn can_expose(&self) -> bool {
        self.access.can_restore_reads()
    }

    fn copy_in(&self, moves: &[Move]) -> Result<()> {
        self.record.moves(moves, |page, slot, pages| Event::CopyIn { page, slot, pages });
        // SAFETY: the protocol's promise, see the module's documentation.
        unsafe { self.memory.copy_in(&self.parts(moves)) }?;
        self.record.moves(moves, |page, slot, pages| Event::CopiedIn { page, slot, pages });
        Ok(())
    }

    fn copy_out(&self, moves: &[Move]) -> Result<()> {
        if moves.is_empty() {
            return Ok(());
        }
        self.record.moves(moves, |page, slot, pages| Event::CopyOut { page, slot, pages });
        // SAFETY: the protocol's promise, see the module's documentation.
        unsafe { self.memory.copy_out(&self.parts(moves)) }?;
        self.record.moves(moves, |page, slot, pages| Event::CopiedOut { page, slot, pages });
        Ok(())
    }

    fn point_at(&self, moves: &[Move]) {
        for Move { page, slot, pages } in moves.iter().copied() {
            for i in 0..pages {
                let page = page + i as usize;
                self.table.set(page..page + 1, self.memory.address(slot + i));
            }
        }
        self.record.moves(moves, |page, slot, pages| Event::PointedAt { page, slot, pages });
    }

    fn point_home(&self, pages: Range<usize>, in_place: bool) {
        let mut found = in_place;
        for page in pages.clone() {
            match self.imports.as_ref().filter(|_| in_place).and_then(|imports| imports.address(page)) {
                Some(address) => self.table.set(page..page + 1, address),
                None => {
                    found = false;
                    self.table.clear(page..page + 1);
                }
            }
        }
        self.record.note(Event::PointedHome { first: pages.start, pages: pages.len(), in_place: found });
    }

    fn spoil(&self, pages: Range<usize>) {
        if self.hunt {
            let bytes = pages.len() * PAGE;
            // SAFETY: the pages' host copies are out of date and nobody's: the CPU cannot touch them, the device does not.
            unsafe { self.host(pages.start).write_bytes(SPOILED, bytes) };
        }
    }

    fn grow(&self) -> Result<Option<Range<Slot>>> {
        self.memory.grow().inspect_err(|error| tracing::warn!("device memory cannot grow: {error}"))
    }

    fn reached(&self) -> u64 {
        self.queue.known().max(self.waited.load(SeqCst))
    }

    fn poll(&self) -> u64 {
        self.ended(self.queue.poll());
        self.reached()
    }

    fn wait(&self, point: u64) {
        while !self.queue.step_towards(point) {}
        self.ended(point);
    }

    fn changed(&self) {
        self.lot.kick();
    }

    fn ahead(&self) {
        self.bell.ring();
    }

    fn now(&self) -> u64 {
        crate::os::clock::now()
    }

    fn happened(&self, what: Happening) {
        self.trace.note(|| Entry::of(what, crate::os::clock::now()));
    }

    fn each(&self, jobs: usize, pages: usize, run: &(dyn Fn(usize) -> Result<()> + Sync)) -> Result<()> {
        let helpers = if pages < SHARED || !self.memory.is_mapped() { 0 } else { self.copiers.min(jobs) - 1 };
        if helpers == 0 {
            return (0..jobs).try_for_each(run);
        }
        let (next, first) = (AtomicUsize::new(0), Mutex::new(Ok(())));
        let work = || {
            loop {
                let job = next.fetch_add(1, SeqCst);
                if job >= jobs {
                    break;
                }
                if let Err(error) = run(job) {
                    next.fetch_max(jobs, SeqCst);
                    let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
                    *first = first.clone().and(Err(error));
                }
            }
        };
        thread::scope(|s| {
            for _ in 0..helpers {
                // Where no thread can be had, this one does it all.
                let _ = thread::Builder::new().name("vksvm-copy".into()).spawn_scoped(s, work);
            }
            work();
        });
        first.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
