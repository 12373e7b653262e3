//! Law 9: allocating and freeing never touch the user view, and a page that was freed whole is as new.
//!
//! # Safety
//! Raw allocations are freed once, with the layout that they were made with, and read inside it.
#![allow(unsafe_code)]

use crate::{
    discrete::{
        Mode,
        rig::{Rig, WORDS, in_modes},
    },
    harness::{Ignored, needs_cpu_device},
};
use allocator_api2::alloc::Allocator;
use libtest_mimic::Trial;
use std::{alloc::Layout, ptr::NonNull};
use vksvm::{PAGE, SvmVec};

pub fn tests() -> Vec<Trial> {
    in_modes![with_everything_on_the_device, beside_a_launch_that_has_the_page, freed_pages_read_zero].into()
}

/// A small heap, all of which fits into device memory.
const SMALL: u64 = 8 << 20;

/// Every page in use is with the device while memory comes and goes.
fn with_everything_on_the_device(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::of(mode, mode.builder(SMALL, 2 * SMALL))?;
    let mut large: Vec<SvmVec<u32>> = (0..10).map(|_| rig.svm.zeroed(7 * WORDS)).collect();
    let mut small: Vec<SvmVec<u32>> = (0..200).map(|i| rig.svm.zeroed(1 + i * 5)).collect();
    for v in large.iter_mut().chain(&mut small) {
        let mut model = vec![0; v.len()];
        rig.put(v, &mut model, [0, 2], 1);
    }
    let before = rig.stats();
    let alloc = rig.svm.alloc();
    let mut live: Vec<(NonNull<u8>, Layout)> = vec![];
    for round in 0..3000_usize {
        let size = [1, 30, 500, 4000, 20_000, PAGE, 3 * PAGE][round % 7];
        let layout = Layout::from_size_align(size, 8).expect("a layout");
        match alloc.allocate(layout) {
            Ok(piece) => live.push((piece.cast(), layout)),
            Err(_) => {
                for (piece, layout) in live.drain(..) {
                    // SAFETY: allocated here, freed once.
                    unsafe { alloc.deallocate(piece, layout) };
                }
            }
        }
        if round % 3 == 0 && !live.is_empty() {
            let (piece, layout) = live.swap_remove(round * 7 % live.len());
            // SAFETY: allocated here, freed once.
            unsafe { alloc.deallocate(piece, layout) };
        }
        if round % 100 == 0 {
            // Allocations that the device has written, in the middle of the others.
            small.pop();
        }
    }
    for (piece, layout) in live {
        // SAFETY: allocated here, freed once.
        unsafe { alloc.deallocate(piece, layout) };
    }
    drop((large, small));
    assert_eq!(rig.stats().cpu_faults, before.cpu_faults, "{}: allocating or freeing touched memory", mode.name);
    assert_eq!(rig.stats().live_allocations, 0, "{}: everything was freed", mode.name);
    Ok(())
}

/// A launch uses a small allocation; its neighbours on the page come and go meanwhile.
fn beside_a_launch_that_has_the_page(mode: &'static Mode) -> Result<(), Ignored> {
    needs_cpu_device()?;
    let rig = Rig::open(mode)?;
    let gate = rig.gate();
    // Of a size that the gate's word does not share its page with.
    let mut count: Vec<SvmVec<u32>> = (0..4).map(|_| rig.svm.zeroed(500)).collect();
    rig.svm
        .scope(|s| {
            let opener = gate.opener();
            let (of_launch, others) = count.split_at_mut(1);
            let launch = gate.launch(&rig.gate, s.update(&mut of_launch[0]))?;
            let alloc = rig.svm.alloc();
            let layout = Layout::new::<[u32; 500]>();
            let mut pieces = vec![];
            for _ in 0..100 {
                pieces.push(alloc.allocate(layout).expect("room").cast::<u8>());
            }
            for piece in pieces {
                // SAFETY: allocated above, freed once.
                unsafe { alloc.deallocate(piece, layout) };
            }
            assert!(!launch.is_done(), "{}: allocating or freeing waited for a launch", mode.name);
            assert_eq!(others.len(), 3);
            opener.open();
            launch.wait()
        })
        .unwrap_or_else(|error| panic!("{}: {error}", mode.name));
    Ok(())
}

/// Pages that the device had, freed and allocated again, zeros not asked for.
fn freed_pages_read_zero(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::of(mode, mode.builder(SMALL, SMALL / 4))?;
    for round in 0..20 {
        let mut v = rig.svm.zeroed::<u32>(20 * WORDS);
        let at = v.as_ptr().addr();
        rig.put(&mut v[..10 * WORDS], &mut vec![0; 10 * WORDS], [0, 1], round);
        drop(v);
        let layout = Layout::array::<u32>(20 * WORDS).expect("a layout");
        let alloc = rig.svm.alloc();
        let piece = alloc.allocate(layout).expect("room").cast::<u32>();
        assert_eq!(piece.addr().get(), at, "lowest address first");
        for word in (0..20 * WORDS).step_by(61) {
            // SAFETY: inside the piece.
            let place = unsafe { piece.add(word) };
            // SAFETY: mapped memory, which the system or the library has filled.
            let seen = unsafe { place.read_volatile() };
            assert_eq!(seen, 0, "{}, round {round}: word {word}", mode.name);
        }
        // SAFETY: allocated above, freed once.
        unsafe { alloc.deallocate(piece.cast(), layout) };
    }
    Ok(())
}
