//! vksvm's device tests: one program, a module per concern.
//!
//! The tests run one at a time, so that what the validation layer says can be told to the test that caused it. Each is
//! watched: one that hangs ends the program with its name. A test that cannot run here is reported as ignored, with the
//! reason.

mod child;
mod discrete;
mod failures;
mod harness;
mod heap;
mod input;
mod kernels;
mod launch;
mod log;
mod lowering;
mod memory;
mod plan;
mod selection;
mod translation;
mod ui;
mod validation;
mod variants;

use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;

fn main() -> ExitCode {
    log::install();
    if let Some(code) = child::act() {
        return code;
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    if !arguments.list {
        harness::introduce();
    }
    let whole = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.ignored;
    variants::ALL_RUN.store(whole, std::sync::atomic::Ordering::SeqCst);
    let tests = [
        validation::tests(),
        selection::tests(),
        plan::tests(),
        launch::tests(),
        heap::tests(),
        memory::tests(),
        translation::tests(),
        input::tests(),
        of("first", failures::tests),
        discrete::tests(),
        lowering::tests(),
        of("second", ui::tests),
        of("first", variants::tests),
    ];
    libtest_mimic::run(&arguments, tests.into_iter().flatten().collect()).exit_code()
}

/// What belongs to this share: see [`harness::has_share`].
fn of(share: &str, tests: fn() -> Vec<Trial>) -> Vec<Trial> {
    if harness::has_share(share) { tests() } else { vec![] }
}
