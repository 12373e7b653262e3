//! What is copied in comes out again, from where shaders find it, and nothing beside it changes.

use super::pages::{Kernels, Pages, Run, copy_in, copy_out, opened};
use crate::harness::tests;
use std::thread;
use vksvm::{
    PAGE,
    seam::{Opened, OpenedMemory, Way},
};

tests![
    random_parts_come_back_and_neighbours_stay,
    launches_find_slots_where_their_addresses_say,
    longer_copies_than_fit_the_staging_memory,
    chunks_grow_up_to_what_was_asked_for,
    several_threads_copy_at_once,
    nothing_to_copy,
];

const WAYS: [Way; 2] = [Way::Mapped, Way::Staged];

/// Slots in a chunk.
const CHUNK: u32 = ((64 << 20) / PAGE) as u32;

/// Memory of two chunks, the second a short one.
pub fn two_chunks(opened: &Opened, way: Way) -> OpenedMemory {
    let memory = opened.memory(CHUNK + 96, way).unwrap_or_else(|error| panic!("{way:?}: {error}"));
    assert_eq!(memory.is_mapped(), way == Way::Mapped);
    assert_eq!(memory.grow(), Ok(Some(0..CHUNK)));
    assert_eq!(memory.grow(), Ok(Some(CHUNK..CHUNK + 96)));
    memory
}

/// Slots around the border of the chunks, on which these tests work: 96 on each side.
const NEAR: std::ops::Range<u32> = CHUNK - 96..CHUNK + 96;

/// Cuts pages of `NEAR` into runs that lie in one chunk each, and leaves some out.
fn runs(rng: &mut fastrand::Rng) -> Vec<Run> {
    let (mut runs, mut slot, mut page) = (vec![], NEAR.start, 0);
    while slot < NEAR.end {
        let chunk_end = if slot < CHUNK { CHUNK } else { NEAR.end };
        let pages = rng.u32(1..=20).min(chunk_end - slot);
        if rng.u32(0..4) > 0 {
            runs.push((page, slot, pages));
            page += pages as usize;
        }
        slot += pages;
    }
    rng.shuffle(&mut runs);
    runs
}

fn random_parts_come_back_and_neighbours_stay() {
    let opened = opened();
    for way in WAYS {
        let memory = two_chunks(&opened, way);
        let border = (NEAR.len() / 2, CHUNK, 96);
        let all: [Run; 2] = [(0, NEAR.start, 96), border];
        let mut rng = fastrand::Rng::with_seed(7);
        // What each slot should hold.
        let poison = Pages::noise(NEAR.len(), 1);
        copy_in(&memory, &poison, &all).expect("in");
        let mut model: Vec<Vec<u8>> = (0..NEAR.len()).map(|page| poison.page(page).to_vec()).collect();
        for round in 0..12 {
            let host = Pages::noise(NEAR.len(), 100 + round);
            let runs = runs(&mut rng);
            copy_in(&memory, &host, &runs).expect("in");
            for (page, slot, pages) in runs {
                for i in 0..pages as usize {
                    model[(slot - NEAR.start) as usize + i] = host.page(page + i).to_vec();
                }
            }
            let filler = Pages::noise(NEAR.len(), 200 + round);
            let mut back = Pages::noise(NEAR.len(), 200 + round);
            let runs = self::runs(&mut rng);
            copy_out(&memory, &mut back, &runs).expect("out");
            let mut expected: Vec<Vec<u8>> = (0..NEAR.len()).map(|page| filler.page(page).to_vec()).collect();
            for (page, slot, pages) in runs {
                for i in 0..pages as usize {
                    expected[page + i] = model[(slot - NEAR.start) as usize + i].clone();
                }
            }
            for (page, expected) in expected.iter().enumerate() {
                assert!(back.page(page) == expected, "{way:?}, round {round}: host page {page}");
            }
        }
        let mut back = Pages::new(NEAR.len());
        copy_out(&memory, &mut back, &all).expect("out");
        for (page, expected) in model.iter().enumerate() {
            assert!(back.page(page) == expected, "{way:?}: slot {} at the end", NEAR.start as usize + page);
        }
    }
}

