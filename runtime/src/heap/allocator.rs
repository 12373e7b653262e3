//! Owns the allocator: what parts of the mapping are allocated, to any thread at once.
//!
//! ```text
//!   layout ── up to 32 KiB ──► bin (class × shard) ──► slot of a slab ──┐
//!      └───── larger, or more aligned ──► free runs ──► whole pages ────┴─► user-view pointer
//! ```
//!
//! - Everything it knows lies outside the heap, and it never touches the user view: a page that is revoked while a
//!   launch uses it can be allocated from, zeroed and freed. Zeroing goes through the runtime view.
//! - An allocation of more than 32 KiB has its pages to itself. Smaller ones share a page with their size class.
//! - Threads are spread over shards, each with a lock and slabs per class, so that threads do not meet on the small
//!   path. Freeing goes to the shard that the slot came from. The free runs have one lock; the system calls that give
//!   memory back happen outside of it, while the pages belong to nobody.
//! - *A freed page returns to untouched* when nothing in it is allocated any more, with `release_pages`: it takes no
//!   memory and reads zeros. The exception is one empty slab that each bin may keep (see [`super::slab`]): such a page
//!   is still the slab's, not free. [`Heap::trim`] gives them back, as an allocation that finds no room does.
//!
//! Locks, in order: a bin's, then the free runs'. No thread holds two bins' locks. Nothing but table updates happens
//! under either: no system call, no touch of heap memory (metadata is allocated from the global allocator, though).
//!
//! # Safety
//!
//! - A pointer that `alloc` returned is the caller's alone until `free`: the bitmaps and the free runs hand out each
//!   byte once (`slab` and `runs`, which are safe code with tests against plain models).
//! - `free` and the functions of `resize` trust their callers that the pointer is a live allocation. Where a table shows
//!   otherwise at no cost (a double free, foreign memory, the middle of an allocation) the process is aborted with a
//!   message: going on would hand one piece of memory to two owners.
#![allow(unsafe_code)]

use super::classes::{CLASSES, Class};
use super::pages::{Pages, Use};
use super::runs::{Page, Runs};
use super::slab::{Bin, Given, Slot};
use crate::addr::{BLOCK, PAGE, Span};
use crate::error::{Error, Result};
use crate::os::mapping::Mapping;
use std::alloc::Layout;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Most shards that a heap has. More would keep more empty slabs than they save waiting.
const MAX_SHARDS: usize = 32;

/// How a heap is laid out and treats its pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeapOptions {
    /// Bytes that one import covers; a multiple of [`BLOCK`]. The last segment may be shorter.
    pub(crate) segment: usize,
    /// Whether an allocation may lie in two segments: only where the device sees all segments at one offset.
    pub(crate) cross_segments: bool,
    /// Whether freed pages go back to the system. Off for drivers that pin what they import: after a hole is punched
    /// they would go on using the old pages. Freed pages then keep their memory and are zeroed when that is asked for.
    pub(crate) release_pages: bool,
}

/// Who knows where pages are, where that is not always with the host.
pub(crate) trait Keeper: Send + Sync {
    /// Whole pages (byte offsets) are freed: nobody uses them any more, and their content is of no use. Has `release` give their
    /// memory back to the system, by parts.
    fn freed(&self, range: Range<usize>, release: &mut dyn FnMut(Range<usize>));

    /// Has `f` write `range` (byte offsets) through the runtime view, by parts, while it is with the host and nobody else's.
    ///
    /// # Errors
    /// As the system's and Vulkan's, where pages cannot be brought home.
    fn with_host(&self, range: Range<usize>, f: &mut dyn FnMut(Range<usize>)) -> Result<()>;
}

/// A heap over one mapping. Memory goes back with the `Heap`, whatever is still allocated.
pub(crate) struct Heap {
    /// Dropped before what it keeps.
    keeper: OnceLock<Arc<dyn Keeper>>,
    mapping: Arc<Mapping>,
    options: HeapOptions,
    max_align: usize,
    pages: Pages,
    runs: Mutex<Runs>,
    /// Bins by shard, then class.
    bins: Box<[Shelf]>,
    shards: usize,
    /// Allocations with pages of their own.
    large_count: AtomicUsize,
    /// The bytes that their layouts ask for.
    large_bytes: AtomicUsize,
}

