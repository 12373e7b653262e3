//! Law 7: a launch gets all that it needs, or holds nothing; one that cannot be submitted leaves everything as it was.
//! And law 8: each submission ends with the barrier to the host.

use crate::{
    discrete::{
        Mode, ends_with_host_barriers,
        kernels::Put,
        rig::{BUDGET, HEAP, Rig, WORDS, in_discrete_modes, in_modes, pattern},
    },
    harness::{Ignored, needs_cpu_device},
    variants::saw,
};
use libtest_mimic::Trial;
use std::thread;
use vksvm::{
    Error, PAGE, SvmVec,
    seam::{Call, Failures, VkResult},
};

pub fn tests() -> Vec<Trial> {
    let mut all: Vec<Trial> = in_modes![
        two_that_need_most_of_it,
        a_submission_that_fails_changes_nothing,
        waiters_of_a_failed_submission_go_on,
        command_buffers_end_with_the_host_barrier,
    ]
    .into();
    all.extend(in_discrete_modes![a_launch_that_never_fits_holds_nothing]);
    all
}

/// Three quarters of device memory.
const MOST: usize = BUDGET as usize / 4 * 3 / 4;

/// Two threads whose launches do not fit together; each gets its turn.
fn two_that_need_most_of_it(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    thread::scope(|t| {
        for index in 0..2 {
            let rig = &rig;
            t.spawn(move || {
                let mut model = pattern(index, MOST);
                let mut v: SvmVec<u32> = rig.svm.vec(model.iter().copied());
                for round in 0..15 {
                    rig.put(&mut v, &mut model, [round, 50], round + index);
                }
                rig.program_sees(&v, &model, "two that need most of it");
            });
        }
    });
    Ok(())
}

/// One thread asks for more than there is, again and again; another's launches go on.
fn a_launch_that_never_fits_holds_nothing(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    if mode.in_place {
        // There everything fits.
        return Ok(());
    }
    let needed = BUDGET as usize + PAGE;
    let mut large = rig.svm.zeroed::<u32>(needed / 4);
    let mut model = pattern(1, MOST);
    let mut v: SvmVec<u32> = rig.svm.vec(model.iter().copied());
    thread::scope(|t| {
        let (rig, large) = (&rig, &mut large);
        t.spawn(move || {
            for _ in 0..200 {
                let launched = rig.svm.scope(|s| {
                    let args = Put { to: s.write(large), n: 10, first: 0, step: 1, seed: 1, rounds: 1 };
                    rig.kernels.put.launch(10u32, args)
                });
                match launched {
                    Err(Error::BudgetExceeded { needed: n, budget }) => {
                        assert_eq!((n, budget), (needed as u64, BUDGET), "{}", mode.name);
                    }
                    other => panic!("{}: {other:?}", mode.name),
                }
            }
        });
        for round in 0..30 {
            rig.put(&mut v, &mut model, [round, 50], round);
        }
    });
    saw("BudgetExceeded");
    rig.program_sees(&v, &model, "beside launches that never fit");
    assert!(large.iter().all(|word| *word == 0), "{}", mode.name);
    assert!(rig.stats().device_peak_bytes <= BUDGET);
    Ok(())
}

fn a_submission_that_fails_changes_nothing(mode: &'static Mode) -> Result<(), Ignored> {
    let failures = Failures::new();
    let rig = Rig::of(mode, mode.builder(HEAP, BUDGET).failures(&failures))?;
    let mut model = pattern(1, 5 * WORDS);
    let mut v: SvmVec<u32> = rig.svm.vec(model.iter().copied());
    rig.put(&mut v, &mut model, [0, 2], 1);
    for round in 0..4 {
        failures.fail(Call::QueueSubmit, 0, 1, VkResult::ERROR_OUT_OF_DEVICE_MEMORY);
        let n = v.len() as u32;
        let put = |s: &mut SvmVec<u32>| {
            rig.svm.scope(|scope| {
                let args = Put { to: scope.write(s), n, first: 0, step: 1, seed: 9, rounds: 1 };
                rig.kernels.put.launch(n, args).map(drop)
            })
        };
        match put(&mut v) {
            Err(Error::OutOfDeviceMemory { .. } | Error::NotStarted { .. }) => {}
            other => panic!("{}: {other:?}", mode.name),
        }
        // Looked at by either side first.
        if round % 2 == 0 {
            rig.program_sees(&v, &model, "after a submission that failed");
        }
        rig.device_sees(&v, &model, "after a submission that failed");
        rig.put(&mut v, &mut model, [round, 3], round);
    }
    rig.program_sees(&v, &model, "at the end");
    Ok(())
}

/// A thread waits for a page of a launch that is never submitted.
fn waiters_of_a_failed_submission_go_on(mode: &'static Mode) -> Result<(), Ignored> {
    needs_cpu_device()?;
    let failures = Failures::new();
    let rig = Rig::of(mode, mode.builder(HEAP, BUDGET).failures(&failures))?;
    let mut page: SvmVec<u32> = rig.svm.vec(std::iter::repeat_n(7, WORDS));
    let mut count = rig.svm.zeroed::<u32>(WORDS);
    let (used, mine) = page.split_at_mut(WORDS / 2);
    let gate = rig.gate();
    let done = rig.svm.scope(|s| {
        let opener = gate.opener();
        let first = gate.launch(&rig.gate, s.update(&mut count))?;
        // Behind the gate, in a group that is not submitted yet.
        let n = used.len() as u32;
        let launched = rig.kernels.put.launch(n, Put { to: s.write(used), n, first: 0, step: 1, seed: 3, rounds: 1 });
        thread::scope(|t| {
            let toucher = t.spawn(|| {
                mine[0] = 8;
                mine[1]
            });
            (0..1000).for_each(|_| thread::yield_now());
            failures.fail(Call::QueueSubmit, 0, 1, VkResult::ERROR_OUT_OF_DEVICE_MEMORY);
            opener.open();
            // Whoever comes first has it submitted: this, the toucher, or the library's own thread.
            let told = launched.and_then(|launch| launch.wait());
            assert!(told.is_ok() || failures.failed() > 0, "{}: {told:?}", mode.name);
            assert_eq!(toucher.join().expect("a touch that goes on"), 7, "{}", mode.name);
        });
        first.wait()
    });
    failures.clear();
    let ran = page[0] != 7;
    assert!(ran || matches!(done, Err(Error::NotStarted { .. })), "{}: {done:?}", mode.name);
    assert_eq!([page[WORDS / 2], page[WORDS / 2 + 1]], [8, 7], "{}", mode.name);
    let mut model = page.to_vec();
    rig.put(&mut page, &mut model, [0, 3], 5);
    rig.program_sees(&page, &model, "afterwards");
    Ok(())
}

fn command_buffers_end_with_the_host_barrier(mode: &'static Mode) -> Result<(), Ignored> {
    let failures = Failures::new();
    let rig = Rig::of(mode, mode.builder(HEAP, BUDGET).failures(&failures))?;
    let mut model = pattern(1, 5 * WORDS);
    let mut v: SvmVec<u32> = rig.svm.vec(model.iter().copied());
    for round in 0..5 {
        rig.put(&mut v, &mut model, [round, 3], round);
        rig.device_sees(&v, &model, "each in a submission of its own");
    }
    drop((v, rig));
    ends_with_host_barriers(&failures.commands());
    Ok(())
}
