//! Opening in discrete placement, with each call failing at each of its occurrences.

use crate::{
    discrete::Mode,
    failures::{RESULTS, counted, is_of, list},
    harness::{Ignored, trial},
    kernels,
};
use libtest_mimic::Trial;
use std::{collections::BTreeMap, fs::File, sync::Arc};
use vksvm::{
    Error, Faults, OsError, Result, Svm, SvmBuilder,
    seam::{Call, Failures, SystemCall, SystemFailures, VkResult},
};

/// Bytes of address space and of device memory: little, since they are had many times.
const HEAP: u64 = 8 << 20;
const BUDGET: u64 = 2 << 20;

pub fn tests() -> Vec<Trial> {
    macro_rules! trials {
        ($($name:ident),*) => { vec![$(trial(module_path!(), stringify!($name), $name)),*] };
    }
    trials![each_vulkan_call_fails_once, each_system_call_fails_once, a_refused_import_leaves_pages_that_move]
}

fn builder(mode: &Mode) -> SvmBuilder {
    mode.builder(HEAP, BUDGET)
}

/// Opens and loads a kernel.
fn open(builder: SvmBuilder) -> Result<Svm> {
    let svm = builder.open()?;
    kernels::try_add(&svm)?;
    Ok(svm)
}

/// The mode, if it works here.
fn works(name: &str) -> std::result::Result<&'static Mode, Ignored> {
    let mode = Mode::named(name);
    mode.open(HEAP, BUDGET).map(|_| mode)
}

fn each_vulkan_call_fails_once() -> std::result::Result<(), Ignored> {
    let mode = works("signal")?;
    for staged in [false, true] {
        let open = |failures: &Arc<Failures>| {
            let builder = builder(mode).failures(failures);
            open(if staged { builder.staged() } else { builder })
        };
        let dry = Failures::new();
        let counts = counted(&dry, || _ = open(&dry).expect("open"));
        let mut injected = 0;
        for (call, count) in counts.values() {
            for (at, which) in (0..*count).flat_map(|at| RESULTS.map(|result| (at, result))) {
                // Most of what is opened is the same in both: one result for each occurrence will do the second time.
                if staged && which != RESULTS[at as usize % RESULTS.len()] {
                    continue;
                }
                let failures = Failures::new();
                failures.fail(*call, at, 1, which);
                let opened = open(&failures);
                injected += failures.failed();
                match opened {
                    // How often a timeline is read depends on who comes first; of a reading that fails on the reaper's thread only the log tells.
                    Ok(_) => {
                        let absorbed = failures.failed() == 0 || *call == Call::GetSemaphoreCounterValue;
                        assert!(absorbed, "{} {at} {which:?}: opened nevertheless", call.name());
                    }
                    Err(error) => assert!(is_of(&error, *call, which), "{} {at} {which:?}: {error}", call.name()),
                }
                if at + 1 == *count {
                    failures.clear();
                    open(&failures).unwrap_or_else(|error| panic!("after {} {at}: {error}", call.name()));
                }
            }
        }
        println!("  {injected} failures while opening, staged {staged}: {}", list(&counts));
        assert!(injected >= 40, "{injected}");
    }
    Ok(())
}

/// A driver's refusal to import is no failure: pages move then.
fn a_refused_import_leaves_pages_that_move() -> std::result::Result<(), Ignored> {
    let mode = works("signal")?;
    for call in [Call::GetMemoryHostPointerProperties, Call::CreateBuffer, Call::AllocateMemory, Call::BindBufferMemory]
    {
        let dry = Failures::new();
        drop(open(builder(mode).failures(&dry).in_place(false)).expect("open"));
        // Without in place nothing is imported: the occurrences before are those of the rest. The probe of device memory comes first.
        let before = dry.seen(call);
        let failures = Failures::new();
        let mut refused = 0;
        for at in 0..=before {
            failures.clear();
            failures.fail(call, at, 1, VkResult::ERROR_INVALID_EXTERNAL_HANDLE);
            let before = failures.failed();
            match open(builder(mode).failures(&failures)) {
                Ok(svm) => {
                    let found = svm.capabilities();
                    assert_eq!(failures.failed(), before + 1, "{} {at}: nothing failed", call.name());
                    assert!(!found.in_place, "{} {at}", call.name());
                    let why = found.reasons.iter().find(|reason| reason.starts_with("not in place"));
                    assert!(why.is_some_and(|why| why.contains(call.name())), "{:?}", found.reasons);
                    refused += 1;
                }
                // Of what is not imported it is an error.
                Err(Error::Vulkan { call: named, .. }) => assert_eq!(named, call.name()),
                Err(error) => panic!("{} {at}: {error}", call.name()),
            }
        }
        assert!(refused > 0, "{}: no import was refused", call.name());
    }
    Ok(())
}

