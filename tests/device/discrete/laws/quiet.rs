//! Law 3: service allocates nothing.
//!
//! # Safety
//! `strdup` is given a C string, and what it returns goes to `free` once.
#![allow(unsafe_code)]

use super::interposer::{MESSAGE, forbid, looked_at};
use crate::{
    child::{play, said},
    discrete::{
        Mode,
        rig::{BUDGET, HEAP, Rig, WORDS, in_discrete_modes, pattern},
    },
    harness::{Ignored, trial},
};
use libtest_mimic::Trial;
use std::{cell::Cell, env, os::unix::process::ExitStatusExt, thread};
use vksvm::{SvmVec, seam::in_service};

/// The part that a process of its own plays.
pub const PART: &str = "discrete_quiet";
/// The mode, or `none` for trying the interposer out.
const MODE: &str = "VKSVM_TEST_MODE";
const IGNORED: &str = "ignored:";
const DONE: &str = "service allocated nothing";

pub fn tests() -> Vec<Trial> {
    let mut all = vec![trial(module_path!(), "allocations_are_noticed", allocations_are_noticed)];
    all.extend(in_discrete_modes![service_allocates_nothing]);
    all
}

thread_local! {
    static FORBIDDEN: Cell<bool> = const { Cell::new(false) };
}

/// The part.
pub fn run() {
    let mode = env::var(MODE).expect("a mode");
    if mode == "none" {
        return allocate_where_none_is_allowed();
    }
    let mode = Mode::named(&mode);
    // With everything logged: that is done in service, too.
    let rig = match Rig::of(mode, mode.builder(HEAP, BUDGET).trace(true)) {
        Ok(rig) => rig,
        Err(Ignored(why)) => return println!("{IGNORED} {why}"),
    };
    forbid(in_service);
    let mut model = pattern(1, 20 * WORDS);
    let mut v: SvmVec<u32> = rig.svm.vec(model.iter().copied());
    for round in 0..10 {
        rig.put(&mut v, &mut model, [round, 9], round);
        let before = rig.stats().cpu_faults;
        thread::scope(|t| {
            for (words, model) in v.chunks(3 * WORDS + 5).zip(model.chunks(3 * WORDS + 5)) {
                t.spawn(|| rig.program_sees(words, model, "with the interposer"));
            }
        });
        rig.went_up("cpu_faults", before, rig.stats().cpu_faults);
    }
    assert!(looked_at() > 0);
    println!("{DONE}");
}

/// In the C library, as a driver would.
fn allocate_where_none_is_allowed() {
    forbid(|| FORBIDDEN.get());
    println!("allowed");
    for forbidden in [false, true] {
        FORBIDDEN.set(forbidden);
        // SAFETY: a C string; the result is freed once, below.
        let copy = unsafe { libc::strdup(c"text".as_ptr()) };
        // Or the compiler, which knows both calls, leaves them out.
        let copy = std::hint::black_box(copy);
        FORBIDDEN.set(false);
        // SAFETY: from `strdup`, not freed yet.
        unsafe { libc::free(copy.cast()) };
    }
    println!("{DONE}");
}

/// So that the other test means something.
fn allocations_are_noticed() {
    let output = play(PART, &[(MODE, "none")]);
    let said = said(&output);
    let aborted = output.status.signal() == Some(libc::SIGABRT);
    assert!(aborted && said.contains("allowed") && said.contains(MESSAGE) && !said.contains(DONE), "{said}");
}

fn service_allocates_nothing(mode: &'static Mode) -> Result<(), Ignored> {
    let output = play(PART, &[(MODE, mode.name)]);
    let said = said(&output);
    if output.status.success()
        && let Some((_, why)) = said.split_once(IGNORED)
    {
        return Err(Ignored(why.trim().into()));
    }
    assert!(output.status.success() && said.contains(DONE), "{}: {said}", mode.name);
    Ok(())
}
