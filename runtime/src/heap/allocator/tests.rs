//! Tests of the allocator on real mappings: its rules one by one here, random programs in `model`, many threads in
//! `threads`.

mod model;
mod threads;

use super::*;
use crate::os::mapping::Backing;

const FREE_ALL: HeapOptions = HeapOptions { segment: BLOCK, cross_segments: true, release_pages: true };

fn heap_on(backing: Backing, bytes: usize, options: HeapOptions) -> Heap {
    Heap::new(Mapping::new(bytes, BLOCK, backing).unwrap(), options).unwrap()
}

fn heap(bytes: usize, options: HeapOptions) -> Heap {
    heap_on(Backing::Memfd, bytes, options)
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

fn bytes_of(size: usize) -> Layout {
    layout(size, 1)
}

fn free(heap: &Heap, ptr: NonNull<u8>, layout: Layout) {
    // SAFETY: tests pass what they allocated and have not freed, except those that expect the abort.
    unsafe { heap.free(ptr, layout) }
}

fn grow(heap: &Heap, ptr: NonNull<u8>, old: Layout, new: Layout, zeroed: bool) -> bool {
    // SAFETY: tests pass what they allocated and have not freed, and a larger layout.
    unsafe { heap.grow_in_place(ptr, old, new, zeroed) }
}

fn shrink(heap: &Heap, ptr: NonNull<u8>, old: Layout, new: Layout) -> bool {
    // SAFETY: tests pass what they allocated and have not freed, and a smaller layout.
    unsafe { heap.shrink_in_place(ptr, old, new) }
}

/// The bytes of an allocation, through the runtime view.
fn content(heap: &Heap, ptr: NonNull<u8>, len: usize) -> Vec<u8> {
    let at = heap.mapping().runtime(ptr.addr().get() - heap.mapping().user_base());
    // SAFETY: the allocation is the calling test's, and nothing writes it meanwhile.
    unsafe { std::slice::from_raw_parts(at.as_ptr(), len) }.to_vec()
}

/// Writes an allocation, through the runtime view.
fn fill(heap: &Heap, ptr: NonNull<u8>, value: u8, range: Range<usize>) {
    let at = heap.mapping().runtime(ptr.addr().get() - heap.mapping().user_base() + range.start);
    // SAFETY: the allocation is the calling test's, and nothing reads it meanwhile.
    unsafe { at.write_bytes(value, range.len()) };
}

fn first_page(ptr: NonNull<u8>) -> usize {
    ptr.addr().get() / PAGE
}

/// What `work` returns, or a panic if it takes minutes: then something waits for ever.
fn bounded<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, finished) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || done.send(work()));
    match finished.recv_timeout(std::time::Duration::from_secs(180)) {
        Ok(result) => result,
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("still not done"),
        Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(_) => unreachable!("it sends before it ends"),
        },
    }
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for segment in [0, BLOCK + PAGE] {
        let mapping = Mapping::new(BLOCK, BLOCK, Backing::Memfd).unwrap();
        let refused = Heap::new(mapping, HeapOptions { segment, ..FREE_ALL }).unwrap_err();
        assert!(matches!(refused, Error::BadOption { option: "segment", .. }), "{refused}");
    }
}

#[test]
fn absurd_layouts_are_errors_that_say_why() {
    let heap = heap(4 * BLOCK, FREE_ALL);
    let refused = heap.alloc(layout(1, 2 * BLOCK), false).unwrap_err();
    assert_eq!(refused, Error::Alignment { align: 2 * BLOCK, max: BLOCK });
    let largest = isize::MAX as usize / BLOCK * BLOCK;
    for layout in [bytes_of(isize::MAX as usize), layout(largest, BLOCK), bytes_of(4 * BLOCK + 1)] {
        let Error::HeapExhausted { bytes, align, free, largest, heap: len } = heap.alloc(layout, true).unwrap_err()
        else {
            panic!("another error")
        };
        assert_eq!((bytes, align), (layout.size(), layout.align()));
        assert_eq!((free, largest, len), (4 * BLOCK, 4 * BLOCK, 4 * BLOCK));
    }
    assert_eq!(heap.live(), (0, 0));
    let all = bytes_of(4 * BLOCK);
    let ptr = heap.alloc(all, false).expect("refusals take nothing");
    free(&heap, ptr, all);
}

