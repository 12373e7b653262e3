//! Law 4: pages that were freed, moved or never revoked are normal cases for a fault.

use crate::{
    discrete::{
        Mode,
        kernels::Put,
        rig::{Rig, Stop, WORDS, in_modes},
    },
    harness::Ignored,
};
use libtest_mimic::Trial;
use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
};
use vksvm::SvmVec;

pub fn tests() -> Vec<Trial> {
    in_modes![
        pages_that_only_the_library_touched,
        dozens_of_threads_on_one_page,
        dozens_of_threads_on_many_pages,
        freed_beside_threads_that_wait,
    ]
    .into()
}

/// The program's first touch of pages that the device or the allocator has filled.
fn pages_that_only_the_library_touched(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let mut v = rig.svm.zeroed::<u32>(5 * WORDS);
    let mut model = vec![0; v.len()];
    // A page in two, the others not at all.
    rig.put(&mut v, &mut model, [3, 2 * WORDS as u32], 1);
    rig.program_sees(&v, &model, "the program's first touch");
    // Slots that were used are zeroed by the library.
    for round in 0..20 {
        let mut slots: Vec<SvmVec<u32>> = (0..50).map(|_| rig.svm.zeroed(100)).collect();
        let zero = |slots: &[SvmVec<u32>]| slots.iter().all(|slot| slot.iter().all(|word| *word == 0));
        assert!(zero(&slots), "{}, round {round}", mode.name);
        slots.iter_mut().for_each(|slot| slot.fill(round + 1));
        rig.put(&mut slots[7], &mut [0; 100], [0, 1], round);
    }
    Ok(())
}

/// Threads that fault at once.
const THREADS: usize = 48;

/// Every thread has a word in a page that launches have, too.
fn dozens_of_threads_on_one_page(mode: &'static Mode) -> Result<(), Ignored> {
    threads(mode, 1)
}

fn dozens_of_threads_on_many_pages(mode: &'static Mode) -> Result<(), Ignored> {
    threads(mode, WORDS)
}

/// Words `distance` apart, each a thread's; launches have what lies before the first and after the last.
fn threads(mode: &'static Mode, distance: usize) -> Result<(), Ignored> {
    const ROUNDS: u32 = 12;
    let rig = Rig::open(mode)?;
    let len = THREADS * distance + 2 * 1000;
    let mut v = rig.svm.zeroed::<u32>(len);
    let (head, rest) = v.split_at_mut(1000);
    let (mine, tail) = rest.split_at_mut(THREADS * distance);
    let (mut of_head, mut of_tail) = (vec![0; 1000], vec![0; 1000]);
    let barrier = Barrier::new(THREADS + 1);
    thread::scope(|t| {
        for (index, own) in mine.chunks_mut(distance).enumerate() {
            let barrier = &barrier;
            t.spawn(move || {
                for round in 0..ROUNDS {
                    barrier.wait();
                    let word = &mut own[distance / 2];
                    assert_eq!(*word, round * (index as u32 + 1), "{}, thread {index}", mode.name);
                    *word += index as u32 + 1;
                }
            });
        }
        for round in 0..ROUNDS {
            // The page is with the device, then all come.
            rig.put(head, &mut of_head, [0, 2], round);
            barrier.wait();
            rig.put(tail, &mut of_tail, [1, 3], round);
        }
    });
    rig.program_sees(&v[..1000], &of_head, "the launches' first words");
    rig.program_sees(&v[len - 1000..], &of_tail, "the launches' last words");
    for index in 0..THREADS {
        let at = 1000 + index * distance + distance / 2;
        assert_eq!(v[at], ROUNDS * (index as u32 + 1), "{}, thread {index}", mode.name);
    }
    Ok(())
}

/// Small allocations come and go on pages that launches use and that threads wait for.
fn freed_beside_threads_that_wait(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let stop = AtomicBool::new(false);
    thread::scope(|t| {
        for index in 1..=3u32 {
            let (rig, stop) = (&rig, &stop);
            t.spawn(move || {
                let mut kept: SvmVec<u32> = rig.svm.vec([0; 20]);
                for round in 1.. {
                    let brief: SvmVec<u32> = rig.svm.zeroed(20);
                    assert!(brief.iter().all(|word| *word == 0), "{}, thread {index}", mode.name);
                    assert!(kept.iter().all(|word| *word == (round - 1) * index), "{}, thread {index}", mode.name);
                    kept.fill(round * index);
                    if stop.load(SeqCst) {
                        break;
                    }
                }
            });
        }
        let _stop = Stop(&stop);
        for seed in 0..100 {
            let buffer = rig.svm.zeroed::<u32>(20);
            let put = rig.kernels.put.launch_owned(20u32, buffer, |s, to| Put {
                to: s.write(to),
                n: 20,
                first: 0,
                step: 1,
                seed,
                rounds: 2000,
            });
            drop(put.unwrap_or_else(|error| panic!("{}: {error}", mode.name)));
        }
    });
    Ok(())
}
