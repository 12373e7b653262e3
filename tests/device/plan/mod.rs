//! Ordering, proved on the recorded plan: the validation layer does not see hazards through device addresses.
//!
//! Random programs ([`program`]) run through the public API on a device that is as unhelpful as the rules allow
//! ([`fake`]). What they see is compared with what issue order gives ([`shadow`]), and the plan that the device was
//! handed is checked by itself ([`checker`]). That the Vulkan queue records what it is handed is [`commands`]' matter.

mod checker;
mod commands;
mod fake;
mod program;
mod shadow;

use crate::{
    harness::{tests, text_of},
    kernels,
};
use fake::{Fake, Fate, Habits, grid};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError},
    time::Duration,
};
use vksvm::{InOut, Placement, Svm, SvmVec};

tests![
    random_programs_run_in_order,
    random_programs_survive_refusals,
    many_threads_run_in_order,
    barriers_stand_where_uses_conflict_and_only_there,
    host_access_waits_for_its_slice_only,
    groups_go_out_when_full,
    a_refused_group_leaves_later_launches_ordered,
    the_vulkan_queue_records_the_plan,
];

/// An `Svm` on the fake.
fn open(habits: Habits, group: usize, spin: Duration) -> (Svm, Arc<Fake>) {
    let (wrap, slot) = Fake::wrapper(habits);
    let svm = Svm::builder()
        .placement(Placement::Unified)
        .heap_size(64 << 20)
        .group(group)
        .spin(spin)
        .wrap_queue(wrap)
        .open()
        .expect("open");
    let fake = slot.lock().unwrap_or_else(PoisonError::into_inner).clone().expect("open wraps the queue");
    (svm, fake)
}

/// Lazy: does only what it is waited for, and never refuses.
const LAZY: Habits = Habits { seed: 1, refuse: 0, eager: false };