fn launches_find_slots_where_their_addresses_say() {
    let opened = opened();
    let kernels = Kernels::load(&opened).expect("kernels");
    let words = (PAGE / 4) as u32;
    for way in WAYS {
        let memory = two_chunks(&opened, way);
        let slots = [0, 1, 17, CHUNK - 1, CHUNK, CHUNK + 95];
        for slot in slots {
            assert!(memory.address(slot).is_multiple_of(16), "slot {slot} at {:#x}", memory.address(slot));
        }
        assert_eq!(memory.address(17) - memory.address(0), 17 * PAGE as u64);
        // The host sees what a launch wrote.
        let mut host = Pages::noise(slots.len(), 3);
        let runs: Vec<Run> = slots.iter().enumerate().map(|(page, slot)| (page, *slot, 1)).collect();
        copy_in(&memory, &host, &runs).expect("in");
        for round in 0..8 {
            let mut last = 0;
            for slot in slots {
                last = kernels.fill(memory.address(slot), words, slot + round).expect("launch");
            }
            kernels.wait(last).expect("wait");
            copy_out(&memory, &mut host, &runs).expect("out");
            for (page, slot) in slots.iter().enumerate() {
                let found = &host.words()[page * words as usize..][..words as usize];
                let wrong = found.iter().zip(slot + round..).position(|(found, expected)| *found != expected);
                assert_eq!(wrong, None, "{way:?}, round {round}: slot {slot}");
            }
            // A launch sees what the host wrote, in the same slots, and the host what came of both.
            let mut more = Pages::noise(slots.len(), u64::from(30 + round));
            copy_in(&memory, &more, &runs[..3]).expect("in");
            for i in 0..3 {
                last = kernels.add(memory.address(slots[i]), memory.address(slots[i + 3]), words).expect("launch");
            }
            kernels.wait(last).expect("wait");
            copy_out(&memory, &mut host, &runs).expect("out");
            for i in 0..3 {
                let (x, y) = (i * words as usize, (i + 3) * words as usize);
                for at in 0..words as usize {
                    let sum = more.words()[x + at].wrapping_add(slots[i + 3] + round + at as u32);
                    assert_eq!(host.words()[y + at], sum, "{way:?}, round {round}: slot {} word {at}", slots[i + 3]);
                }
            }
        }
    }
}

fn longer_copies_than_fit_the_staging_memory() {
    let opened = opened();
    let memory = two_chunks(&opened, Way::Staged);
    let host = Pages::noise(CHUNK as usize + 90, 5);
    let all: [Run; 3] = [(0, 1, 600), (600, 601, CHUNK - 601), (CHUNK as usize - 1, CHUNK, 91)];
    copy_in(&memory, &host, &all).expect("in");
    let mut back = Pages::new(CHUNK as usize + 90);
    copy_out(&memory, &mut back, &all).expect("out");
    assert!(back.bytes() == host.bytes());
}

fn chunks_grow_up_to_what_was_asked_for() {
    let opened = opened();
    for way in [Way::Auto, Way::Mapped, Way::Staged] {
        let memory = opened.memory(3, way).expect("memory");
        assert_eq!((memory.slots(), memory.grow(), memory.grow()), (3, Ok(Some(0..3)), Ok(None)));
        let memory = opened.memory(CHUNK, way).expect("memory");
        assert_eq!((memory.grow(), memory.grow()), (Ok(Some(0..CHUNK)), Ok(None)));
        let memory = opened.memory(CHUNK + 1, way).expect("memory");
        let grown = [memory.grow(), memory.grow(), memory.grow()];
        assert_eq!(grown, [Ok(Some(0..CHUNK)), Ok(Some(CHUNK..CHUNK + 1)), Ok(None)]);
        let memory = opened.memory(0, way).expect("no memory");
        assert_eq!((memory.slots(), memory.grow()), (0, Ok(None)));
    }
}

fn several_threads_copy_at_once() {
    const THREADS: u32 = 6;
    const PAGES: u32 = 200;
    let opened = opened();
    for way in WAYS {
        let memory = opened.memory(THREADS * PAGES, way).expect("memory");
        while memory.grow().expect("grow").is_some() {}
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let memory = &memory;
                scope.spawn(move || {
                    for round in 0..6 {
                        let host = Pages::noise(PAGES as usize, u64::from(thread * 100 + round));
                        let first = thread * PAGES;
                        // The border of the chunks lies in one thread's slots.
                        let cut = CHUNK.clamp(first, first + PAGES) - first;
                        let runs: [Run; 2] = [(0, first, cut), (cut as usize, first + cut, PAGES - cut)];
                        let runs: Vec<Run> = runs.into_iter().filter(|(_, _, pages)| *pages > 0).collect();
                        copy_in(memory, &host, &runs).expect("in");
                        let mut back = Pages::new(PAGES as usize);
                        copy_out(memory, &mut back, &runs).expect("out");
                        assert!(back.bytes() == host.bytes(), "{way:?}: thread {thread}, round {round}");
                    }
                });
            }
        });
    }
}

fn nothing_to_copy() {
    let opened = opened();
    for way in WAYS {
        let memory = two_chunks(&opened, way);
        let mut host = Pages::noise(2, 9);
        copy_in(&memory, &host, &[]).expect("in");
        copy_out(&memory, &mut host, &[]).expect("out");
        copy_in(&memory, &host, &[(0, 5, 0), (0, 6, 1), (0, 7, 0)]).expect("in");
        copy_out(&memory, &mut host, &[(1, 6, 0), (1, 6, 1)]).expect("out");
        assert!(host.page(0) == host.page(1));
    }
}
