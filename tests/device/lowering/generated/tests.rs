//! The tests with generated modules.

use super::{
    case, cuts_for,
    evaluate::{PAGES, watch},
    recipe, shrink,
    write::{FEATURES, write},
};
use crate::{
    harness::{Ignored, device, trial, trial_within},
    lowering::{
        job::{Id, Job, Kind, Outcome, Wrong},
        needs, validity,
        ways::Way,
        worker::{Worker, spread},
    },
};
use libtest_mimic::Trial;
use std::{collections::BTreeMap, env, ops::Range, time::Duration};

/// The seeds to run, as `FIRST..END` or as a number of them. Thousands take long: raise [`MINUTES`] with them.
const SEEDS: &str = "VKSVM_GENERATED_SEEDS";

/// Minutes that the seeds may take.
const MINUTES: &str = "VKSVM_GENERATED_MINUTES";

/// A seed, and the cuts after it, all divided by commas: this case alone, with its recipe and its files.
const ONE: &str = "VKSVM_GENERATED_CASE";

/// Seeds where none are asked for.
const USUAL: u64 = 80;

/// Recipes that are tried for a smaller one, and failures of a run that are made smaller.
const TRIES: usize = 400;
const SHRUNK: usize = 3;

pub fn tests() -> Vec<Trial> {
    let minutes = env::var(MINUTES).ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let limit = Duration::from_secs(60 * minutes);
    vec![
        trial(module_path!(), "every_feature_occurs", every_feature_occurs),
        trial(module_path!(), "accesses_straddle_pages", accesses_straddle_pages),
        trial(module_path!(), "all_are_valid", all_are_valid),
        trial(module_path!(), "shrinks_to_what_matters", shrinks_to_what_matters),
        trial_within(limit, module_path!(), "all_agree_in_every_way", all_agree_in_every_way),
    ]
}

fn seeds() -> Range<u64> {
    let Ok(text) = env::var(SEEDS) else { return 1..1 + USUAL };
    let number = |text: &str| text.trim().parse::<u64>().unwrap_or_else(|e| panic!("{SEEDS}={text}: {e}"));
    match text.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => 1..1 + number(&text),
    }
}

/// Nothing that modules should be made of is silently left out, and some modules have each.
fn every_feature_occurs() {
    const MODULES: u64 = 400;
    let mut with = BTreeMap::<&str, usize>::new();
    for seed in 1..=MODULES {
        let seen = write(&shrink::recipe(seed, &[])).seen;
        seen.keys().for_each(|feature| *with.entry(feature).or_default() += 1);
    }
    println!("of {MODULES} modules, so many have");
    for feature in FEATURES {
        let count = with.get(feature).copied().unwrap_or_default();
        println!("{:5.1} %  {feature}", 100.0 * count as f64 / MODULES as f64);
    }
    let missing: Vec<_> = FEATURES.iter().filter(|feature| with.get(*feature).is_none_or(|n| *n < 2)).collect();
    assert!(missing.is_empty(), "hardly any of {MODULES} modules has {missing:?}");
    let unknown: Vec<_> = with.keys().filter(|feature| !FEATURES.contains(feature)).collect();
    assert!(unknown.is_empty(), "not in the list: {unknown:?}");
}

/// Pages of all sizes are straddled, or the most dangerous accesses would not be there.
fn accesses_straddle_pages() {
    const MODULES: u64 = 150;
    let mut straddles = [0; PAGES.len()];
    for seed in 1..=MODULES {
        let seen = watch(&case(seed, &[])).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        straddles.iter_mut().zip(seen.straddles).for_each(|(all, these)| *all += these);
    }
    println!("vectors that straddle pages of 2^{PAGES:?} bytes in {MODULES} modules: {straddles:?}");
    assert!(straddles[0] >= 400 && straddles[1] >= 150 && straddles[2] >= 20, "too few straddle: {straddles:?}");
}

/// What spirv-val would refuse says nothing about lowering. Smaller ones must be valid too.
fn all_are_valid() -> Result<(), Ignored> {
    needs()?;
    let invalid = |seed: u64, cuts: &[u32]| {
        let case = case(seed, cuts);
        case.check();
        validity::start(&case.words).finish().err().map(|text| format!("{seed} {cuts:?}: {text}"))
    };
    let whole = (1..=100).filter_map(|seed| invalid(seed, &[]));
    let mut random = fastrand::Rng::with_seed(7);
    let cut = (1..=100).filter_map(|seed| {
        let cuts: Vec<u32> = (0..random.usize(1..30)).map(|_| random.u32(..1000)).collect();
        invalid(seed, &cuts)
    });
    let wrong: Vec<_> = whole.chain(cut).collect();
    assert!(wrong.is_empty(), "spirv-val refuses {}", wrong.join("\n"));
    Ok(())
}

