//! Discrete placement: pages that move between host and device memory, and CPU faults that bring them back.
//!
//! [`vksvm_pages`] decides, the [`Mover`] carries out. What is here connects it with the layers above (launches, the allocator) and
//! with the faults that the system reports.
//!
//! # Safety
//! The views of the heap stay mapped for as long as this lives: its owner drops it before the heap (see `heap::svm`).
#![allow(unsafe_code)]

use super::{
    Imports, Views,
    mover::Mover,
    prefetch::{Job, Prefetches},
    record::Event,
    translation::{table_cost, table_lowering},
    waiting::{Bell, Lot, Parked, Points},
};
use crate::{
    addr::{BLOCK, PAGE, Span},
    builder::Seam,
    config::Faults,
    error::{Error, Result},
    gpu::{Device, DeviceMemory, Queue, Table, plan::Use},
    heap::Keeper,
    os::{
        faults::{Access, Fault, Serve, Service, fatal, unserved},
        threads,
    },
    trace::{Entry, Trace},
};
use std::{
    ops::Range,
    sync::{Arc, atomic::AtomicU64},
    thread::JoinHandle,
};
use vksvm_pages::{Busy, Costs, DeviceModel, Hold, Mechanism, Moved, Options, Pages, Policy, Refused, Want};

/// The heap's pages, on both sides.
pub(crate) struct Discrete {
    server: Arc<Server>,
    /// Faults end before the threads that they need.
    service: Option<Service>,
    threads: Vec<JoinHandle<()>>,
    /// What policy reckons with.
    costs: (DeviceModel, Costs),
}

/// What discrete placement needs.
pub(crate) struct Parts {
    pub device: Arc<Device>,
    pub queue: Arc<Queue>,
    pub views: Views,
    pub memory: DeviceMemory,
    pub access: Access,
    pub imports: Option<Imports>,
    pub hunt: bool,
    pub trace: Trace,
    pub policy: Box<dyn Policy>,
    /// What that reckons with.
    pub costs: (DeviceModel, Costs),
}

/// What serves faults, and keeps what serving needs.
struct Server {
    pages: Pages<Mover>,
    device: Arc<Device>,
    prefetches: Prefetches,
}

/// Pages that are ready for a launch which has no point yet.
pub(crate) type Ready = Hold;

impl Discrete {
    /// Takes over a heap whose pages nobody has touched.
    ///
    /// # Errors
    /// `TranslationUnavailable` where the table cannot be made; `Os`; as Vulkan's.
    pub fn new(parts: Parts, seam: &Seam) -> Result<Self> {
        let Parts { device, queue, views, memory, access, imports, hunt, trace, policy, costs } = parts;
        let pages = (views.user.len() / PAGE as u64) as usize;
        let table = Table::new(&device, pages)?;
        let access = Arc::new(access);
        let options = Options {
            pages,
            limit: memory.slots() as usize,
            in_place: imports.is_some(),
            hunt,
            #[cfg(feature = "seam")]
            broken: seam.broken_pages(),
        };
        let mover = Mover {
            access: access.clone(),
            memory,
            table,
            imports,
            queue,
            points: Points::default(),
            lot: Lot::default(),
            bell: Bell::default(),
            user: views.user,
            runtime: views.runtime,
            hunt,
            waited: AtomicU64::new(0),
            copiers: Mover::copiers(),
            trace,
            record: seam.record(),
        };
        let pages = Pages::new(mover, options, policy);
        let server = Arc::new(Server { pages, device, prefetches: Prefetches::default() });
        // From here on a failure drops what runs.
        let mut discrete = Discrete { server: server.clone(), service: None, threads: vec![], costs };
        let points = server.clone();
        discrete.threads.push(threads::start("vksvm-points", move || points.wait_for_points())?);
        let parked = server.clone();
        discrete.threads.push(threads::start("vksvm-parked", move || parked.serve_parked())?);
        let ahead = server.clone();
        discrete.threads.push(threads::start("vksvm-ahead", move || ahead.work_ahead())?);
        let prefetches = server.clone();
        discrete.threads.push(threads::start("vksvm-prefetch", move || prefetches.prefetch())?);
        discrete.service = Some(Service::start(&access, server)?);
        Ok(discrete)
    }

    /// Makes ready what a launch of `kernel` uses: see [`Pages::acquire`].
    ///
    /// # Errors
    /// `BudgetExceeded`, `PinnedToHost`; `Os`; as Vulkan's.
    pub fn ready(&self, uses: &[Use], kernel: u64) -> Result<Ready> {
        // A program that has put its own handler over ours is told, before it matters.
        self.service.as_ref().map_or(Ok(()), Service::check)?;
        let _span = tracing::trace_span!("migrate", slices = uses.len()).entered();
        let mover = self.mover();
        uses.iter().try_for_each(|u| self.show(u.span))?;
        let want = |u: &Use| Want { pages: u.span.units(mover.user.start, PAGE), write: u.write };
        let wants: Vec<Want> = uses.iter().map(want).collect();
        self.server.pages.acquire(&wants, kernel).map_err(|refused| match refused {
            Refused::Failed(error) => error,
            Refused::Budget { needed, limit } => {
                Error::BudgetExceeded { needed: (needed * PAGE) as u64, budget: (limit * PAGE) as u64 }
            }
            Refused::Pinned { pages } => Error::PinnedToHost { bytes: (pages * PAGE) as u64 },
        })
    }

