//! What an input of the target `mutated` stands for.

use std::sync::LazyLock;

use vksvm_spirv::Translation;

use crate::{forms, modules, mutate};

/// Edits of one module.
const EDITS: usize = 12;

static MODULES: LazyLock<Vec<modules::Module>> =
    LazyLock::new(|| modules::corpus().into_iter().chain(modules::refused()).collect());

/// A module of the corpus with the changes that the input says, and what to lower it to.
pub fn case(input: &[u8]) -> (Vec<u32>, Translation) {
    let choices = &mut mutate::Choices::new(input);
    let module = &MODULES[choices.below(MODULES.len())];
    let translation = forms::translation(choices);
    (mutate::mutated(&module.words, EDITS, choices), translation)
}
