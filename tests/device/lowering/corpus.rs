//! The corpus: hand-written modules, one idiom each, that share an interface and an image.

use super::{
    case::Case,
    image::{GROUPS, INVOCATIONS, arguments, image},
    job::{Id, Job, Outcome},
    needs,
    worker::spread,
};
use crate::harness::{Ignored, trial, validated};
use libtest_mimic::Trial;
use std::{fs, path::PathBuf};

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
    Case { name: name.into(), words, image, arguments, groups: GROUPS }
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

/// Why the validation layer cannot take a module, if it cannot.
pub fn beyond_layer(name: &str) -> Option<&'static str> {
    WITHOUT_LAYER.iter().find(|(without, _)| *without == name).map(|(_, reason)| *reason)
}

pub fn tests() -> Vec<Trial> {
    vec![trial(module_path!(), "every_module_in_every_way", every_module_in_every_way)]
}

/// Only cases whose name contains this run, and their files are written.
const ONLY: &str = "VKSVM_LOWERING_CASE";

fn every_module_in_every_way() -> Result<(), Ignored> {
    needs()?;
    let only = std::env::var(ONLY).ok().filter(|only| !only.is_empty());
    let names: Vec<_> =
        names().into_iter().filter(|name| only.as_ref().is_none_or(|only| name.contains(only))).collect();
    assert!(!names.is_empty(), "no module in {} is named like {only:?}", directory().display());
    let outcomes = spread(names.len(), |worker, index| {
        worker.judge(&Job { dump: only.is_some(), ..Job::new(Id::Corpus(names[index].clone(), 0)) })
    });
    let mut wrong = vec![];
    for (name, outcome) in names.iter().zip(&outcomes) {
        match outcome {
            Outcome::Agrees => {}
            Outcome::Skipped(reason) => println!("corpus/{name}: skipped: {reason}"),
            Outcome::Unaffected => unreachable!("nothing is broken"),
            Outcome::Wrong(wrongs) => wrong.extend(wrongs.iter().map(|w| format!("corpus/{name}: {w}"))),
        }
    }
    for name in names.iter().filter(|_| validated()) {
        if let Some(reason) = beyond_layer(name) {
            println!("corpus/{name}: run without the validation layer: {reason}");
        }
    }
    let agree = outcomes.iter().filter(|outcome| **outcome == Outcome::Agrees).count();
    println!("corpus: {agree} of {} modules agree in all ways that they ran in", names.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}