/// A bin with its lock, on cache lines of its own: neighbours belong to other threads.
#[repr(align(128))]
struct Shelf(Mutex<Bin>);

impl Heap {
    /// A heap over all of `mapping`, everything free. Costs little memory however large the mapping is.
    ///
    /// # Errors
    ///
    /// [`Error::BadOption`] if the segment size is zero or no multiple of 2 MiB, or for more than 2^32 pages.
    pub(crate) fn new(mapping: impl Into<Arc<Mapping>>, options: HeapOptions) -> Result<Self> {
        let mapping = mapping.into();
        let HeapOptions { segment, cross_segments, .. } = options;
        if segment == 0 || !segment.is_multiple_of(BLOCK) {
            let reason = format!("{segment} bytes: a segment must be a positive multiple of {BLOCK} bytes");
            return Err(Error::BadOption { option: "segment", reason });
        }
        let len = mapping.len();
        let Ok(pages) = u32::try_from(len / PAGE) else {
            let reason = format!("{len} bytes: a heap has at most {} bytes", u32::MAX as usize * PAGE);
            return Err(Error::BadOption { option: "heap_size", reason });
        };
        // A segment of more pages than a u32 counts has no border inside the heap.
        let border = if cross_segments { None } else { u32::try_from(segment / PAGE).ok() };
        let shards = std::thread::available_parallelism().map_or(1, usize::from).next_power_of_two().min(MAX_SHARDS);
        let bins = (0..shards).flat_map(|_| Class::all()).map(|class| Shelf(Mutex::new(Bin::new(class)))).collect();
        Ok(Heap {
            max_align: BLOCK.min(1 << mapping.user_base().trailing_zeros()),
            pages: Pages::new(pages),
            runs: Mutex::new(Runs::new(pages, border)),
            bins,
            shards,
            large_count: AtomicUsize::new(0),
            large_bytes: AtomicUsize::new(0),
            options,
            keeper: OnceLock::new(),
            mapping,
        })
    }

    /// Pages move from now on. Before the first allocation.
    pub(crate) fn keep(&self, keeper: Arc<dyn Keeper>) {
        // Whoever opens a heap does so once.
        let _ = self.keeper.set(keeper);
    }

    /// Allocates memory for `layout`, all zeros if `zeroed`, else with any content. A layout of size zero gets a
    /// small allocation of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Alignment`] beyond 2 MiB. [`Error::SegmentExceeded`] for more than a segment where allocations must
    /// not cross segments. [`Error::HeapExhausted`] if no free piece is large enough; while other threads are just
    /// freeing, that may come a moment too early.
    pub(crate) fn alloc(&self, layout: Layout, zeroed: bool) -> Result<NonNull<u8>> {
        if layout.align() > self.max_align {
            return Err(Error::Alignment { align: layout.align(), max: self.max_align });
        }
        let offset = match Class::of(layout) {
            Some(class) => {
                let offset = self.alloc_slot(class, layout)?;
                if zeroed && let Err(error) = self.zero(offset..offset + layout.size()) {
                    // SAFETY: allocated above, and nobody has its address yet.
                    unsafe { self.free(self.mapping.user(offset), layout) };
                    return Err(error);
                }
                offset
            }
            None => self.alloc_pages(layout, zeroed)?,
        };
        Ok(self.mapping.user(offset))
    }

    /// Frees an allocation. Content is gone.
    ///
    /// # Safety
    ///
    /// `ptr` came from `alloc` of this heap, was not freed since, and neither program nor device uses it any more.
    /// `layout` is the one that it was allocated with, or last grown or shrunk to.
    pub(crate) unsafe fn free(&self, ptr: NonNull<u8>, layout: Layout) {
        let (page, within) = self.locate(ptr);
        match self.pages.get(page) {
            Use::Slab { class, shard, slab } => {
                let Some(slot) = class.slot_at(within) else { misuse("freed", ptr) };
                let given = self.bin(usize::from(shard), class).give(slab, Slot { page, slot }, layout.size());
                match given {
                    Given::Slot => {}
                    Given::Page => self.give_slab(page),
                    Given::Refused => misuse("freed", ptr),
                }
            }
            run @ Use::Run { pages } if within == 0 && self.pages.replace(page, run, Use::Nothing) => {
                self.large_count.fetch_sub(1, Ordering::Relaxed);
                self.large_bytes.fetch_sub(layout.size(), Ordering::Relaxed);
                self.give_pages(page..page + pages);
            }
            _ => misuse("freed", ptr),
        }
    }