/// Runs `count` programs; names the seed of one that fails.
fn run(count: u64, threads: u32, refuse: u32) {
    let given = std::env::var("VKSVM_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = given.map_or_else(|| vec![fastrand::u64(..); count as usize], |seed| vec![seed]);
    let seeds = seeds.into_iter().enumerate().map(|(i, seed): (usize, u64)| seed.wrapping_add(i as u64));
    for seed in seeds {
        let result = catch_unwind(AssertUnwindSafe(|| program::run(seed, threads, refuse)));
        if let Err(panic) = result {
            panic!("VKSVM_SEED={seed}: {}", text_of(&*panic));
        }
    }
}

fn random_programs_run_in_order() {
    run(40, 1, 0);
}

fn random_programs_survive_refusals() {
    run(40, 1, 20);
}

fn many_threads_run_in_order() {
    run(15, 3, 0);
    run(15, 3, 10);
}

fn barriers_stand_where_uses_conflict_and_only_there() {
    let (svm, fake) = open(LAZY, 64, Duration::ZERO);
    let add = kernels::add(&svm);
    let (mut a, mut b, mut c) = (svm.vec([1; 8]), svm.vec([2; 8]), svm.vec([3; 8]));
    let once = svm.vec([4; 8]);
    svm.scope(|s| {
        let (mut a, mut b, mut c) = (s.lend(&mut a), s.lend(&mut b), s.lend(&mut c));
        let once = s.read(&once);
        add.launch(grid(1), kernels::Add { x: once, y: a.update(), n: 8 })?;
        add.launch(grid(2), kernels::Add { x: once, y: b.update(), n: 8 })?;
        // Reads a after its write; everything before is ordered by the same barrier.
        add.launch(grid(3), kernels::Add { x: a.read(), y: c.update(), n: 8 })?;
        // b's write lies before that barrier.
        add.launch(grid(4), kernels::Add { x: a.read(), y: b.update(), n: 8 })?;
        // a was read by 3 and 4.
        add.launch(grid(5), kernels::Add { x: once, y: a.update(), n: 8 })?;
        Ok(())
    })
    .expect("scope");
    let barriers: Vec<bool> = (1..=5).map(|n| fake.recorded(n).expect("submitted").barrier).collect();
    assert_eq!(barriers, [false, false, true, false, true]);
    assert_eq!(checker::problems(&fake), [""; 0]);
}

fn host_access_waits_for_its_slice_only() {
    let (svm, fake) = open(LAZY, 64, Duration::ZERO);
    let fill = kernels::fill(&svm);
    let (mut a, mut b, mut c) = (svm.vec([0; 8]), svm.vec([0; 8]), svm.vec([0; 8]));
    svm.scope(|s| {
        let (mut a, mut b, mut c) = (s.lend(&mut a), s.lend(&mut b), s.lend(&mut c));
        for (number, to) in [(1, &mut a), (2, &mut b), (3, &mut c)] {
            fill.launch(grid(number), kernels::Fill { to: to.write(), n: 8, first: 0 })?;
        }
        assert_eq!(fake.fate(1), Some(Fate::Submitted { done: false }), "an idle queue takes a launch at once");
        assert_eq!(fake.fate(2), None, "a busy one lets it wait for its group");
        b.host()?;
        assert_eq!(fake.fate(2), Some(Fate::Submitted { done: true }));
        assert_eq!(fake.fate(3), Some(Fate::Submitted { done: false }), "submitted, but not waited for");
        let batch = |number| fake.recorded(number).map(|step| step.batch);
        assert_ne!(batch(2), batch(3), "what is waited for and what is not end separately");
        Ok(())
    })
    .expect("scope");
    assert_eq!(fake.fate(3), Some(Fate::Submitted { done: true }), "the scope's end waits for all");
    assert_eq!(checker::problems(&fake), [""; 0]);
}

fn groups_go_out_when_full() {
    let (svm, fake) = open(LAZY, 4, Duration::ZERO);
    let fill = kernels::fill(&svm);
    let mut all: Vec<SvmVec<u32>> = (0..10).map(|_| svm.vec([0; 4])).collect();
    svm.scope(|s| {
        for (number, to) in (1..).zip(&mut all) {
            fill.launch(grid(number), kernels::Fill { to: s.write(to), n: 4, first: 0 })?;
        }
        let batches: Vec<_> = (1..=10).map(|number| fake.recorded(number).map(|step| step.batch)).collect();
        let expected = [0, 1, 1, 1, 1, 2, 2, 2, 2].map(Some);
        assert_eq!(batches[..9], expected);
        assert_eq!(batches[9], None);
        Ok(())
    })
    .expect("scope");
    assert_eq!(checker::problems(&fake), [""; 0]);
}

/// A barrier that was planned for a launch whose group was refused never came to be.
fn a_refused_group_leaves_later_launches_ordered() {
    let (svm, fake) = open(LAZY, 2, Duration::ZERO);
    let fill = kernels::add(&svm);
    let (mut a, one) = (svm.vec([0; 8]), svm.vec([1; 8]));
    let result = svm.scope(|s| {
        let mut a = s.lend(&mut a);
        let add = |y: InOut<'_, u32>, number| fill.launch(grid(number), kernels::Add { x: s.read(&one), y, n: 8 });
        add(a.update(), 1)?;
        add(a.update(), 2)?;
        fake.refuse_next();
        // Fills the group of two, which is refused.
        assert!(add(a.update(), 3).is_err());
        add(a.update(), 4)?;
        Ok(())
    });
    assert!(matches!(result, Err(vksvm::Error::NotStarted { .. })), "{result:?}");
    assert_eq!([1, 2, 3, 4].map(|n| matches!(fake.fate(n), Some(Fate::Submitted { .. }))), [true, false, false, true]);
    assert_eq!(checker::problems(&fake), [""; 0]);
}

fn the_vulkan_queue_records_the_plan() {
    commands::the_vulkan_queue_records_the_plan();
}
