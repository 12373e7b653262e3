//! The corpus with random changes: never a panic, and where the changed module is still valid, so is what comes out.

use std::{env, fs};

use vksvm_spirv::Error;

use crate::{
    forms::{lowered, translation},
    modules::{Module, corpus, findings, refused, translations},
    mutate::{Choices, mutated},
    spirv_val::validate,
};

/// The environment variable that says how many changed modules a test lowers.
const MUTATIONS: &str = "VKSVM_SPIRV_MUTATIONS";

/// The environment variable with the first one's number, to go on elsewhere or, with one mutation, to repeat it.
const FIRST: &str = "VKSVM_SPIRV_FIRST_MUTATION";

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|error| panic!("{variable}: {error}")))
}

/// Random bytes of a seed (splitmix64).
fn bytes(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    };
    (0..16).flat_map(|_| next().to_le_bytes()).collect()
}

/// Runs `test` on modules with up to `edits` changes, and says which one it was if it panics.
fn each(modules: &[Module], default: u64, edits: usize, mut test: impl FnMut(&str, &[u32], &mut Choices<'_>)) {
    let (first, count) = (number(FIRST, 0), number(MUTATIONS, default));
    for seed in first..first + count {
        let bytes = bytes(seed);
        let choices = &mut Choices::new(&bytes);
        let module = &modules[choices.below(modules.len())];
        let words = mutated(&module.words, edits, choices);
        let shown = Shown { name: format!("mutation {seed} of {}", module.name), words };
        if count == 1 {
            println!("{}: {}", shown.name, kept(&shown.words));
        }
        test(&shown.name, &shown.words, choices);
    }
}

/// Printed and written to a file if a panic drops it.
struct Shown {
    name: String,
    words: Vec<u32>,
}

impl Drop for Shown {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} ({})", self.name, kept(&self.words));
        }
    }
}

/// Writes a module to a file, to be looked at.
fn kept(words: &[u32]) -> String {
    let file = env::temp_dir().join(format!("vksvm-mutation-{}.spv", std::process::id()));
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    fs::write(&file, bytes).map_or_else(|error| error.to_string(), |()| file.display().to_string())
}

#[test]
fn never_a_panic() {
    let modules: Vec<_> = corpus().into_iter().chain(refused()).collect();
    let mut lowered_too = 0;
    each(&modules, 20_000, 6, |_, words, choices| {
        lowered_too += usize::from(lowered(words, translation(choices)).is_some());
    });
    // Else the test would show only that nonsense is refused.
    assert!(lowered_too > 0 || env::var_os(MUTATIONS).is_some(), "no changed module was lowered");
}

#[test]
fn what_fuzzing_found() {
    let findings = findings();
    assert!(!findings.is_empty());
    for (name, words) in findings {
        let valid = validate(&words).is_ok();
        for (form, translation) in translations() {
            let Some(lowered) = lowered(&words, translation).filter(|_| valid) else { continue };
            validate(&lowered.words).unwrap_or_else(|error| panic!("{name} {form}: {error}"));
        }
    }
}

#[test]
fn valid_stays_valid() {
    let (modules, forms) = (corpus(), translations());
    let (mut valid, mut wrong) = (0, vec![]);
    each(&modules, 400, 2, |name, words, choices| {
        let Some(lowered) = lowered(words, forms[choices.below(forms.len())].1) else { return };
        if validate(words).is_ok() {
            valid += 1;
            if let Err(error) = validate(&lowered.words) {
                wrong.push(format!("{name} ({}): {error}", kept(words)));
            } else if !matches!(lowered.again, Some(Error::AlreadyLowered { .. })) {
                wrong.push(format!("{name} ({}): lowered again: {:?}", kept(words), lowered.again));
            }
        }
    });
    println!("{valid} changed modules were valid");
    assert!(valid > 0 || env::var_os(MUTATIONS).is_some(), "no changed module was valid");
    assert!(wrong.is_empty(), "{} of {valid} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