#[test]
fn a_layout_of_size_zero_works() {
    let heap = heap(BLOCK, FREE_ALL);
    for align in [1, 64, PAGE, BLOCK] {
        let empty = layout(0, align);
        let (a, b) = (heap.alloc(empty, true).unwrap(), heap.alloc(layout(0, 1), true).unwrap());
        assert!(a.addr().get().is_multiple_of(align) && a != b);
        assert_eq!(heap.live(), (2, 0));
        free(&heap, a, empty);
        free(&heap, b, layout(0, 1));
    }
    assert_eq!(heap.live(), (0, 0));
}

#[test]
fn a_huge_heap_gives_many_gigabytes_and_single_bytes() {
    let tebibyte = 1 << 40;
    let heap = heap(tebibyte, HeapOptions { segment: 2 << 30, ..FREE_ALL });
    let (huge, one) = (layout(300 << 30, BLOCK), bytes_of(1));
    let (a, b) = (heap.alloc(huge, true).unwrap(), heap.alloc(one, true).unwrap());
    for offset in [0, huge.size() - 1] {
        fill(&heap, a, 3, offset..offset + 1);
    }
    assert_eq!(content(&heap, b, 1), [0]);
    assert_eq!(heap.live(), (2, huge.size() + 1));
    free(&heap, a, huge);
    free(&heap, b, one);
    assert_eq!((heap.live(), heap.free_bytes()), ((0, 0), tebibyte - PAGE));
    heap.trim();
    assert_eq!((heap.largest_free(), heap.mapping().resident()), (tebibyte, 0));
}

#[test]
fn addresses_are_placed_in_their_segments() {
    let heap = heap(5 * BLOCK, HeapOptions { segment: 2 * BLOCK, ..FREE_ALL });
    let span = heap.span();
    assert_eq!((span.start, span.len()), (heap.mapping().user_base() as u64, heap.len() as u64));
    let block = BLOCK as u64;
    let segments = [(0, 0), (2 * block - 1, 0), (2 * block, 1), (4 * block, 2), (5 * block - 1, 2)];
    for (offset, segment) in segments {
        assert_eq!(heap.segment_of(span.start + offset), Some(segment));
    }
    assert_eq!((heap.segment_of(span.start - 1), heap.segment_of(span.end)), (None, None));
    assert!(heap.contains(span) && heap.contains(Span { start: span.end - 1, end: span.end }));
    assert!(!heap.contains(Span { start: span.start, end: span.end + 1 }));
    assert!(!heap.contains(Span { start: span.start - 1, end: span.start }));
}

#[test]
fn without_crossing_every_allocation_lies_in_one_segment() {
    let heap = heap(4 * BLOCK, HeapOptions { segment: 2 * BLOCK, cross_segments: false, ..FREE_ALL });
    let refused = heap.alloc(bytes_of(2 * BLOCK + 1), false).unwrap_err();
    assert_eq!(refused, Error::SegmentExceeded { bytes: 2 * BLOCK + 1, segment: 2 * BLOCK });
    assert!(matches!(heap.alloc(bytes_of(5 * BLOCK), false).unwrap_err(), Error::HeapExhausted { .. }));
    // 24 of a segment's 64 pages: the third of them would cross.
    let layout = bytes_of(24 * PAGE);
    let found: Vec<_> = (0..4).map(|_| heap.alloc(layout, false).unwrap().addr().get() as u64).collect();
    for &start in &found {
        assert_eq!(heap.segment_of(start), heap.segment_of(start + layout.size() as u64 - 1));
    }
    let Error::HeapExhausted { free, largest, .. } = heap.alloc(layout, false).unwrap_err() else { panic!() };
    assert_eq!((free, largest), (32 * PAGE, 16 * PAGE));
}

