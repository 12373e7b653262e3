//! Law 2: a fault waits for the launch that uses its page, and for no other.

use crate::{
    discrete::{
        Mode,
        kernels::Put,
        rig::{Rig, WORDS, in_modes, pattern},
    },
    harness::{Ignored, needs_cpu_device},
};
use libtest_mimic::Trial;
use std::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
};
use vksvm::SvmVec;

pub fn tests() -> Vec<Trial> {
    in_modes![idle_pages_do_not_wait, pages_in_use_wait, only_for_their_own_launch].into()
}

/// Touches of pages that are with the device, while a kernel runs that does not use them. It ends by itself only seconds later.
fn idle_pages_do_not_wait(mode: &'static Mode) -> Result<(), Ignored> {
    needs_cpu_device()?;
    let rig = Rig::open(mode)?;
    let mut model = pattern(1, 4 * WORDS);
    let mut idle: SvmVec<u32> = rig.svm.vec(model.iter().copied());
    rig.put(&mut idle, &mut model, [0, 2], 1);
    let gate = rig.gate();
    let mut count = rig.svm.zeroed::<u32>(WORDS);
    rig.svm
        .scope(|s| {
            let opener = gate.opener();
            let launch = gate.launch(&rig.gate, s.update(&mut count))?;
            let before = rig.stats();
            let seen = [idle[0], idle[WORDS + 1]];
            idle[2 * WORDS] = 5;
            assert!(!launch.is_done(), "{}: the touches came back after the kernel", mode.name);
            assert_eq!(seen, [model[0], model[WORDS + 1]], "{}", mode.name);
            model[2 * WORDS] = 5;
            rig.went_up("cpu_faults", before.cpu_faults, rig.stats().cpu_faults);
            opener.open();
            launch.wait()
        })
        .unwrap_or_else(|error| panic!("{}: {error}", mode.name));
    rig.program_sees(&idle, &model, "touched while a kernel ran");
    Ok(())
}

/// The launch writes one word of a page; the program reads and writes another.
fn pages_in_use_wait(mode: &'static Mode) -> Result<(), Ignored> {
    needs_cpu_device()?;
    let rig = Rig::open(mode)?;
    let gate = rig.gate();
    let mut page: SvmVec<u32> = rig.svm.vec(std::iter::repeat_n(7, WORDS));
    let (count, mine) = page.split_at_mut(1);
    let begun = AtomicBool::new(false);
    rig.svm
        .scope(|s| {
            let opener = gate.opener();
            let launch = gate.launch(&rig.gate, s.update(count))?;
            let ended = thread::scope(|t| {
                let toucher = t.spawn(|| {
                    begun.store(true, SeqCst);
                    let seen = mine[100];
                    mine[101] = 8;
                    (seen, launch.is_done())
                });
                while !begun.load(SeqCst) {
                    thread::yield_now();
                }
                // Time to go wrong in.
                (0..1000).for_each(|_| thread::yield_now());
                opener.open();
                toucher.join().expect("a touch")
            });
            // In unified placement nobody waits.
            assert!(ended.1 || !mode.is_discrete(), "{}: the page was given back while a launch had it", mode.name);
            assert_eq!(ended.0, 7, "{}", mode.name);
            launch.wait()
        })
        .unwrap_or_else(|error| panic!("{}: {error}", mode.name));
    // Where the kernel does not see the gate it ends by itself and does not count.
    let counted = 7 + u32::from(page[0] == 8 || !mode.is_discrete());
    assert_eq!([page[0], page[102], page[103]], [counted, 8, 7], "{}", mode.name);
    Ok(())
}

/// A page that a launch has used, while a later one still runs.
fn only_for_their_own_launch(mode: &'static Mode) -> Result<(), Ignored> {
    needs_cpu_device()?;
    let rig = Rig::open(mode)?;
    let gate = rig.gate();
    let mut page = rig.svm.zeroed::<u32>(WORDS);
    let (used, mine) = page.split_at_mut(WORDS / 2);
    let mut count = rig.svm.zeroed::<u32>(WORDS);
    let n = used.len() as u32;
    rig.svm
        .scope(|s| {
            let opener = gate.opener();
            let first =
                rig.kernels.put.launch(n, Put { to: s.write(used), n, first: 0, step: 1, seed: 3, rounds: 50 })?;
            let second = gate.launch(&rig.gate, s.update(&mut count))?;
            mine[5] = 9;
            assert!(!second.is_done(), "{}: the touch waited for a launch that came later", mode.name);
            assert!(first.is_done() || !mode.is_discrete(), "{}: the touch did not wait", mode.name);
            opener.open();
            second.wait()
        })
        .unwrap_or_else(|error| panic!("{}: {error}", mode.name));
    assert_eq!([page[WORDS / 2 + 5], page[WORDS / 2 + 6]], [9, 0], "{}", mode.name);
    Ok(())
}
