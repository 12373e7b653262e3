//! Which of the library's errors the tests have seen.

use crate::harness::{Ignored, tests};
use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};
use vksvm::{Error, Result};

tests![every_variant_was_provoked];

static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Whether the whole program runs, so that every variant must come up.
pub static ALL_RUN: AtomicBool = AtomicBool::new(false);

/// Variants that no program on this device can meet, and where they are provoked instead.
const ELSEWHERE: &[(&str, &str)] = &[
    ("GlslName", "no device is needed: the tests of glsl_declarations"),
    ("Glsl", "needs the feature glsl: vksvm's own tests"),
    ("SegmentExceeded", "needs a device that translates addresses by segment: the heap's own tests"),
];

/// The variant's name, from its `Debug`.
fn name(error: &Error) -> String {
    let text = format!("{error:?}");
    text.split([' ', '{', '(']).next().unwrap_or_default().to_string()
}

/// Notes a variant that was seen by other means than [`refused`].
pub fn saw(variant: &str) {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(variant.into());
}

/// The message of an error, which must be of this variant.
#[track_caller]
pub fn refused<T>(result: Result<T>, variant: &str) -> String {
    let Err(error) = result else { panic!("no error, where {variant} was expected") };
    assert_eq!(name(&error), variant, "{error}");
    saw(variant);
    error.to_string()
}

/// As [`refused`], and the message says all of this.
#[track_caller]
pub fn refused_saying<T>(result: Result<T>, variant: &str, parts: &[&str]) {
    let message = refused(result, variant);
    for part in parts {
        assert!(message.contains(part), "'{message}' does not say '{part}'");
    }
}

/// The variants of the library's error type, from its source: the type is `non_exhaustive`, so that no `match` here
/// would fail to compile over a new one.
fn variants() -> BTreeSet<String> {
    let source = include_str!("../../runtime/src/error.rs");
    let (_, rest) = source.split_once("pub enum Error {").expect("the error type");
    let (body, _) = rest.split_once("\n}").expect("its end");
    let indented = body.lines().filter_map(|line| line.strip_prefix("    "));
    let heads = indented.filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    heads.filter_map(|line| line.split([' ', ',', '(', '{']).next()).map(String::from).collect()
}

fn every_variant_was_provoked() -> Result<(), Ignored> {
    let all = variants();
    assert!(all.contains("NoVulkan") && all.contains("NotStarted") && all.len() > 20, "{all:?}");
    for (variant, _) in ELSEWHERE {
        assert!(all.contains(*variant), "{variant} is no variant any more");
    }
    if !ALL_RUN.load(SeqCst) {
        return Err(Ignored("only a run of all tests meets all variants".into()));
    }
    let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let elsewhere = |variant: &String| ELSEWHERE.iter().any(|(name, _)| name == variant);
    let missed: Vec<_> = all.into_iter().filter(|v| !seen.contains(v) && !elsewhere(v)).collect();
    assert!(missed.is_empty(), "no test provokes {}", missed.join(", "));
    Ok(())
}
