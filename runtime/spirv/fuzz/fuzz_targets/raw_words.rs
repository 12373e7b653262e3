//! Lowers what libFuzzer makes of modules, or of nothing.

#![no_main]
// The modules below belong to the tests, which use all of them.
#![allow(dead_code)]

#[path = "../../tests/lowering/forms.rs"]
mod forms;
#[path = "../../tests/lowering/mutate.rs"]
mod mutate;

use libfuzzer_sys::fuzz_target;

/// Bytes at the end that also decide the translation, so that any module is a seed as it is.
const DECIDING: usize = 40;

fuzz_target!(|data: &[u8]| {
    let words: Vec<u32> = data.as_chunks().0.iter().copied().map(u32::from_le_bytes).collect();
    let choices = &mut mutate::Choices::new(&data[data.len().saturating_sub(DECIDING)..]);
    forms::lowered(&words, forms::translation(choices));
});
