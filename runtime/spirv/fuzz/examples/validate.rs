//! The second pass over what `mutated` found worth keeping:
//! `cargo run --release --example validate -- DIRECTORY…`. Where spirv-val takes a module as it is, it must take what
//! it is lowered to.

// The modules below belong to the tests, which use all of them.
#![allow(dead_code)]

#[path = "../fuzz_targets/case.rs"]
mod case;
#[path = "../../tests/lowering/forms.rs"]
mod forms;
#[path = "../../tests/lowering/modules.rs"]
mod modules;
#[path = "../../tests/lowering/mutate.rs"]
mod mutate;
#[path = "../../tests/lowering/spirv_val.rs"]
mod spirv_val;

use std::{env, fs, process::ExitCode};

fn main() -> ExitCode {
    let (mut inputs, mut valid, mut wrong) = (0, 0, 0);
    for directory in env::args_os().skip(1) {
        for entry in fs::read_dir(directory).expect("a directory of inputs") {
            let path = entry.expect("an input").path();
            inputs += 1;
            let (words, translation) = case::case(&fs::read(&path).expect("an input"));
            let Some(lowered) = forms::lowered(&words, translation) else { continue };
            if spirv_val::validate(&words).is_err() {
                continue;
            }
            valid += 1;
            if let Err(error) = spirv_val::validate(&lowered.words) {
                wrong += 1;
                println!("{} {translation:?}: {error}", path.display());
            }
        }
    }
    println!("{inputs} inputs, {valid} of them valid modules that were lowered, {wrong} of those wrong");
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