/// What a failing system call leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    /// It can be done without, or otherwise.
    Opens,
    /// The trial of the backend fails, which is why it is refused.
    Unavailable,
    /// The backend works, starting its service does not.
    Fails,
}

/// What the occurrence `at` of `count` leads to. Opening tries the backend on a small mapping, ends that trial, and starts the service of the heap; each
/// starts a service, the first of them also ends one.
fn expected(mode: &Mode, call: SystemCall, at: u64, count: u64) -> Outcome {
    use Outcome::{Fails, Opens, Unavailable};
    let left = count - 1 - at;
    match call {
        // Without the page map, what is mapped is found one by one.
        SystemCall::OpenPagemap | SystemCall::ReadPagemap => Opens,
        // There is another way to get one, for whom it is allowed.
        SystemCall::Userfaultfd if File::options().read(true).write(true).open("/dev/userfaultfd").is_ok() => Opens,
        // The thread of the trial goes on, harmlessly.
        SystemCall::Write => Opens,
        SystemCall::Wake if left == 0 => Opens,
        SystemCall::Eventfd | SystemCall::Sigmask | SystemCall::StartThread if left == 0 => Fails,
        // Taken and given back with page protection, else only by who starts and ends a service.
        SystemCall::Mprotect if mode.faults == Faults::Signal => Unavailable,
        SystemCall::Mprotect | SystemCall::Sigaction => {
            [Fails, Opens].get(left as usize).copied().unwrap_or(Unavailable)
        }
        _ => Unavailable,
    }
}

fn each_system_call_fails_once() -> std::result::Result<(), Ignored> {
    let mut missing = vec![];
    for name in ["userfaultfd", "sigbus", "signal"] {
        match works(name) {
            Ok(mode) => each_in(mode),
            Err(Ignored(why)) => missing.push(why),
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(Ignored(missing.join("; "))) }
}

fn each_in(mode: &Mode) {
    let open = |failures: &Arc<SystemFailures>| open(builder(mode).system_failures(failures));
    let dry = Arc::new(SystemFailures::default());
    let svm = open(&dry).expect("open");
    let counts: Vec<u64> = SystemCall::ALL.iter().map(|call| dry.seen(*call)).collect();
    // Its end makes calls, too.
    drop(svm);
    let mut tried = BTreeMap::<&str, u64>::new();
    for (call, count) in SystemCall::ALL.iter().copied().zip(counts) {
        // What fails on the service thread ends the process: `life` has that.
        if matches!(call, SystemCall::Poll | SystemCall::Read) {
            continue;
        }
        for at in 0..count {
            for errno in [libc::ENOMEM, libc::EPERM] {
                let failures = Arc::new(SystemFailures::default());
                failures.fail(call, at, 1, errno);
                let what = || format!("{}: {} {at} of {count}, errno {errno}", mode.name, call.name());
                let opened = open(&failures);
                assert_eq!(failures.failed(), 1, "{}", what());
                let outcome = match &opened {
                    Ok(_) => Outcome::Opens,
                    Err(Error::FaultsUnavailable { faults, .. }) if *faults == mode.faults.name() => {
                        Outcome::Unavailable
                    }
                    Err(Error::Os { call: named, os: OsError(os), .. }) if (*named, *os) == (call.name(), errno) => {
                        Outcome::Fails
                    }
                    Err(error) => panic!("{}: {error}", what()),
                };
                assert_eq!(outcome, expected(mode, call, at, count), "{}: {:?}", what(), opened.err());
                *tried.entry(call.name()).or_default() += 1;
            }
        }
    }
    println!("  {}: failures while opening: {tried:?}", mode.name);
    assert!(tried.values().sum::<u64>() >= 20, "{}: {tried:?}", mode.name);
    drop(open(&dry).expect("afterwards"));
}
