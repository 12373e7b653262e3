//! The order of copies, of the CPU's access, of table entries and of launches, proved on a record: no validation layer sees hazards through device
//! addresses, and a race that goes well shows in no byte.
//!
//! Lives of the stress test are recorded ([`tape`]); the record is checked by itself ([`checker`]). That the checker would notice is shown by records
//! made by hand ([`by_hand`]) and by lives with a law broken.

mod by_hand;
mod checker;
mod tape;

use super::{
    Mode,
    stress::{life::live, record::Record},
};
use crate::{
    child::{command, said},
    harness::{Ignored, text_of, trial},
};
use checker::{Problem, Rule, counts, problems};
use libtest_mimic::Trial;
use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};
use tape::Tape;
use vksvm::seam::BrokenPages;

/// The part that a process of its own plays, and what it is told.
pub const PART: &str = "discrete_recorded";
const MODE: &str = "VKSVM_TEST_MODE";
const LAW: &str = "VKSVM_TEST_BROKEN";
/// What it says before each rule that was broken, and at its end.
const BROKEN: &str = "broken rule: ";
const DONE: &str = "record checked";
const IGNORED: &str = "ignored:";

/// Most that a process takes to see a law broken, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub fn tests() -> Vec<Trial> {
    macro_rules! trials {
        ($($name:ident = $body:expr),* $(,)?) => { vec![$(trial(module_path!(), stringify!($name), $body)),*] };
    }
    trials![
        bad_records_are_noticed = by_hand::bad_records_are_noticed,
        right_records_pass = by_hand::right_records_pass,
        lives_keep_the_rules = lives_keep_the_rules,
        lives_that_break_a_law_do_not = lives_that_break_a_law_do_not,
    ]
}

/// Modes, and whether pages are copied by the device.
const LIVES: [(&str, bool); 5] =
    [("userfaultfd", false), ("userfaultfd-moved", true), ("sigbus-moved", false), ("sigbus", true), ("signal", false)];

fn lives_keep_the_rules() -> Result<(), Ignored> {
    let given = env::var("VKSVM_SEED").ok().and_then(|seed| seed.parse().ok());
    let mut missing = vec![];
    for (name, staged) in LIVES {
        let (mode, tape, seed) = (Mode::named(name), Tape::new(), given.unwrap_or_else(|| fastrand::u64(..)));
        let amend = |builder| {
            let builder = tape.record(builder);
            if staged { builder.staged() } else { builder }
        };
        match live(mode, seed, &Record::new(), &amend, &|| tape.is_full()) {
            Ok(_) => {}
            Err(Ignored(why)) => {
                missing.push(why);
                continue;
            }
        }
        let items = tape.items();
        let counts = counts(&items);
        println!("  {name}, staged {staged}, seed {seed}: {} entries, {counts:?}", items.len());
        let problems = problems(&items);
        if let Some(Problem { rule, text }) = problems.first() {
            panic!("VKSVM_SEED={seed} {name}: {} problems, first {rule:?}: {text}", problems.len());
        }
        assert!(counts.copies_in > 50 && counts.copies_out > 20 && counts.launches > 50, "{name}: {counts:?}");
        assert!(counts.entries >= counts.copies_in, "{name}: {counts:?}");
        assert!(counts.in_place == 0 || mode.in_place, "{name}: {counts:?}");
    }
    if missing.is_empty() { Ok(()) } else { Err(Ignored(missing.join("; "))) }
}

/// The laws, each in a mode in which it matters, and what the record must show.
const LAWS: [(BrokenPages, &str, Rule); 5] = [
    (BrokenPages::CopiesBeforeRevoking, "userfaultfd", Rule::CopiedWhileWritable),
    (BrokenPages::MovesPagesInUse, "userfaultfd", Rule::MovedInUse),
    (BrokenPages::TrustsWaits, "sigbus", Rule::OutOfDate),
    (BrokenPages::ForgetsUnwritten, "signal-moved", Rule::NotThere),
    (BrokenPages::ForgetsZeros, "signal-moved", Rule::NotThere),
];

/// The part: lives with a law broken, until the record shows that one is.
pub fn run() {
    let mode = Mode::named(&env::var(MODE).expect("a mode"));
    let name = env::var(LAW).expect("a law");
    let law = *BrokenPages::ALL.iter().find(|law| format!("{law:?}") == name).expect("a known law");
    let end = Instant::now() + PATIENCE;
    for seed in 1.. {
        let tape = Tape::new();
        let amend = |builder| tape.record(builder).break_pages(law);
        let enough = || tape.is_full();
        // Memory will be wrong, too, which ends the life.
        let lived = catch_unwind(AssertUnwindSafe(|| live(mode, seed, &Record::new(), &amend, &enough).map(drop)));
        match lived {
            Ok(Err(Ignored(why))) => return println!("{IGNORED} {why}"),
            Ok(Ok(())) => println!("life {seed} went well"),
            Err(panic) => println!("life {seed}: {}", text_of(&*panic).lines().next().unwrap_or_default()),
        }
        let problems = problems(&tape.items());
        let mut rules: Vec<Rule> = problems.iter().map(|problem| problem.rule).collect();
        rules.sort();
        rules.dedup();
        for rule in &rules {
            let first = problems.iter().find(|problem| problem.rule == *rule).map(|problem| problem.text.as_str());
            println!("{BROKEN}{rule:?}, life {seed}: {}", first.unwrap_or_default());
        }
        if !rules.is_empty() || Instant::now() > end {
            break;
        }
    }
    println!("{DONE}");
}

fn lives_that_break_a_law_do_not() -> Result<(), Ignored> {
    let mut missing = vec![];
    for (law, mode, rule) in LAWS {
        let output = command(PART).env(MODE, mode).env(LAW, format!("{law:?}")).output();
        let output = output.expect("the test program can be started again");
        let said = said(&output);
        if let Some((_, why)) = said.split_once(IGNORED).filter(|_| output.status.success()) {
            missing.push(why.trim().to_string());
            continue;
        }
        let shown = said.lines().find(|line| line.starts_with(&format!("{BROKEN}{rule:?}")));
        let Some(shown) = shown.filter(|_| output.status.success() && said.contains(DONE)) else {
            panic!("{law:?} in mode {mode}: the record does not show {rule:?}: {said}")
        };
        println!("  {law:?} in mode {mode}: {}", shown.trim_start_matches(BROKEN));
    }
    if missing.is_empty() { Ok(()) } else { Err(Ignored(missing.join("; "))) }
}
