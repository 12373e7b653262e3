//! Owns the list of heaps whose faults the signal handlers serve: process-wide, of fixed size, read without a lock.
//!
//! A handler counts itself into a slot before it looks at the slot's heap. Who takes the heap out first clears the pointer and then
//! waits until nobody is counted: whoever came later has found nothing.
//!
//! # Safety
//!
//! A slot's pointer is null or comes from `Box::into_raw` in `add`; `Registered::drop` alone frees it, after it has stored null
//! and then seen no user. Both sides use sequentially consistent operations, so one of the two sees the other.
#![allow(unsafe_code)]

use super::Serve;
use std::{
    ops::{Deref, Range},
    ptr::null_mut,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Heaps at a time. A handler looks at each slot, which costs a nanosecond; programs have one heap or two.
const HEAPS: usize = 64;

static SLOTS: [Slot; HEAPS] = [const { Slot::new() }; HEAPS];

struct Slot {
    taken: AtomicBool,
    /// The heap's addresses, so that handlers count themselves in where they are likely to stay. May be out of date.
    start: AtomicUsize,
    end: AtomicUsize,
    users: AtomicUsize,
    heap: AtomicPtr<Heap>,
}

/// A heap whose touches `serve` serves.
pub(super) struct Heap {
    /// By which signal its faults come.
    pub signal: i32,
    /// The addresses of its user view.
    pub addresses: Range<usize>,
    /// The process that has it; a forked child's copy of this list is not about the child's memory.
    pub process: u32,
    pub serve: Arc<dyn Serve>,
}

/// A heap's place in the list, given up on drop.
pub(super) struct Registered {
    slot: &'static Slot,
    process: u32,
}

/// Puts a heap on the list. `None` if it is full.
pub(super) fn add(heap: Heap) -> Option<Registered> {
    let free = |slot: &&Slot| slot.taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok();
    let slot = SLOTS.iter().find(free)?;
    slot.start.store(heap.addresses.start, Ordering::Relaxed);
    slot.end.store(heap.addresses.end, Ordering::Relaxed);
    let process = heap.process;
    slot.heap.store(Box::into_raw(Box::new(heap)), Ordering::SeqCst);
    Some(Registered { slot, process })
}

/// How many heaps the list holds.
pub(super) const fn room() -> usize {
    HEAPS
}

/// The heap that `address` belongs to and whose faults come by `signal`. Async-signal-safe.
pub(super) fn find(signal: i32, address: usize) -> Option<Found> {
    SLOTS.iter().find_map(|slot| {
        let (start, end) = (slot.start.load(Ordering::Relaxed), slot.end.load(Ordering::Relaxed));
        if !(start..end).contains(&address) {
            return None;
        }
        slot.users.fetch_add(1, Ordering::SeqCst);
        let found = Found { slot, heap: slot.heap.load(Ordering::SeqCst) };
        // SAFETY: null or a live heap; `found` keeps this thread counted, so that it stays alive.
        let heap = unsafe { found.heap.as_ref() }?;
        let ours = heap.signal == signal && heap.addresses.contains(&address) && heap.process == std::process::id();
        ours.then_some(found)
    })
}

/// A heap that stays on the list while this is held.
pub(super) struct Found {
    slot: &'static Slot,
    heap: *const Heap,
}

impl Deref for Found {
    type Target = Heap;

    fn deref(&self) -> &Heap {
        // SAFETY: `find` has given this out, so the pointer is not null, and this thread is counted.
        unsafe { &*self.heap }
    }
}

impl Drop for Found {
    fn drop(&mut self) {
        self.slot.users.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // A forked child has copies of its parent's counts, whose threads it does not have. Its handlers pass the entry over.
        if self.process != std::process::id() {
            return;
        }
        let heap = self.slot.heap.swap(null_mut(), Ordering::SeqCst);
        while self.slot.users.load(Ordering::SeqCst) != 0 {
            // A handler may wait for a launch: that takes as long as it takes.
            std::thread::sleep(Duration::from_micros(50));
        }
        // SAFETY: it comes from `add`; nobody finds it any more, and nobody who has found it is still counted.
        drop(unsafe { Box::from_raw(heap) });
        self.slot.taken.store(false, Ordering::Release);
    }
}

impl Slot {
    const fn new() -> Self {
        Slot {
            taken: AtomicBool::new(false),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            users: AtomicUsize::new(0),
            heap: AtomicPtr::new(null_mut()),
        }
    }
}
