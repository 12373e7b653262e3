//! Lowers modules of the corpus with changes that libFuzzer chooses.

#![no_main]
// The modules below belong to the tests, which use all of them.
#![allow(dead_code)]

#[path = "../../tests/lowering/forms.rs"]
mod forms;
#[path = "../../tests/lowering/modules.rs"]
mod modules;
#[path = "../../tests/lowering/mutate.rs"]
mod mutate;

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// Edits of one module.
const EDITS: usize = 12;

static MODULES: LazyLock<Vec<modules::Module>> =
    LazyLock::new(|| modules::corpus().into_iter().chain(modules::refused()).collect());

fuzz_target!(|data: &[u8]| {
    let choices = &mut mutate::Choices::new(data);
    let module = &MODULES[choices.below(MODULES.len())];
    let translation = forms::translation(choices);
    let words = mutate::mutated(&module.words, EDITS, choices);
    forms::lowered(&words, translation);
});