#[test]
fn growing_does_not_cross_a_segment() {
    let heap = heap(2 * BLOCK, HeapOptions { cross_segments: false, ..FREE_ALL });
    let (old, new) = (bytes_of(BLOCK), bytes_of(BLOCK + PAGE));
    let ptr = heap.alloc(old, false).unwrap();
    assert_eq!(heap.segment_of(ptr.addr().get() as u64), Some(0));
    assert!(!grow(&heap, ptr, old, new, false));
}

#[test]
fn an_exhausted_heap_reports_it_and_recovers() {
    let heap = heap(BLOCK, FREE_ALL);
    let page = bytes_of(PAGE);
    let mut held: Vec<_> = std::iter::from_fn(|| heap.alloc(page, false).ok()).collect();
    assert_eq!(held.len(), BLOCK / PAGE);
    let exhausted = Error::HeapExhausted { bytes: 8, align: 8, free: 0, largest: 0, heap: BLOCK };
    assert_eq!(heap.alloc(layout(8, 8), false), Err(exhausted));
    free(&heap, held.pop().unwrap(), page);
    let small = heap.alloc(layout(8, 8), false).unwrap();
    assert!(heap.alloc(page, false).is_err());
    // Its slab is kept, empty, and given up as soon as the page is needed.
    free(&heap, small, layout(8, 8));
    assert_eq!(heap.free_bytes(), 0);
    held.push(heap.alloc(page, false).unwrap());
    for ptr in held {
        free(&heap, ptr, page);
    }
    assert_eq!((heap.free_bytes(), heap.largest_free()), (BLOCK, BLOCK));
}

#[test]
fn large_allocations_share_no_page_and_small_ones_do() {
    let heap = heap(4 * BLOCK, FREE_ALL);
    let small: Vec<_> = (0..100).map(|_| heap.alloc(bytes_of(100), false).unwrap()).collect();
    assert!(small.iter().all(|ptr| first_page(*ptr) == first_page(small[0])));
    let large: Vec<_> =
        [PAGE, PAGE + 1, 33 << 10, 3 * PAGE].map(|size| heap.alloc(bytes_of(size), false).unwrap()).into();
    for ptr in &large {
        assert!(ptr.addr().get().is_multiple_of(PAGE));
    }
    let pages: std::collections::HashSet<_> = large.iter().chain([&small[0]]).map(|ptr| first_page(*ptr)).collect();
    assert_eq!(pages.len(), 5);
}

#[test]
fn freed_pages_go_back_to_the_system() {
    for backing in [Backing::Memfd, Backing::Anonymous] {
        let heap = heap_on(backing, 8 * BLOCK, FREE_ALL);
        let large = bytes_of(4 * BLOCK);
        let ptr = heap.alloc(large, true).unwrap();
        assert_eq!(heap.mapping().resident(), 0, "allocating zeros touches nothing");
        fill(&heap, ptr, 1, 0..large.size());
        assert_eq!(heap.mapping().resident(), large.size());
        free(&heap, ptr, large);
        assert_eq!(heap.mapping().resident(), 0);

        // Of small allocations' pages at most one a size class stays.
        let small = bytes_of(1000);
        let held: Vec<_> = (0..1000).map(|_| heap.alloc(small, true).unwrap()).collect();
        assert!(heap.mapping().resident() > 10 * PAGE);
        for ptr in held {
            free(&heap, ptr, small);
        }
        assert!(heap.mapping().resident() <= PAGE);
        heap.trim();
        assert_eq!((heap.mapping().resident(), heap.free_bytes()), (0, heap.len()));
    }
}

#[test]
fn pinned_pages_keep_their_memory_and_are_zeroed_on_demand() {
    let heap = heap(2 * BLOCK, HeapOptions { release_pages: false, ..FREE_ALL });
    let all = bytes_of(2 * BLOCK);
    let ptr = heap.alloc(all, false).unwrap();
    fill(&heap, ptr, 7, 5 * PAGE..9 * PAGE);
    free(&heap, ptr, all);
    assert_eq!(heap.mapping().resident(), 4 * PAGE, "no hole was punched");
    let again = heap.alloc(all, false).unwrap();
    assert!(content(&heap, again, all.size()).contains(&7), "otherwise zeroing would prove nothing");
    free(&heap, again, all);
    heap.mapping().revoke(true);
    let zeroed = heap.alloc(all, true).unwrap();
    assert!(content(&heap, zeroed, all.size()).iter().all(|byte| *byte == 0));
    heap.mapping().revoke(false);
}

