//! Allocating: sizes, alignments, reuse, exhaustion, what is left at the end.
//!
//! # Safety
//! Raw allocations are used inside their layouts, freed once and with the layout that they were made with.
#![allow(unsafe_code)]

use crate::{
    harness::{open, tests},
    log,
};
use allocator_api2::alloc::Allocator;
use std::alloc::Layout;
use vksvm::{Svm, SvmBox, SvmVec};

tests![
    from_one_byte_to_gigabytes,
    alignments,
    zeroed_after_reuse,
    freed_memory_is_used_again,
    exhaustion_is_an_error,
    contains,
    boxes,
    dropped_in_any_order,
    leaks_are_counted_and_warned_of,
    many_threads_allocate_and_free,
    growing_and_shrinking_keeps_content,
    shrinking_works_in_a_full_heap,
];

fn from_one_byte_to_gigabytes() {
    let svm = Svm::builder().heap_size(64 << 30).open().expect("open");
    let mut all: Vec<(SvmVec<u8>, u8)> = vec![];
    for bits in 0..=34 {
        for len in [(1_usize << bits) - 1, 1 << bits, (1 << bits) + 1] {
            // Address space; memory only where it is touched.
            let mut v = svm.try_zeroed::<u8>(len).unwrap_or_else(|error| panic!("{len} bytes: {error}"));
            assert_eq!(v.len(), len);
            let mark = all.len() as u8 + 1;
            let places = [0, len / 3, len / 2, len.saturating_sub(1)];
            for at in places.into_iter().filter(|at| *at < len) {
                assert!(v[at] == 0 || v[at] == mark, "{len} bytes: byte {at} is not zero");
                v[at] = mark;
            }
            // The largest ones leave room for the next.
            if bits < 32 {
                all.push((v, mark));
            }
        }
    }
    for (v, mark) in &all {
        let len = v.len();
        for at in [0, len / 3, len / 2, len.saturating_sub(1)].into_iter().filter(|at| *at < len) {
            assert_eq!(v[at], *mark, "{len} bytes: a byte changed by itself");
        }
    }
    drop(all);
    assert_eq!((svm.stats().live_allocations, svm.stats().live_bytes), (0, 0));
}

fn alignments() {
    let svm = open();
    let mut live = vec![];
    for bits in 0..=21 {
        for size in [1, 7, 100, 5000, 70_000] {
            let layout = Layout::from_size_align(size, 1 << bits).expect("a layout");
            let alloc = svm.alloc();
            let piece = alloc.allocate(layout).expect("allocates").cast::<u8>();
            assert!(piece.addr().get().is_multiple_of(1 << bits), "{layout:?} at {piece:p}");
            // SAFETY: all of the piece.
            unsafe { piece.write_bytes(bits, size) };
            live.push((piece, layout, bits));
        }
    }
    for (piece, layout, bits) in live {
        for at in [0, layout.size() - 1] {
            // SAFETY: inside the piece.
            let byte = unsafe { piece.add(at) };
            // SAFETY: the piece was written whole.
            assert_eq!(unsafe { byte.read() }, bits);
        }
        // SAFETY: allocated above, freed once.
        unsafe { svm.alloc().deallocate(piece, layout) };
    }
    assert_eq!(svm.stats().live_allocations, 0);
}

fn zeroed_after_reuse() {
    let svm = Svm::builder().heap_size(8 << 20).open().expect("open");
    for round in 0..20 {
        for len in [1, 100, 5000, 40_000, 1 << 20, 5 << 20] {
            let mut v = svm.zeroed::<u8>(len);
            assert!(v.iter().all(|byte| *byte == 0), "{len} bytes in round {round}");
            v.fill(0xff);
        }
    }
}

fn freed_memory_is_used_again() {
    let svm = Svm::builder().heap_size(4 << 20).open().expect("open");
    let free = svm.stats().free_bytes;
    assert_eq!(free, 4 << 20);
    // A hundred times what the heap holds.
    for _ in 0..200 {
        drop(svm.zeroed::<u8>(2 << 20));
    }
    assert_eq!(svm.stats().free_bytes, free);
    assert_eq!(svm.stats().largest_free_bytes, free);
}

fn exhaustion_is_an_error() {
    let svm = Svm::builder().heap_size(4 << 20).open().expect("open");
    let mut v: SvmVec<u64> = SvmVec::new_in(svm.alloc());
    v.try_reserve(1 << 18).expect("half of it");
    v.extend(0..1 << 18);
    assert!(v.try_reserve(1 << 20).is_err());
    assert!(svm.alloc().allocate(Layout::new::<[u8; 3 << 20]>()).is_err());
    let mut small: Vec<SvmBox<[u64; 8]>> = vec![];
    while let Ok(boxed) = svm.try_boxed([7; 8]) {
        small.push(boxed);
    }
    assert!(small.len() > 30_000, "{} boxes of 64 bytes in 2 MiB", small.len());
    crate::variants::refused_saying(svm.try_vec([1u8; 64]), "HeapExhausted", &[]);
    assert!(v.iter().copied().eq(0..1 << 18));
    assert!(small.iter().all(|boxed| **boxed == [7; 8]));
    drop(small);
    svm.try_zeroed::<u8>(1 << 20).expect("there is room again");
}