    /// Has the device find `span`, which lies in the heap, where it is, if it can at all.
    ///
    /// # Errors
    /// As the system's and Vulkan's.
    pub fn show(&self, span: Span) -> Result<()> {
        self.mover().imports.as_ref().map_or(Ok(()), |imports| imports.prepare(span, |_, _| Ok(())))
    }

    /// The launch was issued. Under the queue's lock.
    pub fn issued(&self, ready: Ready, point: u64) {
        let record = &self.mover().record;
        if record.is_on() {
            for (Want { pages, write }, _) in ready.uses() {
                record.note(Event::Issued { point, first: pages.start, pages: pages.len(), write });
            }
        }
        let trace = &self.mover().trace;
        if trace.is_on() {
            for (Want { pages, write }, in_place) in ready.uses() {
                trace.note(|| Entry::Used { point, first: pages.start, pages: pages.len(), write, in_place });
            }
        }
        self.server.pages.commit(ready, point);
    }

    /// The launch was not issued.
    pub fn withdrawn(&self, ready: Ready) {
        self.server.pages.abort(ready);
    }

    /// How kernels are lowered.
    pub fn lowering(&self) -> vksvm_spirv::Translation {
        let mover = self.mover();
        table_lowering(&mover.table, mover.user.start)
    }

    /// What the table takes, for the reasons that a program is told.
    pub fn table_cost(&self) -> String {
        table_cost(&self.mover().table)
    }

    /// What policy reckons with.
    pub fn costs(&self) -> (DeviceModel, Costs) {
        self.costs
    }

    /// How faults are served.
    pub fn faults(&self) -> Faults {
        self.mover().access.kind()
    }

    /// What was tried for that.
    pub fn faults_tried(&self) -> &[(Faults, String)] {
        self.mover().access.tried()
    }

    /// Segments imported so far, and all of them.
    pub fn imported(&self) -> (usize, usize) {
        self.mover().imports.as_ref().map_or((0, 0), Imports::imported)
    }

    /// Adds what has happened to pages.
    pub fn count(&self, stats: &mut crate::Stats) {
        let (counts, usage) = (self.server.pages.counts(), self.server.pages.usage());
        let bytes = |pages: u64| pages * PAGE as u64;
        stats.cpu_faults = counts.read_faults + counts.write_faults;
        stats.cpu_read_faults = counts.read_faults;
        stats.cpu_write_faults = counts.write_faults;
        stats.bytes_to_device = bytes(counts.to_device.total());
        stats.bytes_to_device_for = crate::BytesByCause::of(&counts.to_device);
        stats.bytes_to_host = bytes(counts.to_host.total());
        stats.bytes_to_host_for = crate::BytesByCause::of(&counts.to_host);
        stats.evictions = counts.evictions;
        stats.in_place_pages = counts.in_place;
        stats.prefetched_pages_used = counts.ahead_used;
        stats.prefetched_pages_wasted = counts.ahead_wasted;
        stats.thrashing_pages_kept = counts.bouncing;
        stats.device_bytes = bytes(usage.used as u64);
        stats.device_peak_bytes = bytes(usage.peak as u64);
    }

    /// Brings everything home that no launch uses.
    #[cfg(feature = "seam")]
    pub fn evict_idle(&self) -> Result<usize> {
        self.server.pages.evict_idle()
    }

    /// For the allocator.
    pub fn keeper(&self) -> Arc<dyn Keeper> {
        self.server.clone()
    }

    /// What the protocol knows.
    pub(super) fn pages(&self) -> &Pages<Mover> {
        &self.server.pages
    }

    /// What was asked for ahead of use.
    pub(super) fn prefetches(&self) -> &Prefetches {
        &self.server.prefetches
    }

    fn mover(&self) -> &Mover {
        self.server.pages.mechanism()
    }
}

