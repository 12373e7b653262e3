//! The allocator under many threads at once.

use super::*;
use std::collections::BTreeMap;
use std::sync::mpsc;

const THREADS: usize = 8;

/// A small generator of numbers (xorshift64*): the same programs each run, another one a thread.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }
}

/// An allocation on its way from one thread to another.
struct Parcel {
    address: usize,
    layout: Layout,
    value: u8,
}

impl Parcel {
    fn new(heap: &Heap, layout: Layout, value: u8) -> Option<Self> {
        let ptr = heap.alloc(layout, value.is_multiple_of(4)).ok()?;
        if value.is_multiple_of(4) {
            assert!(content(heap, ptr, layout.size()).iter().all(|byte| *byte == 0), "not zeroed");
        }
        fill(heap, ptr, value, 0..layout.size());
        Some(Parcel { address: ptr.addr().get(), layout, value })
    }

    fn open(self, heap: &Heap) {
        let ptr = heap.mapping().user(self.address - heap.mapping().user_base());
        let intact = content(heap, ptr, self.layout.size()).iter().all(|byte| *byte == self.value);
        assert!(intact, "somebody else wrote into {:#x}, {:?}", self.address, self.layout);
        free(heap, ptr, self.layout);
    }
}

/// Each thread allocates, keeps some, passes some on to a neighbour that frees them.
fn exchange(heap: &Heap, rounds: usize, sizes: &[usize]) {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel::<Parcel>()).unzip();
    std::thread::scope(|scope| {
        for (thread, inbox) in receivers.into_iter().enumerate() {
            let next = senders[(thread + 1) % THREADS].clone();
            scope.spawn(move || {
                let mut numbers = Numbers(0x9e37_79b9 + thread as u64);
                let mut kept = Vec::new();
                for _ in 0..rounds {
                    let size = numbers.below(sizes[numbers.0 as usize % sizes.len()]);
                    let value = (thread * 32 + numbers.below(32)) as u8;
                    match (Parcel::new(heap, layout(size, 1 << numbers.below(8)), value), numbers.below(3)) {
                        (Some(parcel), 0) => next.send(parcel).unwrap(),
                        (Some(parcel), _) => kept.push(parcel),
                        (None, _) => kept.drain(..).for_each(|parcel: Parcel| parcel.open(heap)),
                    }
                    if !kept.is_empty() && numbers.below(3) < 2 {
                        kept.swap_remove(numbers.below(kept.len())).open(heap);
                    }
                    inbox.try_iter().for_each(|parcel| parcel.open(heap));
                }
                kept.into_iter().for_each(|parcel| parcel.open(heap));
                drop(next);
                // Ends when the neighbour has dropped its sender, at the end of its rounds.
                inbox.iter().for_each(|parcel| parcel.open(heap));
            });
        }
        drop(senders);
    });
    assert_eq!(heap.live(), (0, 0));
    heap.trim();
    assert_eq!((heap.free_bytes(), heap.largest_free()), (heap.len(), heap.len()));
}

#[test]
fn threads_exchange_allocations() {
    for release_pages in [true, false] {
        bounded(move || {
            let heap = heap(32 * BLOCK, HeapOptions { release_pages, ..FREE_ALL });
            // Rule 4 of ARCHITECTURE.md, for all threads at once.
            heap.mapping().revoke(true);
            exchange(&heap, 3000, &[64, 64, 500, 5_000, 200_000]);
        });
    }
}

#[test]
fn threads_share_a_heap_that_is_too_small() {
    bounded(|| exchange(&heap(BLOCK, FREE_ALL), 1500, &[40, 3_000, 30_000, 150_000]));
}

#[test]
fn no_two_threads_get_the_same_slot() {
    bounded(take_slots);
}

fn take_slots() {
    let heap = heap(8 * BLOCK, FREE_ALL);
    let found: Vec<Vec<usize>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| (0..3000).map(|_| heap.alloc(bytes_of(48), false).unwrap().addr().get()).collect()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut starts: Vec<_> = found.into_iter().flatten().collect();
    starts.sort_unstable();
    assert!(starts.windows(2).all(|pair| pair[0] + 48 <= pair[1]));
    assert_eq!(heap.live(), (THREADS * 3000, THREADS * 3000 * 48));
    // Threads that share a shard share its slabs; each shard wastes less than a page of slots.
    let mut pages = BTreeMap::<usize, usize>::new();
    starts.iter().for_each(|start| *pages.entry(start / PAGE).or_default() += 1);
    assert!(pages.len() <= (THREADS * 3000 * 48).div_ceil(PAGE) + heap.shards, "{} pages", pages.len());
    for start in starts {
        free(&heap, heap.mapping().user(start - heap.mapping().user_base()), bytes_of(48));
    }
    assert_eq!(heap.live(), (0, 0));
}

#[test]
fn the_last_free_slots_serve_every_thread() {
    bounded(take_the_last_slots);
}

fn take_the_last_slots() {
    let heap = heap(BLOCK, FREE_ALL);
    // One slab, of this thread's shard, and no page left.
    let page = first_page(heap.alloc(bytes_of(1000), false).unwrap());
    while heap.alloc(bytes_of(PAGE), false).is_ok() {}
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let other = heap.alloc(bytes_of(1000), false).unwrap();
                assert_eq!(first_page(other), page);
            });
        }
    });
}
