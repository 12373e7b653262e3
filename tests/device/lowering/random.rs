//! Generated modules in every way.

use super::{
    case::{Case, HEAP},
    generated::{
        image::{arguments, image},
        invent::invent,
        write::write,
    },
    job::{Id, Job, Outcome},
    needs,
    ways::Way,
    worker::spread,
};
use crate::harness::{Ignored, trial_within};
use libtest_mimic::Trial;
use std::{collections::BTreeMap, env, time::Duration};

/// How many modules are generated, and from which seed on.
const COUNT: &str = "VKSVM_LOWERING_COUNT";
const SEED: &str = "VKSVM_LOWERING_SEED";

/// What CI has time for.
const DEFAULT_COUNT: u64 = 100;

/// The case of a seed.
pub fn case(seed: u64) -> Case {
    let recipe = invent(seed);
    Case {
        name: format!("generated {seed}"),
        words: write(&recipe).words,
        image: image(&recipe, HEAP),
        arguments: arguments(&recipe, HEAP),
        groups: [recipe.groups, 1, 1],
    }
}

/// The ways of a seed: the finest table, which notices the most, and one of the others.
pub fn job(seed: u64) -> Job {
    let others = Way::LOWERED.len() - 1;
    let other = Way::LOWERED[1 + (seed % others as u64) as usize];
    Job { ways: vec![Way::LOWERED[0], other], ..Job::new(Id::Generated(seed)) }
}

fn number(name: &str, otherwise: u64) -> u64 {
    match env::var(name).ok().filter(|text| !text.is_empty()) {
        Some(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        None => otherwise,
    }
}

pub fn tests() -> Vec<Trial> {
    // A machine with nothing else to do runs some ten modules a second.
    let limit = Duration::from_secs(300).max(Duration::from_millis(500 * number(COUNT, DEFAULT_COUNT)));
    vec![trial_within(limit, module_path!(), "generated_modules", generated_modules)]
}

fn generated_modules() -> Result<(), Ignored> {
    needs()?;
    let (first, count) = (number(SEED, 0), number(COUNT, DEFAULT_COUNT));
    let outcomes = spread(count as usize, |worker, index| {
        // Who asks for one wants to look at it.
        let outcome = worker.judge(&Job { dump: count == 1, ..job(first + index as u64) });
        if let Outcome::Wrong(wrongs) = &outcome {
            // At once: a long run may be ended before its end.
            println!("generated/{}: {}", first + index as u64, wrongs[0]);
        }
        outcome
    });
    let mut skipped = BTreeMap::<_, u64>::new();
    let mut wrong = vec![];
    for (seed, outcome) in (first..).zip(&outcomes) {
        match outcome {
            Outcome::Agrees | Outcome::Unaffected => {}
            Outcome::Skipped(reason) => *skipped.entry(reason).or_default() += 1,
            Outcome::Wrong(wrongs) => wrong.extend(wrongs.iter().map(|w| format!("generated/{seed}: {w}"))),
        }
    }
    let agree = outcomes.iter().filter(|outcome| **outcome == Outcome::Agrees).count();
    println!("generated: {agree} of {count} modules agree, from seed {first} on");
    for (reason, times) in skipped {
        println!("generated: {times} modules skipped: {reason}");
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}
