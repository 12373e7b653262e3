//! Tests that need a process of their own: the program starts itself again and plays the part that it is given.

use crate::{discrete, lowering};
use std::{
    process::{Command, ExitCode, Output, abort},
    thread,
    time::Duration,
};

/// Names the part.
const PART: &str = "VKSVM_TEST_PART";

/// A part's process ends itself after this.
const LIMIT: Duration = Duration::from_secs(60);

/// One that is given work for as long as its parent has some.
const LONG: Duration = Duration::from_secs(8 * 3600);

/// The parts, by name.
const PARTS: &[(&str, Duration, fn())] = &[
    ("provoke_validation", LIMIT, crate::validation::provoke),
    ("open", LIMIT, crate::selection::open_and_say),
    ("push_until_exhausted", LIMIT, crate::heap::system::push_until_exhausted),
    ("fork", LIMIT, crate::heap::system::fork_and_touch),
    (crate::translation::hidden::PART, LIMIT, crate::translation::hidden::run),
    (crate::translation::astray::PART, LIMIT, crate::translation::astray::run),
    (crate::memory::threads::PART, LIMIT, crate::memory::threads::run),
    (discrete::stress::PART, LONG, discrete::stress::run),
    (lowering::worker::PART, LONG, lowering::worker::serve),
];

/// Plays the part that the environment names, if it names one.
pub fn act() -> Option<ExitCode> {
    let part = std::env::var(PART).ok()?;
    let discrete = discrete::PARTS.iter().map(|(name, play)| (*name, LIMIT, *play));
    let Some((_, limit, play)) = PARTS.iter().copied().chain(discrete).find(|(name, ..)| *name == part) else {
        eprintln!("no part '{part}'");
        return Some(ExitCode::from(64));
    };
    thread::spawn(move || {
        thread::park_timeout(limit);
        eprintln!("the part has not ended after {limit:?}");
        abort();
    });
    play();
    Some(ExitCode::SUCCESS)
}

/// Plays `part` in a process of its own, with these environment variables set, and returns how that ended.
pub fn play(part: &str, env: &[(&str, &str)]) -> Output {
    command(part).envs(env.iter().copied()).output().expect("the test program can be started again")
}

/// What plays `part` in a process of its own.
pub fn command(part: &str) -> Command {
    let program = std::env::current_exe().expect("a program knows where it is");
    let mut command = Command::new(program);
    command.env(PART, part);
    command
}

/// Both outputs of a process, for messages and for looking through.
pub fn said(output: &Output) -> String {
    format!("{}: {}{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
