//! Lowers modules of the corpus with changes that libFuzzer chooses.

#![no_main]
// The modules below belong to the tests, which use all of them.
#![allow(dead_code)]

mod case;
#[path = "../../tests/lowering/forms.rs"]
mod forms;
#[path = "../../tests/lowering/modules.rs"]
mod modules;
#[path = "../../tests/lowering/mutate.rs"]
mod mutate;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (words, translation) = case::case(data);
    forms::lowered(&words, translation);
});