fn contains() {
    let (svm, other) = (open(), open());
    let v = svm.vec(0..10);
    let ordinary = [0; 10];
    assert!(svm.contains(v.as_ptr()) && svm.contains(&raw const v[9]) && svm.contains(&raw const v[..]));
    assert!(!svm.contains(ordinary.as_ptr()) && !other.contains(v.as_ptr()));
    assert!(!svm.contains(std::ptr::null::<u8>()) && !svm.contains(usize::MAX as *const u8));
    assert!(!svm.contains(&raw const svm), "the system's allocator and stack are untouched");
    let grown: Vec<u8> = vec![1; 1 << 20];
    assert!(!svm.contains(grown.as_ptr()));
}

fn boxes() {
    let svm = open();
    let mut boxed = svm.boxed([1u64, 2, 3]);
    boxed[1] = 20;
    assert!(svm.contains(&raw const *boxed));
    assert_eq!(*boxed, [1, 20, 3]);
    let clone = boxed.clone();
    assert!(!std::ptr::eq(&*clone, &*boxed) && clone == boxed);
    // Values with a drop of their own.
    let text = svm.boxed(String::from("text"));
    assert_eq!(text.len(), 4);
}

fn dropped_in_any_order() {
    let svm = open();
    let v = svm.vec(0..1000);
    let alloc = svm.alloc();
    drop(svm);
    // The vector keeps the heap.
    let more: SvmVec<i32> = v.iter().map(|x| 2 * x).fold(SvmVec::new_in(alloc), |mut more, x| {
        more.push(x);
        more
    });
    drop(v);
    assert_eq!(more[999], 1998);
    assert_eq!(more.allocator().svm().stats().live_allocations, 1);
}

fn leaks_are_counted_and_warned_of() {
    let svm = open();
    let mark = log::all().len();
    let warned = || log::since(mark).iter().filter(|line| line.contains("still live")).count();
    drop(svm.vec(0..10));
    // Raw pieces keep no handle, so that the heap can go while they live.
    let layout = Layout::new::<[u8; 100]>();
    for _ in 0..3 {
        svm.alloc().allocate(layout).expect("allocates");
    }
    assert_eq!((svm.stats().live_allocations, svm.stats().live_bytes), (3, 300));
    drop(svm);
    let lines = log::since(mark);
    assert_eq!(warned(), 1, "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("3 allocations (300 bytes)")), "{lines:?}");
    let mark = log::all().len();
    let svm = open();
    drop(svm.vec(0..10));
    drop(svm);
    assert_eq!(log::since(mark), [""; 0]);
}

fn many_threads_allocate_and_free() {
    let svm = open();
    std::thread::scope(|t| {
        for thread in 0..4u64 {
            let svm = &svm;
            t.spawn(move || {
                let mut rng = fastrand::Rng::with_seed(thread);
                let mut live: Vec<(SvmVec<u64>, u64)> = vec![];
                for mark in 0..3000 {
                    if live.len() > 50 || (rng.bool() && !live.is_empty()) {
                        let (v, mark) = live.swap_remove(rng.usize(0..live.len()));
                        assert!(v.iter().all(|x| *x == mark));
                    }
                    let mark = mark << 8 | thread;
                    let most = 1 << rng.u32(1..14);
                    let len = rng.usize(1..most);
                    live.push((svm.vec(std::iter::repeat_n(mark, len)), mark));
                }
            });
        }
    });
    assert_eq!(svm.stats().live_allocations, 0);
}

fn growing_and_shrinking_keeps_content() {
    let svm = Svm::builder().heap_size(256 << 20).open().expect("open");
    let mut v: SvmVec<u32> = SvmVec::new_in(svm.alloc());
    for i in 0..5_000_000 {
        v.push(i);
    }
    assert!(v.iter().copied().eq(0..5_000_000));
    for len in [4_000_000, 100_000, 16_000, 100, 3] {
        v.truncate(len);
        v.shrink_to_fit();
        assert!(v.capacity() < 2 * len + 64, "{} for {len}", v.capacity());
        assert!(v.iter().copied().eq(0..len as u32));
        assert_eq!(svm.stats().live_bytes, 4 * v.capacity() as u64);
    }
}

/// A smaller piece elsewhere would be better, but there is none: the piece stays where it is, and nothing aborts.
fn shrinking_works_in_a_full_heap() {
    let svm = Svm::builder().heap_size(2 << 20).open().expect("open");
    let page = vksvm::PAGE / size_of::<u32>();
    let mut v = svm.try_with_capacity::<u32>(page).expect("the first page");
    v.push(7);
    let rest: Vec<SvmVec<u32>> = std::iter::from_fn(|| svm.try_with_capacity(page).ok()).collect();
    assert_eq!((svm.stats().free_bytes, rest.len()), (0, vksvm::BLOCK / vksvm::PAGE - 1));
    v.shrink_to_fit();
    assert_eq!((&v[..], v.capacity()), (&[7][..], 1));
}
