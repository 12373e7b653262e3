//! The corpus with random changes: never a panic, and where the changed module is still valid, so is what comes out.

use std::env;

use crate::{
    forms::{lowered, translation},
    modules::{Module, corpus, refused},
    mutate::{Choices, mutated},
    spirv_val::validate,
};

/// How many changed modules a test lowers; the environment variable asks for more.
const MUTATIONS: &str = "VKSVM_SPIRV_MUTATIONS";

/// The first one's number, to go on elsewhere or to repeat one.
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

/// Runs `test` on changed modules, and says which one it was if it panics.
fn each(modules: &[Module], default: u64, mut test: impl FnMut(&str, Vec<u32>, &mut Choices<'_>)) {
    let first = number(FIRST, 0);
    for seed in first..first + number(MUTATIONS, default) {
        let bytes = bytes(seed);
        let choices = &mut Choices::new(&bytes);
        let module = &modules[choices.below(modules.len())];
        let shown = Shown(format!("mutation {seed} of {}", module.name));
        test(&shown.0, mutated(&module.words, choices), choices);
    }
}

/// Printed if a panic drops it.
struct Shown(String);

impl Drop for Shown {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: {FIRST}=N {MUTATIONS}=1 repeats it", self.0);
        }
    }
}

#[test]
fn never_a_panic() {
    let modules: Vec<_> = corpus().into_iter().chain(refused()).collect();
    let mut lowered_too = 0;
    each(&modules, 20_000, |_, words, choices| {
        lowered_too += usize::from(lowered(&words, translation(choices)).is_some());
    });
    // Else the test would show only that nonsense is refused.
    assert!(lowered_too > 0, "no changed module was lowered");
}

#[test]
fn valid_stays_valid() {
    let modules = corpus();
    let (mut valid, mut wrong) = (0, vec![]);
    each(&modules, 400, |name, words, choices| {
        let Some(lowered) = lowered(&words, translation(choices)) else { return };
        if validate(&words).is_ok() {
            valid += 1;
            wrong.extend(validate(&lowered).err().map(|error| format!("{name}: {error}")));
        }
    });
    assert!(valid > 0, "no changed module was valid");
    assert!(wrong.is_empty(), "{} of {valid} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
