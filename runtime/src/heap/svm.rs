//! The handle that programs hold, and what it keeps alive.
//!
//! # Safety
//! Two invariants carry the `unsafe` here. [`Inner`]'s fields are dropped after the queue has drained, what shows the heap to the device
//! before the heap. Memory goes back to the heap only after the launches that were declared to use it.
#![allow(unsafe_code)]

use super::{
    Heap, HeapOptions,
    recording::{self, Clocks},
    registry,
};
use crate::{
    addr::{BLOCK, Span},
    capabilities::Capabilities,
    config::Config,
    error::{Error, Result},
    gpu::{self, Device, Instance, Queue, QueueOptions, Reaper, Timers, VulkanQueue},
    os::{mapping::Mapping, memory::total_memory},
    residency::{Lowering, Plan, Residency},
    stats::Stats,
    trace::Trace,
};
use std::{alloc::Layout, ptr::NonNull, sync::Arc};

/// One heap that CPU and device share, and the device. Clones are handles to the same; `Send` and `Sync`.
///
/// The heap lives until the last handle, allocation, kernel and running launch is gone.
#[derive(Clone)]
pub struct Svm(pub(crate) Arc<Inner>);

/// What the handles share.
pub(crate) struct Inner {
    reaper: Option<Reaper>,
    pub queue: Arc<Queue>,
    pub timers: Arc<Timers>,
    pub residency: Residency,
    /// How kernels are lowered; `None` where they run untouched.
    pub lowering: Option<Lowering>,
    pub trace: Trace,
    /// For the log's times.
    pub clocks: Clocks,
    heap: Heap,
    pub device: Arc<Device>,
    capabilities: Capabilities,
}

/// A segment on devices that may pin what they import: large enough that few are needed, small enough that using one
/// page does not pin the whole heap.
const PINNED_SEGMENT: u64 = 256 << 20;

impl Svm {
    pub(crate) fn open_with(config: &Config, seam: &crate::builder::Seam) -> Result<Self> {
        config.check()?;
        let instance = Arc::new(Instance::new(seam.calls(), config.validation)?);
        let mut refused = vec![];
        for candidate in gpu::candidates(&instance, config.device.as_deref())? {
            match Inner::open(config, seam, &instance, &candidate) {
                Ok(inner) => return Ok(Svm(Arc::new(inner))),
                // A device that fails is one that does not work; the next may. Wrong options are wrong on all of them.
                Err(error @ (Error::BadOption { .. } | Error::Os { .. })) => return Err(error),
                Err(error) => refused.push(error),
            }
        }
        if refused.len() > 1 {
            let found = refused.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            return Err(Error::NoDevice { wanted: "works".into(), found });
        }
        let none = || Error::NoDevice { wanted: "is usable".into(), found: "none was left to try".into() };
        Err(refused.pop().unwrap_or_else(none))
    }

    /// What the device can do, which placement is in force and why, and what the start-up probes found.
    pub fn capabilities(&self) -> &Capabilities {
        &self.0.capabilities
    }

    /// Counters since the heap was opened.
    pub fn stats(&self) -> Stats {
        let counts = self.0.queue.counts();
        let (live_allocations, live_bytes) = self.0.heap.live();
        let (imported_segments, segments) = self.0.residency.imported();
        let mut stats = Stats {
            launches: counts.launches,
            slow_launches: counts.slow,
            launches_in_flight: counts.in_flight as u64,
            launches_in_flight_peak: counts.deepest as u64,
            live_allocations: live_allocations as u64,
            live_bytes: live_bytes as u64,
            heap_bytes: self.0.heap.len() as u64,
            free_bytes: self.0.heap.free_bytes() as u64,
            largest_free_bytes: self.0.heap.largest_free() as u64,
            imported_segments: imported_segments as u64,
            segments: segments as u64,
            ..Default::default()
        };
        if let Residency::Discrete(discrete) = &self.0.residency {
            discrete.count(&mut stats);
        }
        stats
    }

    /// Whether `pointer` points into this heap, be it allocated there or not.
    pub fn contains<T: ?Sized>(&self, pointer: *const T) -> bool {
        let at = pointer.cast::<u8>().addr() as u64;
        self.0.heap.contains(Span { start: at, end: at.saturating_add(1) })
    }

    /// Waits for every launch issued so far, from any thread.
    ///
    /// # Errors
    /// `DeviceLost` and the driver's out-of-memory errors.
    pub fn wait_idle(&self) -> Result<()> {
        self.0.queue.wait_all()
    }
}

#[cfg(feature = "seam")]
impl Svm {
    /// Brings all pages home that no launch uses; returns how many.
    ///
    /// # Errors
    /// As the system's and Vulkan's; nothing came home then.
    pub fn evict_idle(&self) -> Result<usize> {
        match &self.0.residency {
            Residency::Unified(_) => Ok(0),
            Residency::Discrete(discrete) => discrete.evict_idle(),
        }
    }
}

impl std::fmt::Debug for Svm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let span = self.0.heap.span();
        let (placement, device) = (self.0.capabilities.placement.name(), &self.0.device.info.name);
        write!(f, "Svm({placement} on '{device}', {:#x}..{:#x})", span.start, span.end)
    }
}

