//! Law 6: a forked child has no heap. Its touch is a SIGSEGV, whatever serves faults; the parent's pages are as they were.
//!
//! # Safety
//! The child touches one word and ends, which a child of a threaded process may do.
#![allow(unsafe_code)]

use crate::{
    child::{play, said},
    discrete::{
        Mode,
        rig::{Rig, WORDS, in_modes, pattern},
    },
    harness::Ignored,
};
use libtest_mimic::Trial;
use std::{
    env, thread,
    time::{Duration, Instant},
};
use vksvm::SvmVec;

/// The part that a process of its own plays.
pub const PART: &str = "discrete_fork";
const MODE: &str = "VKSVM_TEST_MODE";
/// Where the pages are when the process forks: `host` or `device`.
const PLACE: &str = "VKSVM_TEST_PLACE";
const IGNORED: &str = "ignored:";

pub fn tests() -> Vec<Trial> {
    in_modes![a_child_that_touches_is_ended].into()
}

fn a_child_that_touches_is_ended(mode: &'static Mode) -> Result<(), Ignored> {
    ended_by_its_touch(mode, "host")?;
    ended_by_its_touch(mode, "device")
}

pub fn ended_by_its_touch(mode: &'static Mode, place: &str) -> Result<(), Ignored> {
    let output = play(PART, &[(MODE, mode.name), (PLACE, place)]);
    let said = said(&output);
    if output.status.success()
        && let Some((_, why)) = said.split_once(IGNORED)
    {
        return Err(Ignored(why.trim().into()));
    }
    let ended = "read ended by signal 11\nwrite ended by signal 11\nthe parent is right";
    assert!(output.status.success() && said.contains(ended), "{}, {place}: {said}", mode.name);
    Ok(())
}

/// The part.
pub fn run() {
    let mode = Mode::named(&env::var(MODE).expect("a mode"));
    let rig = match Rig::open(mode) {
        Ok(rig) => rig,
        Err(Ignored(why)) => return println!("{IGNORED} {why}"),
    };
    let mut model = pattern(1, 3 * WORDS);
    let mut v: SvmVec<u32> = rig.svm.vec(model.iter().copied());
    for write in [false, true] {
        if env::var(PLACE).is_ok_and(|place| place == "device") {
            rig.put(&mut v, &mut model, [1, 2], 4);
        }
        let at = &raw mut v[WORDS];
        // SAFETY: the child calls nothing but `_exit` and touches memory.
        let child = unsafe { libc::fork() };
        if child == 0 {
            if write {
                // SAFETY: in the child this is not mapped: the SIGSEGV that the test is about.
                unsafe { at.write_volatile(99) };
            } else {
                // SAFETY: as above.
                unsafe { at.read_volatile() };
            }
            // SAFETY: ends the child without running the parent's exit handlers.
            unsafe { libc::_exit(0) };
        }
        assert!(child > 0, "fork");
        println!("{} ended by {}", if write { "write" } else { "read" }, ended(child));
        // While no child is left, and with both kinds of touch.
        rig.device_sees(&v, &model, "after a fork");
        rig.program_sees(&v, &model, "after a fork");
        rig.put(&mut v, &mut model, [0, 5], 6);
    }
    rig.program_sees(&v, &model, "at the end");
    println!("the parent is right");
}

/// How the child ended; one that does not within its time is killed, and that is said.
fn ended(child: i32) -> String {
    let start = Instant::now();
    loop {
        let mut status = 0;
        // SAFETY: waits for the child made above; `status` is this frame's.
        let waited = unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) };
        if waited == child && libc::WIFSIGNALED(status) {
            return format!("signal {}", libc::WTERMSIG(status));
        }
        if waited == child {
            return format!("itself, {}: the touch went through", libc::WEXITSTATUS(status));
        }
        if start.elapsed() > Duration::from_secs(20) {
            // SAFETY: a child of this process, made above and not waited for yet.
            unsafe { libc::kill(child, libc::SIGKILL) };
            return "nothing: it hangs".into();
        }
        thread::sleep(Duration::from_millis(5));
    }
}
