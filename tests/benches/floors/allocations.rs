//! `alloc_small` and `alloc_large`: an allocation and a free in the heap, over the system allocator's.
//!
//! # Safety
//! A live slot holds a pointer that the allocator gave for the row's layout and that was not freed; only it is written to.
#![allow(unsafe_code)]

use crate::{Bench, Benchmark, LIMIT, measure::Rounds, report::Unit};
use allocator_api2::alloc::{Allocator, Layout, System};
use anyhow::{Result, anyhow, ensure};
use std::{
    ptr::NonNull,
    time::{Duration, Instant},
};

/// Live allocations of `alloc_small`, and the frees and allocations in a round.
const LIVE: usize = 4096;
/// Live allocations of `alloc_large`, and the frees and allocations in a round.
const LARGE_LIVE: usize = 16;
/// The system's page size on every machine that vksvm runs on so far; a larger one only makes touching denser than needed.
const OS_PAGE: usize = 4096;

/// 64 bytes, 4,096 of them live, freed in random order.
pub const SMALL: Benchmark = Benchmark {
    name: "alloc_small",
    unit: Unit::Ns,
    steps: LIVE,
    bound: None,
    batch: 40,
    sessions: 10,
    limit: LIMIT,
    session: |bench, rounds| churn(bench, rounds, 64, LIVE, false),
};

/// 8 MiB, 16 of them live, freed in random order; their first page is written outside of what is timed.
pub const LARGE: Benchmark = Benchmark {
    name: "alloc_large",
    steps: LARGE_LIVE,
    session: |bench, rounds| churn(bench, rounds, 8 << 20, LARGE_LIVE, false),
    ..SMALL
};

/// The same with the first byte of every OS page written after each allocation.
pub const LARGE_TOUCHED: Benchmark = Benchmark {
    name: "alloc_large_touched",
    unit: Unit::Us,
    batch: 4,
    sessions: 10,
    limit: LIMIT,
    session: |bench, rounds| churn(bench, rounds, 8 << 20, LARGE_LIVE, true),
    ..LARGE
};

fn churn(bench: &Bench, rounds: &mut Rounds, bytes: usize, live: usize, touch: bool) -> Result<()> {
    let layout = Layout::from_size_align(bytes, 16)?;
    let mut ours = Churn::new(bench.svm.alloc(), layout, live, touch)?;
    let mut floor = Churn::new(System, layout, live, touch)?;
    rounds.interleave(|| ours.round(), || floor.round())
}

/// A working set of allocations of one layout.
struct Churn<A: Allocator> {
    allocator: A,
    layout: Layout,
    live: Vec<NonNull<u8>>,
    touch: bool,
    random: u64,
}

impl<A: Allocator> Churn<A> {
    fn new(allocator: A, layout: Layout, live: usize, touch: bool) -> Result<Self> {
        let mut churn = Churn { allocator, layout, live: Vec::new(), touch, random: 0x9E37_79B9_7F4A_7C15 };
        for slot in 0..live {
            let fresh = churn.allocate()?;
            churn.mark(fresh, slot);
            churn.live.push(fresh);
        }
        Ok(churn)
    }

    /// Frees a random allocation and makes another, as often as there are slots; the time of all of it.
    ///
    /// Blocks are marked, and their marks checked, outside of what is timed: a block that is lost or shared shows there. So
    /// with `touch` off the first page of a large block is faulted in there, and given back by the timed free.
    fn round(&mut self) -> Result<Duration> {
        let steps = self.live.len();
        for (slot, block) in self.live.iter().enumerate() {
            // SAFETY: a live block of at least 8 bytes (module header), marked when it was made.
            let mark = unsafe { block.cast::<usize>().read() };
            ensure!(mark == slot, "block {slot} holds the mark {mark}: two blocks share memory");
        }
        let order: Vec<usize> = (0..steps).map(|_| self.next_slot()).collect();
        let start = Instant::now();
        for slot in order {
            let old = self.live.swap_remove(slot);
            // SAFETY: it was live until it left the slots just above (module header).
            unsafe { self.allocator.deallocate(old, self.layout) };
            let fresh = self.allocate()?;
            if self.touch {
                for page in (0..self.layout.size()).step_by(OS_PAGE) {
                    // SAFETY: inside the block just allocated.
                    let byte = unsafe { fresh.add(page) };
                    // SAFETY: as above. Volatile, so that the store is made though nothing reads it.
                    unsafe { byte.write_volatile(1) };
                }
            }
            self.live.push(fresh);
        }
        let took = start.elapsed();
        for (slot, block) in self.live.iter().enumerate() {
            self.mark(*block, slot);
        }
        Ok(took)
    }

    fn allocate(&self) -> Result<NonNull<u8>> {
        self.allocator.allocate(self.layout).map(NonNull::cast).map_err(|_| anyhow!("out of memory"))
    }

    fn mark(&self, block: NonNull<u8>, slot: usize) {
        // SAFETY: a live block of at least 8 bytes, aligned to 8 (module header).
        unsafe { block.cast::<usize>().write(slot) };
    }

    /// xorshift64*: a fixed sequence, the same on both sides.
    fn next_slot(&mut self) -> usize {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) as usize % self.live.len()
    }
}

impl<A: Allocator> Drop for Churn<A> {
    fn drop(&mut self) {
        for block in &self.live {
            // SAFETY: live (module header); nothing uses the slots after this.
            unsafe { self.allocator.deallocate(*block, self.layout) };
        }
    }
}