impl Inner {
    fn open(
        config: &Config,
        seam: &crate::builder::Seam,
        instance: &Arc<Instance>,
        candidate: &gpu::Candidate,
    ) -> Result<Self> {
        let device = Device::new(instance, candidate)?;
        let plan = Plan::make(config, seam, &device)?;
        let round = |bytes: u64| (bytes / BLOCK as u64 * BLOCK as u64).max(BLOCK as u64) as usize;
        let largest = round(device.info.max_import);
        let segment = match config.segment_size {
            Some(size) if size > largest as u64 => {
                let reason = format!("{size} bytes, but device '{}' imports at most {largest}", device.info.name);
                return Err(Error::BadOption { option: "segment_size", reason });
            }
            Some(size) => size as usize,
            // A CPU device touches the heap like any other thread: nothing is pinned, and fewer segments are better.
            None if device.info.is_cpu => largest,
            None => largest.min(PINNED_SEGMENT as usize),
        };
        let len = round(config.heap_size.unwrap_or_else(|| total_memory() as u64));
        let mapping = Arc::new(Mapping::new(len, BLOCK, plan.backing())?.with_calls(seam.system_calls()));
        let options = HeapOptions {
            segment,
            // Addresses equal the host's, differ by one number everywhere, or are looked up page by page: in all three an
            // allocation may lie in two segments.
            cross_segments: true,
            release_pages: plan.releases_pages() && !seam.keeps_pages(),
        };
        let heap = Heap::new(mapping.clone(), options)?;
        let options = QueueOptions { group: config.group, spin: config.spin, launch_limit: config.launch_limit };
        let trace = if config.trace { Trace::new(config.trace_events) } else { Trace::default() };
        let queue = Queue::new(seam.queue(Arc::new(VulkanQueue::new(&device)?)), options).traced(&trace);
        let queue = Arc::new(queue);
        // SAFETY: both become fields of Inner, where `residency` is dropped before `heap`; so it is on the way out of here.
        let (residency, why) = unsafe { plan.carry_out(config, seam, &device, &queue, &mapping, segment) }?;
        if let Residency::Discrete(discrete) = &residency {
            heap.keep(discrete.keeper());
        }
        let capabilities = Capabilities::of(&device.info, why, segment, len);
        let lowering = residency.lowering().map(|translation| Lowering::new(seam.lowering(translation)));
        registry::add(heap.span());
        Ok(Inner {
            reaper: Some(Reaper::start(&queue).inspect_err(|_| registry::remove(heap.span()))?),
            queue,
            timers: Timers::new(&device),
            clocks: Clocks::new(&device, &trace),
            residency,
            lowering,
            trace,
            heap,
            device,
            capabilities,
        })
    }

    pub fn span(&self) -> Span {
        self.heap.span()
    }

    /// As `Heap::is_live`.
    pub fn is_live(&self, span: Span) -> bool {
        self.heap.is_live(span)
    }

    /// As `Heap::alloc`.
    pub fn alloc(&self, layout: Layout, zeroed: bool) -> Result<NonNull<u8>> {
        let ptr = self.heap.alloc(layout, zeroed)?;
        recording::allocated(&self.trace, self.span(), ptr, layout);
        Ok(ptr)
    }

    /// Frees an allocation once the launches that were declared to use it have ended.
    ///
    /// # Safety
    /// As for `Heap::free`, but that launches may still use it.
    pub unsafe fn free(&self, ptr: NonNull<u8>, layout: Layout) {
        self.settle(ptr, 0, layout.size());
        // Before somebody else can have it.
        recording::freed(&self.trace, self.span(), ptr, layout);
        // SAFETY: the caller's promise, and no launch uses it any more.
        unsafe { self.heap.free(ptr, layout) };
    }

    /// As `Heap::grow_in_place`.
    ///
    /// # Safety
    /// As there.
    pub unsafe fn grow_in_place(&self, ptr: NonNull<u8>, old: Layout, new: Layout, zeroed: bool) -> bool {
        // SAFETY: passed on.
        let grown = unsafe { self.heap.grow_in_place(ptr, old, new, zeroed) };
        if grown {
            recording::allocated(&self.trace, self.span(), ptr, new);
        }
        grown
    }

    /// As `Heap::shrink_in_place`, after the launches that use what is cut off.
    ///
    /// # Safety
    /// As there.
    pub unsafe fn shrink_in_place(&self, ptr: NonNull<u8>, old: Layout, new: Layout) -> bool {
        self.settle(ptr, new.size(), old.size());
        // SAFETY: passed on.
        let shrunk = unsafe { self.heap.shrink_in_place(ptr, old, new) };
        if shrunk {
            recording::allocated(&self.trace, self.span(), ptr, new);
        }
        shrunk
    }

    /// As `Heap::worth_moving`.
    pub fn worth_moving(&self, ptr: NonNull<u8>, new: Layout) -> bool {
        self.heap.worth_moving(ptr, new)
    }

    fn settle(&self, ptr: NonNull<u8>, from: usize, to: usize) {
        let start = ptr.addr().get() as u64;
        self.queue.settle_span(Span { start: start + from as u64, end: start + to as u64 });
    }

    /// The error for memory that `try_reserve` did not get.
    pub fn exhausted(&self, layout: Layout) -> Error {
        Error::HeapExhausted {
            bytes: layout.size(),
            align: layout.align(),
            free: self.heap.free_bytes(),
            largest: self.heap.largest_free(),
            heap: self.heap.len(),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.reaper.take();
        self.queue.close();
        registry::remove(self.heap.span());
        let (count, bytes) = self.heap.live();
        if count > 0 {
            tracing::warn!(count, bytes, "the heap is unmapped with {count} allocations ({bytes} bytes) still live");
        }
    }
}