impl Drop for Discrete {
    fn drop(&mut self) {
        self.service.take();
        let mover = self.server.pages.mechanism();
        mover.points.stop();
        mover.lot.stop();
        mover.bell.stop();
        self.server.prefetches.stop();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Server {
    fn wait_for_points(&self) {
        let mover = self.pages.mechanism();
        mover.points.run(
            || mover.reached(),
            |point| {
                if mover.reached() < point && mover.queue.step_towards(point) {
                    mover.ended(point);
                }
                mover.lot.kick();
            },
        );
    }

    fn serve_parked(&self) {
        let mover = self.pages.mechanism();
        mover.lot.run(|Parked { page, write }| {
            let served = self.try_serve(page, write);
            if served {
                mover.trace.note(|| Entry::Unparked { page, write, at: mover.trace.now() });
            }
            served
        });
    }

    fn work_ahead(&self) {
        self.pages.mechanism().bell.run(|| {
            while self.pages.fetch_ahead() {}
            self.pages.clean_ahead();
        });
    }

    fn prefetch(&self) {
        self.prefetches
            .run(|Job { pages, to, launches }| -> Result<Moved> { self.pages.prefetch(pages, to, launches) });
    }

    /// Whether a touch was served; else what it waits for was set going.
    fn try_serve(&self, page: usize, write: bool) -> bool {
        match self.pages.try_fault(page, write) {
            Ok(Ok(())) => true,
            Ok(Err(busy)) => {
                if let Busy::Point(point) = busy {
                    self.pages.mechanism().points.want(point);
                }
                false
            }
            Err(error) => unserved(&error),
        }
    }

    /// A device that is the CPU has touched the program's view: lowering has missed an access.
    fn check_toucher(&self, fault: &Fault) {
        if self.device.threads().binary_search(&fault.thread).is_ok() {
            let mover = self.pages.mechanism();
            let text = format!(
                "thread {} of device '{}' touched {:#x}, a unified address, while {} ran: an access that lowering did not translate",
                fault.thread,
                self.device.info.name,
                mover.user.start + fault.offset as u64,
                mover.queue.running()
            );
            fatal(&text, 0);
        }
    }
}

/// Whether this thread serves a fault where nothing may be allocated.
#[cfg(feature = "seam")]
pub fn in_service() -> bool {
    SERVING.get()
}

#[cfg(feature = "seam")]
thread_local! {
    // Without a destructor and an initialiser, so that a signal handler may use it.
    static SERVING: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs `f`, which serves a fault.
fn serving<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(feature = "seam")]
    SERVING.set(true);
    let result = f();
    #[cfg(feature = "seam")]
    SERVING.set(false);
    result
}

impl Serve for Server {
    fn serve(&self, fault: Fault) {
        serving(|| self.serve_here(fault));
    }

    fn serve_soon(&self, fault: Fault) {
        serving(|| self.serve_or_park(fault));
    }
}

impl Server {
    /// In a signal handler.
    fn serve_here(&self, fault: Fault) {
        self.check_toucher(&fault);
        let (page, write, mover) = (fault.offset / PAGE, fault.write, self.pages.mechanism());
        let (trace, since) = (&mover.trace, mover.trace.now());
        if !mover.memory.is_mapped() {
            // Copying needs Vulkan, which needs a thread of ours.
            if !mover.lot.park_and_wait(Parked { page, write }) {
                fatal("too many threads wait for pages", 0);
            }
        } else {
            let wait = |point| mover.points.wait(point, || mover.reached());
            if let Err(error) = self.pages.fault(page, write, wait) {
                unserved(&error);
            }
        }
        trace.note(|| Entry::Faulted { page, write, thread: fault.thread, since, at: trace.now() });
    }

    /// On the service thread.
    fn serve_or_park(&self, fault: Fault) {
        self.check_toucher(&fault);
        let (page, write, mover) = (fault.offset / PAGE, fault.write, self.pages.mechanism());
        let (trace, thread, since) = (&mover.trace, fault.thread, mover.trace.now());
        if mover.memory.is_mapped() && self.try_serve(page, write) {
            trace.note(|| Entry::Faulted { page, write, thread, since, at: trace.now() });
            return;
        }
        // Before it is parked: it may be served at once.
        trace.note(|| Entry::Parked { page, write, thread, at: since });
        if !mover.lot.park(Parked { page, write }) {
            fatal("too many threads wait for pages", 0);
        }
    }
}

impl Keeper for Server {
    fn freed(&self, range: Range<usize>, release: &mut dyn FnMut(Range<usize>)) {
        let pages = range.start / PAGE..range.end / PAGE;
        self.pages.mechanism().record.note(Event::Freed { first: pages.start, pages: pages.len() });
        // Where the CPU's access could not be given back, the next touch tries again.
        if let Err(error) = self.pages.discard(pages, |run| release(run.start * PAGE..run.end * PAGE)) {
            tracing::warn!("pages that were freed: {error}");
        }
    }

    fn with_host(&self, range: Range<usize>, f: &mut dyn FnMut(Range<usize>)) -> Result<()> {
        let mut at = range.start;
        while at < range.end {
            let end = range.end.min((at / BLOCK + 1) * BLOCK);
            self.pages.with_host(at / PAGE..end.div_ceil(PAGE), || f(at..end))?;
            at = end;
        }
        Ok(())
    }
}
