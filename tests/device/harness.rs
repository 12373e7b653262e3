//! How a test is run: watched, and judged by what the validation layer said.

use crate::log;
use libtest_mimic::{Completion, Failed, Trial};
use std::{
    any::Any,
    panic::catch_unwind,
    process::abort,
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};
use vksvm::{Capabilities, Error, Placement, Svm, seam::validation_messages};

/// No test takes nearly as long, on two busy cores and under validation; one that does hangs.
const LIMIT: Duration = Duration::from_secs(300);

/// What a test's body may return.
pub trait Verdict: Send + 'static {
    fn completion(self) -> Completion;
}

impl Verdict for () {
    fn completion(self) -> Completion {
        Completion::Completed
    }
}

/// Why the test cannot run here.
pub struct Ignored(pub String);

impl Verdict for Result<(), Ignored> {
    fn completion(self) -> Completion {
        match self {
            Ok(()) => Completion::Completed,
            Err(Ignored(reason)) => Completion::ignored_with(reason),
        }
    }
}

/// Makes `fn tests()`, the list of a module's tests.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub fn tests() -> Vec<libtest_mimic::Trial> {
            vec![$($crate::harness::trial(module_path!(), stringify!($name), $name)),*]
        }
    };
}
pub(crate) use tests;

/// A test of a module, watched for as long as tests may take.
pub fn trial<R: Verdict>(module: &str, name: &str, body: fn() -> R) -> Trial {
    trial_within(LIMIT, module, name, body)
}

/// A test that may take this long.
pub fn trial_within<R: Verdict>(limit: Duration, module: &str, name: &str, body: fn() -> R) -> Trial {
    let name = format!("{}::{name}", module.trim_start_matches("device::"));
    let title = name.clone();
    Trial::ignorable_test(name, move || {
        if let Err(error @ (Error::NoVulkan { .. } | Error::NoDevice { .. })) = device() {
            return Ok(Completion::ignored_with(error));
        }
        let before = validation_messages().len();
        let (send, receive) = mpsc::channel();
        let thread = thread::Builder::new().name(title.clone()).spawn(move || {
            let result = catch_unwind(move || body().completion());
            let _ = send.send(result.map_err(|panic| text_of(&*panic)));
        })?;
        let result = receive.recv_timeout(limit).unwrap_or_else(|_| {
            eprintln!("\ntest {title} has not ended after {limit:?}; log:\n{}", log::all().join("\n"));
            abort()
        });
        // It has sent its last; what is left of it is its thread's end.
        let _ = thread.join();
        let said = validation_messages().split_off(before);
        match result {
            _ if !said.is_empty() => Err(Failed::from(format!("validation, {} messages: {}", said.len(), said[0]))),
            Ok(completion) => Ok(completion),
            Err(panic) => Err(Failed::from(panic)),
        }
    })
}

/// The text of a panic.
pub fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without text").to_string()
}

/// What the tests run on.
pub fn device() -> &'static Result<Capabilities, Error> {
    static DEVICE: OnceLock<Result<Capabilities, Error>> = OnceLock::new();
    DEVICE.get_or_init(|| Svm::open().map(|svm| svm.capabilities().clone()))
}

/// Whether the tests run under the validation layer: the builder's rule for its variable.
pub fn validated() -> bool {
    std::env::var("VKSVM_VALIDATION").is_ok_and(|value| !value.is_empty() && value != "0")
}

/// Prints what the tests run on.
pub fn introduce() {
    match device() {
        Ok(c) => println!("device '{}' ({}), Vulkan {}", c.device, c.driver, c.vulkan),
        Err(error) => println!("no device: {error}"),
    }
    println!("validation {}", if validated() { "on" } else { "off (VKSVM_VALIDATION=1 turns it on)" });
}

/// An `Svm` with everything at its default.
pub fn open() -> Svm {
    Svm::open().expect("the device that the test program introduced itself with")
}

/// For tests whose kernels watch memory that the program writes while they run: only a CPU device in unified placement promises
/// that.
pub fn needs_cpu_device() -> Result<(), Ignored> {
    match device() {
        Ok(c) if c.placement != Placement::Unified => {
            Err(Ignored("in discrete placement the program does not write what a launch uses".into()))
        }
        Ok(c) if !c.is_cpu => Err(Ignored(format!("'{}' need not see the program's writes during a launch", c.device))),
        _ => Ok(()),
    }
}

/// Whether this share of the batteries that take long is run, `first` or `second`: where the tests run on two drivers,
/// `VKSVM_TEST_SHARE` gives each its own. Without it both are.
pub fn has_share(share: &str) -> bool {
    std::env::var("VKSVM_TEST_SHARE").map_or(true, |only| only.is_empty() || only == share)
}
