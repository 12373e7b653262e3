//! Law 10: what a page contains when the device touches it first, and what launches leave alone.
//!
//! # Safety
//! [`atomics`] sees an exclusive slice of words as atomics, which have the same layout.
#![allow(unsafe_code)]

use crate::{
    discrete::{
        Mode,
        kernels::{Put, mixed_often},
        rig::{Rig, WORDS, in_modes, pattern, same},
    },
    harness::Ignored,
};
use libtest_mimic::Trial;
use std::sync::atomic::AtomicU32;
use vksvm::SvmVec;

pub fn tests() -> Vec<Trial> {
    in_modes![
        first_touched_by_the_device,
        elements_that_are_not_written_keep_their_value,
        neighbours_on_the_page,
        pages_that_were_others_before,
    ]
    .into()
}

/// The words, so that several threads may touch them, each touch a real one.
pub fn atomics(words: &mut [u32]) -> &[AtomicU32] {
    let (start, len) = (words.as_mut_ptr(), words.len());
    // SAFETY: borrowed exclusively for as long as the result lives; an AtomicU32 is laid out as a u32.
    unsafe { std::slice::from_raw_parts(start.cast(), len) }
}

fn first_touched_by_the_device(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let mut v = rig.svm.zeroed::<u32>(7 * WORDS + 10);
    let mut model = vec![0; v.len()];
    rig.put(&mut v, &mut model, [5, 20_000], 1);
    rig.device_sees(&v, &model, "first touched by a launch that writes");
    rig.program_sees(&v, &model, "first touched by a launch that writes");
    let v: SvmVec<u32> = rig.svm.zeroed(7 * WORDS + 10);
    rig.device_sees(&v, &vec![0; v.len()], "first touched by a launch that reads");
    rig.program_sees(&v, &vec![0; v.len()], "first touched by a launch that reads");
    Ok(())
}

fn elements_that_are_not_written_keep_their_value(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let mut model = pattern(1, 5 * WORDS + 77);
    let mut v: SvmVec<u32> = rig.svm.vec(model.iter().copied());
    for round in 0..6 {
        rig.put(&mut v, &mut model, [round * 31, 1 + round * 5000], round);
        if round % 2 == 0 {
            rig.program_sees(&v, &model, "not all of it was written");
        }
    }
    rig.device_sees(&v, &model, "not all of it was written");
    Ok(())
}

/// Many allocations on a page, of which launches have some.
fn neighbours_on_the_page(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let mut all: Vec<(SvmVec<u32>, Vec<u32>)> = (0..400)
        .map(|i| {
            let model = pattern(i, 1 + i as usize % 60);
            (rig.svm.vec(model.iter().copied()), model)
        })
        .collect();
    for round in 0..4 {
        for (index, (v, model)) in all.iter_mut().enumerate() {
            if (index + round) % 7 == 0 {
                rig.put(v, model, [0, 2], index as u32);
            } else if (index + round) % 11 == 0 {
                v[0] ^= 1;
                model[0] ^= 1;
            }
        }
        for (v, model) in &all {
            rig.program_sees(v, model, "one of many on a page");
        }
        // Every third goes, and others come in its place.
        for (index, (v, model)) in all.iter_mut().enumerate().filter(|(index, _)| index % 3 == round % 3) {
            *v = rig.svm.zeroed(1 + index % 60);
            *model = vec![0; v.len()];
        }
    }
    Ok(())
}

/// What one left behind, with the device or the host, nobody else sees.
fn pages_that_were_others_before(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    for round in 0..10 {
        let mut old = rig.svm.zeroed::<u32>(6 * WORDS);
        let mut model = vec![0; old.len()];
        rig.put(&mut old, &mut model, [0, 1], round);
        if round % 2 == 0 {
            rig.program_sees(&old, &model, "before it is freed");
        }
        drop(old);
        let mut new = rig.svm.zeroed::<u32>(5 * WORDS);
        let mut model = vec![0; new.len()];
        let (n, seed) = (1000, round);
        rig.svm
            .scope(|s| {
                rig.kernels
                    .put
                    .launch(n, Put { to: s.write(&mut new), n, first: 3, step: 40, seed, rounds: 1 })
                    .map(drop)
            })
            .unwrap_or_else(|error| panic!("{}: {error}", mode.name));
        (0..n).for_each(|i| model[(3 + 40 * i) as usize] = mixed_often(seed, i, 3 + 40 * i, 1));
        same(&new, &model, mode.name);
    }
    Ok(())
}
