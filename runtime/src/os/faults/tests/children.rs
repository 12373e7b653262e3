//! What ends a process, changes it for good or needs one of its own: each in a child, which is this test binary told by an environment
//! variable to play one scenario.

mod chaining;
mod ending;
mod forks;
mod limits;
mod masks;

use super::*;
use crate::os::call::SystemCall;
use std::{
    ffi::c_void,
    io::Read,
    mem::zeroed,
    os::unix::process::ExitStatusExt,
    process::{Command, ExitStatus, Stdio},
    ptr::null_mut,
    time::Instant,
};

const SCENARIO: &str = "VKSVM_FAULT_SCENARIO";

/// How a child ended.
pub(super) struct Child {
    what: String,
    status: ExitStatus,
    said: String,
}

impl Child {
    /// Plays `scenario` with this kind of faults. A child that hangs is killed and fails the test.
    pub(super) fn new(scenario: &str, kind: Faults) -> Self {
        let what = format!("{scenario}:{}", kind.name());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["os::faults::tests::children::play", "--exact", "--ignored", "--nocapture"])
            .env(SCENARIO, &what)
            .env("RUST_BACKTRACE", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let end = Instant::now() + HANG;
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > end => {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    panic!("{what}: still not done after {HANG:?}");
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        Child { what, status, said }
    }

    #[track_caller]
    pub(super) fn succeeds(&self) {
        assert!(self.status.success(), "{}: {}: {}", self.what, self.status, self.said);
    }

    #[track_caller]
    fn ends_by(&self, signal: i32, saying: &str) {
        let (status, said) = (self.status.signal(), &self.said);
        assert!(status == Some(signal) && said.contains(saying), "{}: {}: {said}", self.what, self.status);
    }
}

#[test]
#[ignore = "not a test: what the other tests' child processes do"]
fn play() {
    let what = std::env::var(SCENARIO).expect("started by a test");
    let (scenario, kind) = what.split_once(':').unwrap();
    let kind: Faults = kind.parse().unwrap();
    // SAFETY: changes a limit of this process: no core files of its crashes.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 }) };
    match scenario {
        "the_list_of_heaps_ends" => limits::the_list_of_heaps_ends(kind),
        "panics" | "fails" | "crashes" | "cannot_read" | "cannot_wait" => {
            ending::serving_ends_the_process(kind, scenario)
        }
        "touch_after_the_end" => ending::touch_after_the_end(kind),
        "foreign_crash" => chaining::foreign_crash(kind),
        "sent" => chaining::sent(kind),
        "chained" => chaining::chained(kind),
        "chained_once" => chaining::chained_once(kind),
        "chained_plain" => chaining::chained_plain(kind),
        "ignored" => chaining::ignored(kind),
        "replaced" => chaining::replaced(kind),
        "circle" => chaining::circle(kind),
        "stack_overflow" => chaining::stack_overflow(kind),
        "blocked" => masks::blocked(kind),
        "fork" => forks::fork(kind),
        "fork_then_drop" => forks::fork_then_drop(kind),
        "signals_wait" => masks::signals_wait(kind),
        "call_forbidden" => limits::forbidden(kind, false),
        "all_forbidden" => limits::forbidden(kind, true),
        "unprivileged" => limits::unprivileged(kind),
        "mappings_full" => limits::mappings_full(kind),
        other => panic!("no scenario {other}"),
    }
}

/// By which signal a touch comes.
fn signal_of(kind: Faults) -> i32 {
    if kind == Faults::Sigbus { libc::SIGBUS } else { libc::SIGSEGV }
}

const BY_SIGNAL: [Faults; 2] = [Faults::Sigbus, Faults::Signal];

/// A touch of memory that is nobody's.
fn crash(signal: i32) {
    if signal == libc::SIGBUS {
        // Behind the end of a file.
        let file = rustix::fs::memfd_create("empty", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let (access, flags) = (rustix::mm::ProtFlags::READ, rustix::mm::MapFlags::SHARED);
        // SAFETY: a mapping of its own.
        let at = unsafe { rustix::mm::mmap(null_mut(), 4096, access, flags, file, 0) }.unwrap();
        // SAFETY: not sound at all; the child is about to crash, in a way that the tests expect.
        unsafe { at.cast::<u8>().read_volatile() };
    } else {
        // SAFETY: as above.
        unsafe { std::hint::black_box(std::ptr::without_provenance_mut::<u8>(16)).read_volatile() };
    }
}

/// Sets a handler; what there was before.
fn set(signal: i32, handler: usize, flags: i32, blocks: &[i32]) -> libc::sigaction {
    // SAFETY: all zeros is an action.
    let mut action: libc::sigaction = unsafe { zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    for other in blocks {
        // SAFETY: changes a set on this stack.
        unsafe { libc::sigaddset(&mut action.sa_mask, *other) };
    }
    // SAFETY: all zeros is an action, which the next call fills.
    let mut before = unsafe { zeroed() };
    // SAFETY: the handlers of these tests are of the kinds that their flags say.
    assert_eq!(unsafe { libc::sigaction(signal, &action, &mut before) }, 0);
    before
}