#[test]
fn pages_that_the_system_does_not_take_back_are_zeroed_on_demand() {
    let heap = heap_on(Backing::Anonymous, BLOCK, FREE_ALL);
    let all = bytes_of(BLOCK);
    let ptr = heap.alloc(all, false).unwrap();
    fill(&heap, ptr, 7, 0..BLOCK);
    heap.mapping().lock_in_memory(3 * PAGE);
    free(&heap, ptr, all);
    let again = heap.alloc(all, false).unwrap();
    assert!(content(&heap, again, BLOCK)[3 * PAGE] == 7, "otherwise zeroing would prove nothing");
    free(&heap, again, all);
    let zeroed = heap.alloc(all, true).unwrap();
    assert!(content(&heap, zeroed, BLOCK).iter().all(|byte| *byte == 0));
}

#[test]
fn reused_slots_are_zeroed_on_demand() {
    let heap = heap(BLOCK, FREE_ALL);
    for size in [1, 16, 100, 4096, 32 << 10] {
        let ptr = heap.alloc(bytes_of(size), false).unwrap();
        fill(&heap, ptr, 7, 0..size);
        free(&heap, ptr, bytes_of(size));
        let dirty = heap.alloc(bytes_of(size), false).unwrap();
        assert_eq!(content(&heap, dirty, size), vec![7; size], "otherwise zeroing would prove nothing");
        free(&heap, dirty, bytes_of(size));
        let zeroed = heap.alloc(bytes_of(size), true).unwrap();
        assert_eq!(content(&heap, zeroed, size), vec![0; size]);
        free(&heap, zeroed, bytes_of(size));
    }
}

#[test]
fn large_allocations_grow_into_free_pages_behind_them() {
    let heap = heap(4 * BLOCK, HeapOptions { release_pages: false, ..FREE_ALL });
    // Leaves old bytes everywhere.
    let all = bytes_of(4 * BLOCK);
    let ptr = heap.alloc(all, false).unwrap();
    fill(&heap, ptr, 9, 0..all.size());
    free(&heap, ptr, all);

    let (old, new) = (bytes_of(PAGE + 10), bytes_of(BLOCK - 5));
    let ptr = heap.alloc(old, true).unwrap();
    fill(&heap, ptr, 1, 0..old.size());
    assert!(grow(&heap, ptr, old, new, true));
    let bytes = content(&heap, ptr, new.size());
    assert!(bytes[..old.size()].iter().all(|byte| *byte == 1) && bytes[old.size()..].iter().all(|byte| *byte == 0));
    assert_eq!(heap.live(), (1, new.size()));

    let wall = heap.alloc(bytes_of(1), false).unwrap();
    assert_eq!(first_page(wall), first_page(ptr) + BLOCK / PAGE);
    assert!(!grow(&heap, ptr, new, bytes_of(BLOCK + 1), false), "the next page is taken");
    assert!(grow(&heap, ptr, new, bytes_of(BLOCK), false), "the last page has room");
    let more_aligned = layout(BLOCK, 2 << ptr.addr().get().trailing_zeros());
    assert!(!grow(&heap, ptr, bytes_of(BLOCK), more_aligned, false));
    assert!(!shrink(&heap, ptr, bytes_of(BLOCK), more_aligned));
    assert_eq!(heap.live(), (2, BLOCK + 1));
}

#[test]
fn small_allocations_grow_within_their_slot() {
    let heap = heap(BLOCK, FREE_ALL);
    let old = bytes_of(130);
    let ptr = heap.alloc(old, false).unwrap();
    fill(&heap, ptr, 9, 0..160);
    assert!(grow(&heap, ptr, old, bytes_of(160), true));
    assert_eq!(content(&heap, ptr, 160)[130..], [0; 30]);
    assert_eq!(heap.live(), (1, 160));
    assert!(!grow(&heap, ptr, bytes_of(160), bytes_of(161), false));
    assert_eq!(heap.live(), (1, 160));
    free(&heap, ptr, bytes_of(160));
    assert_eq!(heap.live(), (0, 0));
}

