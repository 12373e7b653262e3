//! That the validation layer is heard: a test that does something forbidden fails.
//!
//! # Safety
//! [`provoke`] breaks the promise of `load` on purpose, in a process of its own.
#![allow(unsafe_code)]

use crate::{
    child,
    harness::{Ignored, open, tests, trial, validated},
    kernels::Add,
};
use libtest_mimic::Arguments;

tests![a_message_of_the_layer_fails_the_test];

fn a_message_of_the_layer_fails_the_test() -> Result<(), Ignored> {
    if !validated() {
        return Err(Ignored("VKSVM_VALIDATION is not set".into()));
    }
    let output = child::play("provoke_validation", &[]);
    let said = child::said(&output);
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains("test validation::forbidden ... FAILED") && said.contains("SPIR-V module not valid"),
        "{said}"
    );
    let output = child::play("provoke_validation", &[("VKSVM_VALIDATION", "0")]);
    assert!(
        output.status.success(),
        "without the layer nothing is heard, so it is the layer: {}",
        child::said(&output)
    );
    Ok(())
}

/// Runs one test, which hands Vulkan a module that is not valid.
pub fn provoke() {
    let arguments = Arguments { test_threads: Some(1), ..Default::default() };
    libtest_mimic::run(&arguments, vec![trial("validation", "forbidden", forbidden)]).exit();
}

fn forbidden() {
    /// Integer and floating-point addition: the same operands, but of other types.
    const I_ADD: u32 = 128;
    const F_ADD: u32 = 129;
    let mut module = include_bytes!("../kernels/add.spv").to_vec();
    let mut at = 20;
    let mut changed = false;
    while at < module.len() {
        let word = u32::from_le_bytes(module[at..at + 4].try_into().expect("four bytes"));
        if word & 0xffff == I_ADD {
            module[at..at + 4].copy_from_slice(&(word & !0xffff | F_ADD).to_le_bytes());
            changed = true;
        }
        at += 4 * (word >> 16) as usize;
    }
    assert!(changed);
    let svm = open();
    // SAFETY: none: the module is invalid. Drivers add the numbers one way or the other, and nothing is launched.
    let loaded = unsafe { svm.module(&module).load::<Add<'static>>() };
    assert!(loaded.is_ok(), "{loaded:?}");
}