/// Of a recipe that "fails" because of one thing, little else is left, within the bound and always the same.
fn shrinks_to_what_matters() {
    for (seed, feature) in [(1, "atomic.shared"), (2, "store.struct"), (3, "pointer.OpPhi"), (5, "copy.heap to heap")] {
        let has = |seed: u64, cuts: &[u32]| write(&shrink::recipe(seed, cuts)).seen.contains_key(feature);
        let Some(seed) = (seed..seed + 20).find(|seed| has(*seed, &[])) else { panic!("{feature} is rare") };
        let bad = |cuts: &[u32]| has(seed, cuts);
        let mut tried = 0;
        let counted = |cuts: &[u32]| {
            tried += 1;
            bad(cuts)
        };
        let cuts = shrink::shrink(seed, vec![], 2000, counted);
        let small = shrink::recipe(seed, &cuts);
        assert!(bad(&cuts), "{feature}: lost on the way");
        assert!(tried <= 2000, "{feature}: {tried} tries");
        assert_eq!(cuts, shrink::shrink(seed, vec![], 2000, bad), "{feature}: another result the second time");
        // What the feature needs may be more than one step, or lie in a function.
        assert!(small.steps() <= 3, "{feature}: still {} steps: {small:#?}", small.steps());
        assert!(small.functions.len() <= 1, "{feature}: still {} functions", small.functions.len());
        assert_eq!((small.invocations, small.groups), (1, 1), "{feature}");
    }
}

fn job(seed: u64, cuts: &[u32]) -> Job {
    Job::new(Id::Generated(seed, cuts.to_vec()))
}

fn all_agree_in_every_way() -> Result<(), Ignored> {
    needs()?;
    if let Ok(text) = env::var(ONE) {
        return one(&text);
    }
    let range = seeds();
    let driver = device().as_ref().map(|c| c.driver.clone()).unwrap_or_default();
    let cases: Vec<(u64, Vec<u32>)> = range.clone().map(|seed| (seed, cuts_for(&driver, seed))).collect();
    let count = cases.len();
    let tamed = cases.iter().filter(|(_, cuts)| !cuts.is_empty()).count();
    println!("generated: seeds {range:?}; {tamed} without something that this driver gets wrong by itself");
    let outcomes = spread(count, |worker, index| {
        let (seed, cuts) = &cases[index];
        let outcome = worker.judge(&job(*seed, cuts));
        let Outcome::Wrong(wrongs) = &outcome else { return outcome };
        println!("seed {seed}: {}", wrongs[0]);
        if wrongs.iter().any(|wrong| wrong.kind != Kind::Stuck) {
            return outcome;
        }
        // Of thousands of modules one may have to wait that long for a processor.
        println!("seed {seed}: once more, with more time");
        worker.judge(&Job { milliseconds: 120_000, ..job(*seed, cuts) })
    });
    let mut wrong = Vec::new();
    let mut skipped = 0;
    for ((seed, cuts), outcome) in cases.into_iter().zip(&outcomes) {
        match outcome {
            Outcome::Agrees => {}
            Outcome::Skipped(reason) => {
                skipped += 1;
                println!("seed {seed}: skipped: {reason}");
            }
            Outcome::Unaffected => unreachable!("nothing is broken"),
            Outcome::Wrong(wrongs) => wrong.push((seed, cuts, wrongs)),
        }
    }
    println!("generated: {} agree, {skipped} skipped, {} wrong", count - skipped - wrong.len(), wrong.len());
    assert!(skipped * 10 <= count, "{skipped} of {count} modules could not run");
    let mut worker = Worker::default();
    let reports: Vec<String> = wrong
        .iter()
        .take(SHRUNK)
        .map(|(seed, cuts, wrongs)| smallest(&mut worker, *seed, cuts.clone(), wrongs))
        .collect();
    let all: Vec<u64> = wrong.iter().map(|(seed, ..)| *seed).collect();
    assert!(wrong.is_empty(), "{} wrong: {all:?}\n{}", wrong.len(), reports.join("\n"));
    Ok(())
}

/// Makes a failing case smaller, and says all about it.
fn smallest(worker: &mut Worker, seed: u64, cuts: Vec<u32>, wrongs: &[Wrong]) -> String {
    let first = &wrongs[0];
    let cuts = shrink::shrink(seed, cuts, TRIES, |cuts| {
        let ways = if first.way == Way::Plain { vec![Way::Plain] } else { vec![first.way] };
        let job = Job { ways, stop_early: true, milliseconds: 5_000, ..Job::new(Id::Generated(seed, cuts.to_vec())) };
        // The same kind of failure: another one would be another story.
        matches!(worker.judge(&job), Outcome::Wrong(wrongs) if wrongs[0].kind == first.kind)
    });
    let outcome = worker.judge(&Job { dump: true, ..job(seed, &cuts) });
    describe(seed, &cuts, &outcome)
}

fn describe(seed: u64, cuts: &[u32], outcome: &Outcome) -> String {
    let recipe: recipe::Recipe = shrink::recipe(seed, cuts);
    let notes = write(&recipe).notes.join("\n");
    let numbers: Vec<String> =
        [seed].into_iter().chain(cuts.iter().map(|cut| u64::from(*cut))).map(|n| n.to_string()).collect();
    format!("{ONE}={}\n{recipe:#?}\n{notes}\n{outcome:#?}\n", numbers.join(","))
}

/// One case alone.
fn one(text: &str) -> Result<(), Ignored> {
    let numbers: Vec<u64> =
        text.split(',').map(|n| n.trim().parse().unwrap_or_else(|e| panic!("{ONE}={text}: {e}"))).collect();
    let cuts: Vec<u32> = numbers[1..].iter().map(|cut| *cut as u32).collect();
    let outcome = Worker::default().judge(&Job { dump: true, ..job(numbers[0], &cuts) });
    let report = describe(numbers[0], &cuts, &outcome);
    println!("{report}");
    assert_eq!(outcome, Outcome::Agrees);
    Ok(())
}