#[test]
fn shrinking_gives_whole_pages_back_and_advises_moves() {
    let heap = heap(2 * BLOCK, FREE_ALL);
    let (old, new) = (bytes_of(BLOCK), bytes_of(2 * PAGE + 1));
    let ptr = heap.alloc(old, true).unwrap();
    fill(&heap, ptr, 1, 0..BLOCK);
    assert!(!heap.worth_moving(ptr, new));
    assert!(shrink(&heap, ptr, old, new));
    assert_eq!((heap.live(), heap.free_bytes()), ((1, new.size()), 2 * BLOCK - 3 * PAGE));
    assert_eq!(heap.mapping().resident(), 3 * PAGE);
    assert_eq!(content(&heap, ptr, new.size()), vec![1; new.size()]);

    // A few bytes left of it: worth a slot, but staying is possible too.
    assert!(heap.worth_moving(ptr, bytes_of(100)));
    assert!(shrink(&heap, ptr, new, bytes_of(100)));
    assert_eq!((heap.live(), heap.free_bytes()), ((1, 100), 2 * BLOCK - PAGE));
    free(&heap, ptr, bytes_of(100));

    let ptr = heap.alloc(bytes_of(1000), false).unwrap();
    assert!(!heap.worth_moving(ptr, bytes_of(900)) && heap.worth_moving(ptr, bytes_of(512)));
    assert!(shrink(&heap, ptr, bytes_of(1000), bytes_of(512)));
    free(&heap, ptr, bytes_of(512));
    assert_eq!(heap.live(), (0, 0));
}

/// Runs the named test in a process of its own, where `MISUSE` is set to `case`, and returns how it ended.
fn in_a_child(test: &str, case: &str) -> std::process::Output {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", &format!("heap::allocator::tests::{test}"), "--nocapture"]).env("MISUSE", case);
    bounded(move || child.output().unwrap())
}

#[test]
fn misuse_aborts_with_a_message() {
    use std::os::unix::process::ExitStatusExt;
    let (small, large) = (bytes_of(40), bytes_of(3 * PAGE));
    let Ok(case) = std::env::var("MISUSE") else {
        for case in ["small twice", "large twice", "inside small", "inside large", "foreign", "never", "emptied"] {
            let child = in_a_child("misuse_aborts_with_a_message", case);
            let said = String::from_utf8_lossy(&child.stderr);
            assert_eq!(child.status.signal(), Some(6), "{case}: {} {said}", child.status);
            assert!(said.contains("which is not the start of a live allocation"), "{case}: {said}");
        }
        let fine = in_a_child("misuse_aborts_with_a_message", "none");
        assert!(fine.status.success(), "the child itself fails: {}", String::from_utf8_lossy(&fine.stderr));
        return;
    };
    let heap = heap(4 * BLOCK, FREE_ALL);
    let [s, l] = [small, large].map(|layout| heap.alloc(layout, false).unwrap());
    match case.as_str() {
        "small twice" => [s, s].map(|ptr| free(&heap, ptr, small)),
        "large twice" => [l, l].map(|ptr| free(&heap, ptr, large)),
        "inside small" => [s, s.map_addr(|at| at | 8)].map(|ptr| free(&heap, ptr, small)),
        "inside large" => [l, l.map_addr(|at| at | PAGE)].map(|ptr| free(&heap, ptr, large)),
        "foreign" => [NonNull::from(&mut 1_u8); 2].map(|ptr| free(&heap, ptr, small)),
        "never" => [heap.mapping().user(2 * BLOCK); 2].map(|ptr| free(&heap, ptr, small)),
        "emptied" => {
            free(&heap, s, small);
            heap.trim();
            [s; 2].map(|ptr| free(&heap, ptr, small))
        }
        _ => [(); 2],
    };
}
