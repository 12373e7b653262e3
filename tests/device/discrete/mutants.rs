//! The laws, broken one at a time: the stress test must notice each, and for the right reason.
//!
//! Each mutant lives the stress test's lives in a process of its own, from a fixed seed on, in the mode in which its law matters, until one of them
//! fails. What it says then must be what breaking this law leads to: anything else would be another fault, or none.

use super::{MODES, Mode, stress};
use crate::{
    child::said,
    harness::{Ignored, trial},
};
use libtest_mimic::Trial;
use std::env;
use vksvm::{
    SvmBuilder,
    seam::{BrokenPages, BrokenRecording},
};

/// The part that a process of its own plays: the stress test's, but with a time limit.
pub const PART: &str = "discrete_mutant";
/// Tells the process which law it breaks.
const LAW: &str = "VKSVM_STRESS_BROKEN";
/// The first life's seed.
const SEED: u64 = 1;
/// Most that a mutant lives, if nothing is noticed; on a quiet machine each is noticed in a few.
const SECONDS: u64 = 40;

pub fn tests() -> Vec<Trial> {
    vec![trial(module_path!(), "each_broken_law_is_noticed", each_broken_law_is_noticed)]
}

/// Something that is broken.
#[derive(Clone, Copy, Debug)]
enum Law {
    Pages(BrokenPages),
    Recording(BrokenRecording),
}

/// A mutant, and what must come of it.
struct Mutant {
    law: u32,
    name: &'static str,
    broken: Law,
    mode: &'static str,
    /// One of these is what the life that failed says: a part of the message, and its short form for the table.
    noticed: &'static [(&'static str, &'static str)],
}

/// Memory is not what the model says, however it was looked at.
const WRONG_BYTES: &[(&str, &str)] = &[
    ("are wrong, between", "wrong bytes"),
    ("was seen", "wrong bytes"),
    ("that everybody only reads have changed", "wrong bytes"),
    ("differed from its model", "wrong bytes"),
];

const MUTANTS: [Mutant; 6] = [
    Mutant {
        law: 1,
        name: "CopiesBeforeRevoking",
        broken: Law::Pages(BrokenPages::CopiesBeforeRevoking),
        mode: "userfaultfd",
        noticed: WRONG_BYTES,
    },
    Mutant {
        law: 2,
        name: "MovesPagesInUse",
        broken: Law::Pages(BrokenPages::MovesPagesInUse),
        mode: "userfaultfd",
        noticed: WRONG_BYTES,
    },
    // On the service thread nobody waits, so only signal handlers could trust a wait.
    Mutant {
        law: 4,
        name: "TrustsWaits",
        broken: Law::Pages(BrokenPages::TrustsWaits),
        mode: "sigbus",
        noticed: WRONG_BYTES,
    },
    // No byte would tell on lavapipe: the stress test looks at what was recorded.
    Mutant {
        law: 8,
        name: "HidesFromHost",
        broken: Law::Recording(BrokenRecording::HidesFromHost),
        mode: "signal",
        noticed: &[("not with a barrier to the host", "recorded commands")],
    },
    Mutant {
        law: 10,
        name: "ForgetsUnwritten",
        broken: Law::Pages(BrokenPages::ForgetsUnwritten),
        mode: "userfaultfd-moved",
        noticed: WRONG_BYTES,
    },
    Mutant {
        law: 10,
        name: "ForgetsZeros",
        broken: Law::Pages(BrokenPages::ForgetsZeros),
        mode: "signal-moved",
        noticed: WRONG_BYTES,
    },
];

/// The options of a life, with the law broken that this process breaks, if it breaks one.
pub fn as_told(builder: SvmBuilder) -> SvmBuilder {
    let Ok(name) = env::var(LAW) else { return builder };
    match MUTANTS.iter().find(|mutant| mutant.name == name).map(|mutant| mutant.broken) {
        Some(Law::Pages(law)) => builder.break_pages(law),
        Some(Law::Recording(law)) => builder.break_recording(law),
        None => panic!("no law '{name}'"),
    }
}

fn each_broken_law_is_noticed() -> Result<(), Ignored> {
    println!("\n{:<4} {:<22} {:<18} {:>6}  noticed by", "law", "broken", "mode", "life");
    for law in BrokenPages::ALL {
        assert!(MUTANTS.iter().any(|m| m.name == format!("{law:?}")), "{law:?} is not tried");
    }
    let mut missing: Vec<String> = vec![];
    for mutant in &MUTANTS {
        // Where the mode does not work here another may.
        let mode = Mode::named(mutant.mode);
        let modes = std::iter::once(mode).chain(MODES.iter().filter(|m| m.is_discrete() && m.name != mode.name));
        let mut fates = modes.map(|mode| noticed(mutant, mode).map_err(|Ignored(why)| why));
        match fates.find(Result::is_ok) {
            Some(_) => {}
            None => missing.push(format!("no mode works here for {}", mutant.name)),
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(Ignored(missing.join("; "))) }
}

fn noticed(mutant: &Mutant, mode: &Mode) -> Result<(), Ignored> {
    let Mutant { law, name, .. } = mutant;
    let operations = stress::operations_file(&format!("mutant-{name}"));
    let mut process = stress::process(PART, mode, SEED, SECONDS, &operations);
    let output = process.env(LAW, name).output().expect("the test program can be started again");
    let said = said(&output);
    if let Some(ignored) = stress::ignored(&output, &said) {
        return Err(ignored);
    }
    assert!(!output.status.success(), "law {law}, {name} in mode {}, was not noticed: {said}", mode.name);
    let Some((_, by)) = mutant.noticed.iter().find(|(part, _)| said.contains(part)) else {
        panic!("law {law}, {name} in mode {}: something else was noticed: {said}", mode.name)
    };
    let all = std::fs::read_to_string(&operations).unwrap_or_default();
    let life = all.lines().next().and_then(|line| line.split(' ').nth(1)).unwrap_or("?");
    // The same life with the law kept: nothing else was noticed.
    let kept = stress::process(PART, mode, life.parse().expect("a life's seed"), 0, &operations).output();
    let kept = kept.expect("the test program can be started again");
    assert!(
        kept.status.success(),
        "{name} in mode {}: life {life} fails unbroken, too: {}",
        mode.name,
        crate::child::said(&kept)
    );
    println!("{law:<4} {name:<22} {:<18} {life:>6}  {by}", mode.name);
    Ok(())
}
