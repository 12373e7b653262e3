//! What goes wrong from outside: budgets, lost devices, wild pointers, a system that forbids userfaultfd.

pub mod astray;
pub mod forbidden;

use super::{
    Mode,
    kernels::Put,
    rig::{BUDGET, HEAP, Rig, WORDS, in_modes, pattern},
};
use crate::{
    harness::Ignored,
    variants::{refused, refused_saying},
};
use libtest_mimic::Trial;
use vksvm::{
    BLOCK, Error, SvmVec,
    seam::{Call, Failures, VkResult},
};

pub fn tests() -> Vec<Trial> {
    let mut all: Vec<Trial> = in_modes![budgets_that_make_no_sense, more_than_there_is, a_lost_device].into();
    all.extend(astray::tests());
    all.extend(forbidden::tests());
    all
}

fn budgets_that_make_no_sense(mode: &'static Mode) -> Result<(), Ignored> {
    drop(mode.open(HEAP, BUDGET)?);
    for budget in [0, 1, BLOCK as u64 - 1] {
        refused_saying(mode.builder(HEAP, budget).open(), "BadOption", &["device_budget", "2 MiB"]);
    }
    // More than any machine has: capped or refused, and what is opened works.
    for budget in [1 << 50, u64::MAX] {
        let rig = match mode.builder(HEAP, budget).open() {
            Ok(_) => Rig::of(mode, mode.builder(HEAP, budget))?,
            Err(Error::BadOption { option: "device_budget", .. } | Error::OutOfDeviceMemory { .. }) => continue,
            Err(error) => panic!("{}, budget {budget}: {error}", mode.name),
        };
        let mut model = pattern(1, 5 * WORDS);
        let mut v: SvmVec<u32> = rig.svm.vec(model.iter().copied());
        rig.put(&mut v, &mut model, [0, 3], 1);
        rig.program_sees(&v, &model, "a large budget");
    }
    Ok(())
}

/// Launches on more than device memory: in place, or an error with the right figures, and everything works on.
fn more_than_there_is(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let mut model = pattern(1, 3 * BUDGET as usize / 4 + 100);
    let mut v: SvmVec<u32> = rig.svm.vec(model.iter().copied());
    let n = 1000;
    for round in 0..3 {
        let launched = rig.svm.scope(|s| {
            let args = Put { to: s.write(&mut v), n, first: round, step: 3000, seed: 5, rounds: 1 };
            rig.kernels.put.launch(n, args).map(drop)
        });
        if mode.in_place {
            launched.unwrap_or_else(|error| panic!("{}: {error}", mode.name));
            (0..n).for_each(|i| {
                let at = round + 3000 * i;
                model[at as usize] = super::kernels::mixed_often(5, i, at, 1);
            });
        } else {
            let (needed, budget) = (3 * BUDGET + vksvm::PAGE as u64, BUDGET);
            let message = refused(launched, "BudgetExceeded");
            assert!(message.contains(&needed.to_string()) && message.contains(&budget.to_string()), "{message}");
        }
        rig.program_sees(&v, &model, "more than there is");
        // What fits works.
        let few = BUDGET as usize / 8;
        rig.put(&mut v[..few], &mut model[..few], [round, 7], round);
        rig.device_sees(&v[..few], &model[..few], "after it");
    }
    rig.program_sees(&v, &model, "at the end");
    Ok(())
}

/// Every later call says so. What is with the host stays readable, and what is with the device, too, where its memory is mapped.
fn a_lost_device(mode: &'static Mode) -> Result<(), Ignored> {
    let failures = Failures::new();
    let rig = Rig::of(mode, mode.builder(HEAP, BUDGET).failures(&failures))?;
    let (of_host, mut of_device) = (pattern(1, 3 * WORDS), pattern(2, 3 * WORDS));
    let host: SvmVec<u32> = rig.svm.vec(of_host.iter().copied());
    let mut device: SvmVec<u32> = rig.svm.vec(of_device.iter().copied());
    rig.put(&mut device, &mut of_device, [0, 2], 1);
    failures.fail(Call::QueueSubmit, 0, 1, VkResult::ERROR_DEVICE_LOST);
    let mut other = rig.svm.zeroed::<u32>(WORDS);
    for _ in 0..3 {
        let launched = rig.svm.scope(|s| {
            let args = Put { to: s.write(&mut other), n: 10, first: 0, step: 1, seed: 5, rounds: 1 };
            rig.kernels.put.launch(10u32, args).map(drop)
        });
        refused(launched, "DeviceLost");
    }
    rig.program_sees(&host, &of_host, "with the host when the device was lost");
    if rig.svm.capabilities().is_cpu {
        // All of a CPU device's memory is mapped.
        rig.program_sees(&device, &of_device, "with the device when it was lost");
    }
    assert!(other.iter().all(|word| *word == 0), "{}: a launch that was refused has run", mode.name);
    let more: SvmVec<u32> = rig.svm.vec(0..100_000);
    assert!(more.iter().copied().eq(0..100_000), "{}: the heap works on", mode.name);
    Ok(())
}