    /// Whether an allocation has pages to itself.
    pub(crate) fn has_pages(layout: Layout) -> bool {
        Class::of(layout).is_none()
    }

    /// Gives the empty slabs that the bins keep back to the heap.
    pub(crate) fn trim(&self) {
        for shelf in &self.bins {
            loop {
                let mut bin = lock(&shelf.0);
                let Some(page) = bin.remove_empty() else { break };
                drop(bin);
                self.give_slab(page);
            }
        }
    }

    /// The heap's unified addresses.
    pub(crate) fn span(&self) -> Span {
        let start = self.mapping.user_base() as u64;
        Span { start, end: start + self.len() as u64 }
    }

    /// Whether all of `span` lies in the heap, allocated or not.
    pub(crate) fn contains(&self, span: Span) -> bool {
        self.span().contains(span)
    }

    /// Whether all pages of `span`, which lies in the heap, belong to allocations. Of pages that small allocations share one is enough.
    pub(crate) fn is_live(&self, span: Span) -> bool {
        let pages = span.units(self.span().start, PAGE);
        lock(&self.runs).are_taken(pages.start as Page, pages.len() as u32)
    }

    /// The segment that an address lies in, or `None` outside of the heap.
    #[cfg(test)]
    pub(crate) fn segment_of(&self, address: u64) -> Option<usize> {
        let Span { start, end } = self.span();
        (start..end).contains(&address).then(|| (address - start) as usize / self.options.segment)
    }

    /// Bytes in the heap.
    pub(crate) fn len(&self) -> usize {
        self.mapping.len()
    }

    /// The memory under the heap.
    #[cfg(test)]
    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Live allocations, and the bytes that their layouts ask for. Exact when no other thread allocates or frees.
    pub(crate) fn live(&self) -> (usize, usize) {
        let large = (self.large_count.load(Ordering::Relaxed), self.large_bytes.load(Ordering::Relaxed));
        let bins = self.bins.iter().map(|shelf| lock(&shelf.0).live());
        bins.fold(large, |sum, bin| (sum.0 + bin.0, sum.1 + bin.1))
    }

    /// Free bytes in whole pages. Free slots and kept empty slabs do not count.
    pub(crate) fn free_bytes(&self) -> usize {
        lock(&self.runs).free() as usize * PAGE
    }

    /// Bytes in the longest run of free pages.
    pub(crate) fn largest_free(&self) -> usize {
        lock(&self.runs).largest() as usize * PAGE
    }

    /// A slot of `class`, as an offset into the heap.
    fn alloc_slot(&self, class: Class, layout: Layout) -> Result<usize> {
        let own = SHARD.with(|shard| shard % self.shards);
        let offset = |at: Slot| at.page as usize * PAGE + at.slot * class.size();
        if let Some(at) = self.bin(own, class).take(layout.size()) {
            return Ok(offset(at));
        }
        if let Some(page) = self.take_pages(1, 1) {
            let mut bin = self.bin(own, class);
            let slab = bin.add(page);
            self.pages.set(page, Use::Slab { class, shard: own as u8, slab });
            if let Some(at) = bin.take(layout.size()) {
                return Ok(offset(at));
            }
        }
        // The last resort: other threads' slabs.
        let at = (0..self.shards).find_map(|shard| self.bin(shard, class).take(layout.size()));
        at.map(offset).ok_or_else(|| self.exhausted(layout))
    }

    /// Pages for `layout`, as an offset into the heap.
    fn alloc_pages(&self, layout: Layout, zeroed: bool) -> Result<usize> {
        let segment = self.options.segment;
        if !self.options.cross_segments && layout.size() > segment && layout.size() <= self.len() {
            return Err(Error::SegmentExceeded { bytes: layout.size(), segment });
        }
        let align = (layout.align() / PAGE).max(1) as u32;
        let taken = pages_for(layout).and_then(|pages| Some((self.take_pages(pages, align)?, pages)));
        let Some((page, pages)) = taken else { return Err(self.exhausted(layout)) };
        if zeroed && let Err(error) = self.zero_dirty(page..page + pages) {
            self.give_pages(page..page + pages);
            return Err(error);
        }
        self.pages.set(page, Use::Run { pages });
        self.large_count.fetch_add(1, Ordering::Relaxed);
        self.large_bytes.fetch_add(layout.size(), Ordering::Relaxed);
        Ok(page as usize * PAGE)
    }

