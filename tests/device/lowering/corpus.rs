//! The corpus: hand-written modules, one idiom each, that share an interface and an image.

use super::{
    case::Case,
    image::{GROUPS, INVOCATIONS, arguments, image},
    job::{Id, Job, Outcome},
    needs,
    worker::spread,
};
use crate::harness::{Ignored, trial_within, validated};
use libtest_mimic::Trial;
use std::{fs, path::PathBuf, time::Duration};

/// Where the modules are.
fn directory() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../runtime/spirv/corpus"))
}

/// The modules' names.
pub fn names() -> Vec<String> {
    let entries = fs::read_dir(directory()).map(|entries| entries.filter_map(Result::ok)).into_iter().flatten();
    let mut names: Vec<_> =
        entries.filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".spv")?.to_string())).collect();
    names.sort();
    names
}

/// A module on the image of a seed.
pub fn case(name: &str, seed: u64) -> Case {
    let path = directory().join(format!("{name}.spv"));
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let words = bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes"))).collect();
    let (image, arguments) = (image(seed), arguments(seed));
    Case { name: format!("{name} {seed}"), words, image, arguments, groups: GROUPS }
}

/// Whether a module follows wild addresses, which only tables catch: `wild.glsl` says what is expected of those.
pub fn is_wild(name: &str) -> bool {
    name.starts_with("wild_")
}

/// What a wild module leaves: every invocation has counted itself, because it found what it should, and nothing else has changed.
pub fn expected_of_wild(case: &Case) -> Vec<u8> {
    let mut image = case.image.clone();
    let counters = super::image::root(&image, 17);
    image[counters..][..4].copy_from_slice(&INVOCATIONS.to_le_bytes());
    image
}

/// Modules that the validation layer cannot take, and why.
const WITHOUT_LAYER: &[(&str, &str)] = &[(
    "shared_pointers",
    "to size shared memory the layer follows pointers into what they point to, and never ends where that is a list (1.3.239)",
)];

/// Modules that no Mesa here can run, and why that is little loss.
const SKIPPED: &[(&str, &str)] = &[
    (
        "atomics_float_min_max",
        "the library switches no such atomics on; lowering rewrites all atomics alike, and spirv-val takes it",
    ),
    ("atomics_float_wide", "lavapipe has none of doubles; lowering rewrites all atomics alike, and spirv-val takes it"),
];

/// Whether the validation layer can take a module.
pub fn takes_layer(name: &str) -> bool {
    !WITHOUT_LAYER.iter().any(|(without, _)| *without == name)
}

pub fn tests() -> Vec<Trial> {
    let limit = LIMIT * u32::try_from(images()).unwrap_or(u32::MAX);
    vec![trial_within(limit, module_path!(), "every_module_in_every_way", every_module_in_every_way)]
}

/// How long the modules may take with one image, in all ways and on two busy cores.
const LIMIT: Duration = Duration::from_secs(300);

/// Only modules whose name contains this run, in all ways, and their files are written.
const ONLY: &str = "VKSVM_LOWERING_CASE";

/// How many images each module runs on; one if unset. Pages lie elsewhere with each, too.
const IMAGES: &str = "VKSVM_LOWERING_IMAGES";

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn images() -> u64 {
    variable(IMAGES).map_or(1, |n| n.parse().unwrap_or_else(|_| panic!("{IMAGES}={n} is no number")))
}

/// What the environment asks for: the cases, and whether somebody wants to look at them.
fn asked() -> (Vec<Id>, bool) {
    let (only, images) = (variable(ONLY), images());
    let named = names().into_iter().filter(|name| only.as_ref().is_none_or(|only| name.contains(only)));
    let ids: Vec<_> = named.flat_map(|name| (0..images).map(move |image| Id::Corpus(name.clone(), image))).collect();
    assert!(!ids.is_empty(), "no module in {} is named like {only:?}", directory().display());
    (ids, only.is_some())
}

fn every_module_in_every_way() -> Result<(), Ignored> {
    needs()?;
    let (ids, dump) = asked();
    let outcomes = spread(ids.len(), |worker, index| {
        let job = Job::new(ids[index].clone());
        let ways = if dump { ids[index].all_ways() } else { job.ways.clone() };
        worker.judge(&Job { dump, ways, ..job })
    });
    let mut wrong = vec![];
    for (id, outcome) in ids.iter().zip(&outcomes) {
        match outcome {
            Outcome::Agrees => {}
            Outcome::Skipped(reason) => match SKIPPED.iter().find(|(name, _)| id.is_module(name)) {
                Some((_, why)) => println!("{id}: skipped: {reason}: {why}"),
                None => wrong.push(format!("{id}: skipped, and nobody says why: {reason}")),
            },
            Outcome::Unaffected => unreachable!("nothing is broken"),
            Outcome::Wrong(wrongs) => wrong.extend(wrongs.iter().map(|w| format!("{id}: {w}"))),
        }
    }
    for (name, reason) in WITHOUT_LAYER {
        if validated() && ids.iter().any(|id| id.is_module(name)) {
            println!("corpus/{name}: run without the validation layer: {reason}");
        }
    }
    let agree = outcomes.iter().filter(|outcome| **outcome == Outcome::Agrees).count();
    println!("corpus: {agree} of {} modules agree in all ways that they ran in", ids.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}
