//! Random programs against a plain model: a list of what should be live, and what each byte of it should hold.

use super::*;
use proptest::prelude::*;

const LEN: usize = 6 * BLOCK;
const SEGMENT: usize = 2 * BLOCK;

#[derive(Clone, Debug)]
enum Step {
    Alloc { layout: Layout, zeroed: bool },
    Free { which: usize },
    Grow { which: usize, by: usize, zeroed: bool },
    Shrink { which: usize, to: usize },
    Trim,
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 0..300_usize,
        3 => 300..40_000_usize,
        3 => 40_000..400_000_usize,
        1 => 400_000..3_000_000_usize,
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let align = prop_oneof![6 => 0..5_u32, 2 => 5..13_u32, 1 => 13..=21_u32].prop_map(|bits| 1_usize << bits);
    prop_oneof![
        6 => (sizes(), align, any::<bool>()).prop_map(|(size, align, zeroed)| Step::Alloc {
            layout: layout(size, align),
            zeroed
        }),
        4 => any::<usize>().prop_map(|which| Step::Free { which }),
        2 => (any::<usize>(), sizes(), any::<bool>()).prop_map(|(which, by, zeroed)| Step::Grow { which, by, zeroed }),
        1 => (any::<usize>(), sizes()).prop_map(|(which, to)| Step::Shrink { which, to }),
        1 => Just(Step::Trim),
    ]
}

/// A live allocation: where, how large, and the byte that fills it.
#[derive(Clone, Copy, Debug)]
struct Live {
    ptr: NonNull<u8>,
    layout: Layout,
    value: u8,
}

impl Live {
    /// The addresses that nobody else may use: whole pages for what must not share them.
    fn range(&self) -> Range<usize> {
        let (start, size) = (self.ptr.addr().get(), self.layout.size());
        if size >= PAGE { start / PAGE * PAGE..(start + size).next_multiple_of(PAGE) } else { start..start + size }
    }
}

/// Checks what must hold for `new`, with the other allocations in `live`.
fn check_place(heap: &Heap, live: &[Live], new: &Live) -> Result<(), TestCaseError> {
    let range = new.range();
    prop_assert!(new.ptr.addr().get().is_multiple_of(new.layout.align()), "{:?} is not aligned", new);
    prop_assert!(heap.contains(Span { start: range.start as u64, end: range.end as u64 }), "{:?} is outside", new);
    for other in live {
        let theirs = other.range();
        prop_assert!(
            range.end <= theirs.start || theirs.end <= range.start || range.is_empty() || theirs.is_empty(),
            "{:?} and {:?} overlap",
            new,
            other
        );
        prop_assert_ne!(new.ptr, other.ptr);
    }
    if !heap.options.cross_segments && !range.is_empty() {
        let segment = |address: usize| heap.segment_of(address as u64);
        prop_assert_eq!(segment(range.start), segment(range.end - 1), "{:?} crosses a segment", new);
    }
    Ok(())
}

fn check_content(heap: &Heap, one: &Live, bytes: Range<usize>, value: u8) -> Result<(), TestCaseError> {
    let content = content(heap, one.ptr, bytes.end);
    let wrong = content[bytes.clone()].iter().position(|byte| *byte != value);
    prop_assert_eq!(wrong, None, "{:?}: not all of {:?} is {}", one, bytes, value);
    Ok(())
}

fn run(backing: Backing, options: HeapOptions, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let heap = heap_on(backing, LEN, options);
    // Rule 4 of ARCHITECTURE.md: whatever touches the user view from here on is killed. Content is written and read through the other.
    heap.mapping().revoke(backing == Backing::Memfd);
    let mut live: Vec<Live> = Vec::new();
    for (number, step) in steps.into_iter().enumerate() {
        let value = number as u8 | 1;
        match step {
            Step::Alloc { layout, zeroed } => match heap.alloc(layout, zeroed) {
                Ok(ptr) => {
                    let new = Live { ptr, layout, value };
                    check_place(&heap, &live, &new)?;
                    if zeroed {
                        check_content(&heap, &new, 0..layout.size(), 0)?;
                    }
                    fill(&heap, ptr, value, 0..layout.size());
                    live.push(new);
                }
                Err(Error::SegmentExceeded { .. }) => {
                    prop_assert!(!options.cross_segments && layout.size() > SEGMENT)
                }
                Err(Error::HeapExhausted { largest, .. }) if layout.align() <= PAGE => {
                    prop_assert!(largest < layout.size().next_multiple_of(PAGE).max(1), "refused {:?}", layout)
                }
                Err(Error::HeapExhausted { .. }) => {}
                Err(other) => prop_assert!(false, "{}", other),
            },
            Step::Free { which } if !live.is_empty() => {
                let gone = live.swap_remove(which % live.len());
                check_content(&heap, &gone, 0..gone.layout.size(), gone.value)?;
                free(&heap, gone.ptr, gone.layout);
            }
            Step::Grow { which, by, zeroed } if !live.is_empty() => {
                let index = which % live.len();
                let old = live.swap_remove(index);
                let mut new = Live { layout: layout(old.layout.size() + by, old.layout.align()), ..old };
                if grow(&heap, old.ptr, old.layout, new.layout, zeroed) {
                    check_place(&heap, &live, &new)?;
                    check_content(&heap, &new, 0..old.layout.size(), old.value)?;
                    if zeroed {
                        check_content(&heap, &new, old.layout.size()..new.layout.size(), 0)?;
                    }
                    fill(&heap, new.ptr, value, 0..new.layout.size());
                    new.value = value;
                    live.push(new);
                } else {
                    live.push(old);
                }
            }
            Step::Shrink { which, to } if !live.is_empty() => {
                let index = which % live.len();
                let one = &mut live[index];
                let new = layout(one.layout.size().min(to), one.layout.align());
                prop_assert!(shrink(&heap, one.ptr, one.layout, new));
                one.layout = new;
                check_content(&heap, one, 0..new.size(), one.value)?;
            }
            Step::Trim => heap.trim(),
            Step::Free { .. } | Step::Grow { .. } | Step::Shrink { .. } => {}
        }
        let bytes = live.iter().map(|one| one.layout.size()).sum();
        prop_assert_eq!(heap.live(), (live.len(), bytes));
    }
    for gone in live {
        check_content(&heap, &gone, 0..gone.layout.size(), gone.value)?;
        free(&heap, gone.ptr, gone.layout);
    }
    heap.trim();
    prop_assert_eq!((heap.live(), heap.free_bytes()), ((0, 0), LEN));
    prop_assert_eq!(heap.largest_free(), if options.cross_segments { LEN } else { SEGMENT });
    if options.release_pages {
        prop_assert_eq!(heap.mapping().resident(), 0, "untouched again");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn random_programs_agree_with_the_model(
        steps in proptest::collection::vec(step(), 1..120),
        anonymous in any::<bool>(),
        cross_segments in any::<bool>(),
        release_pages in any::<bool>(),
    ) {
        let backing = if anonymous { Backing::Anonymous } else { Backing::Memfd };
        run(backing, HeapOptions { segment: SEGMENT, cross_segments, release_pages }, steps)?;
    }
}