    fn take_pages(&self, pages: u32, align: u32) -> Option<Page> {
        if let Some(page) = lock(&self.runs).take(pages, align) {
            return Some(page);
        }
        self.trim();
        lock(&self.runs).take(pages, align)
    }

    /// Frees the page of a slab that has left its bin.
    fn give_slab(&self, page: Page) {
        self.pages.set(page, Use::Nothing);
        self.give_pages(page..page + 1);
    }

    /// Frees pages whose table entries say so already: they become untouched, then available.
    fn give_pages(&self, pages: Range<Page>) {
        let mut released = self.options.release_pages;
        let mut release = |range| {
            // SAFETY: the pages were just freed and are not in the free runs yet: they belong to this call alone.
            released = released && unsafe { self.mapping.release(range) }.is_ok();
        };
        match self.keeper.get() {
            Some(keeper) => keeper.freed(bytes(&pages), &mut release),
            None => release(bytes(&pages)),
        }
        // Memory that the system did not take back (locked, for instance) keeps its content.
        self.pages.set_dirty(pages.clone(), !released);
        lock(&self.runs).give(pages.start, pages.end - pages.start);
    }

    /// Zeroes what is not known to be zero, in pages that the caller has just taken.
    fn zero_dirty(&self, pages: Range<Page>) -> Result<()> {
        self.pages.dirty(pages).try_for_each(|run| self.zero(bytes(&run)))
    }

    /// Writes zeros over memory (byte offsets) that the caller has just taken, so that nobody else has its address yet.
    fn zero(&self, range: Range<usize>) -> Result<()> {
        // SAFETY: the callers' promise; what else lies in the same pages is not written.
        let zero = |range| unsafe { self.mapping.zero(range) };
        match self.keeper.get() {
            Some(keeper) => keeper.with_host(range, &mut { zero }),
            None => {
                zero(range);
                Ok(())
            }
        }
    }

    fn bin(&self, shard: usize, class: Class) -> MutexGuard<'_, Bin> {
        lock(&self.bins[shard * CLASSES + class.index()].0)
    }

    /// The page that a pointer points into, and the offset within.
    fn locate(&self, ptr: NonNull<u8>) -> (Page, usize) {
        let offset = ptr.addr().get().wrapping_sub(self.mapping.user_base());
        if offset >= self.len() {
            misuse("used", ptr);
        }
        ((offset / PAGE) as Page, offset % PAGE)
    }

    fn exhausted(&self, layout: Layout) -> Error {
        let runs = lock(&self.runs);
        let (free, largest) = (runs.free() as usize * PAGE, runs.largest() as usize * PAGE);
        drop(runs);
        Error::HeapExhausted { bytes: layout.size(), align: layout.align(), free, largest, heap: self.len() }
    }
}

impl std::fmt::Debug for Heap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut heap = f.debug_struct("Heap");
        heap.field("span", &self.span()).field("options", &self.options).field("live", &self.live());
        heap.finish_non_exhaustive()
    }
}

thread_local! {
    /// This thread's number; its remainder by a heap's shards is its shard there.
    static SHARD: usize = NEXT_SHARD.fetch_add(1, Ordering::Relaxed);
}
static NEXT_SHARD: AtomicUsize = AtomicUsize::new(0);

/// Pages that a layout needs, if that is a number of pages at all.
fn pages_for(layout: Layout) -> Option<u32> {
    u32::try_from(layout.size().div_ceil(PAGE).max(1)).ok()
}

/// The byte offsets of pages.
fn bytes(pages: &Range<Page>) -> Range<usize> {
    pages.start as usize * PAGE..pages.end as usize * PAGE
}

/// A panic under a lock leaves nothing half done that would be worse than losing the heap: carry on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the process: freeing must not panic, and going on would give one piece of memory to two owners.
#[cold]
fn misuse(done: &str, ptr: NonNull<u8>) -> ! {
    eprintln!(
        "vksvm: {done} {ptr:?}, which is not the start of a live allocation of this heap (freed twice, or memory of \
         another allocator); aborting, since the heap would be corrupted"
    );
    std::process::abort()
}

mod resize;
#[cfg(test)]
mod tests;
