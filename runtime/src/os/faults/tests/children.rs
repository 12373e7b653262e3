//! What ends a process, changes it for good or needs one of its own: each in a child, which is this test binary told by an environment
//! variable to play one scenario.

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
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &zeroed()) };
    match scenario {
        "the_list_of_heaps_ends" => the_list_of_heaps_ends(kind),
        "panics" | "fails" | "crashes" => serving_ends_the_process(kind, scenario),
        "touch_after_the_end" => touch_after_the_end(kind),
        "foreign_crash" => foreign_crash(kind),
        "sent" => sent(kind),
        "chained" => chained(kind),
        "chained_once" => chained_once(kind),
        "chained_plain" => chained_plain(kind),
        "ignored" => ignored(kind),
        "replaced" => replaced(kind),
        "circle" => circle(kind),
        "stack_overflow" => stack_overflow(kind),
        "blocked" => blocked(kind),
        "fork" => fork(kind),
        "fork_then_drop" => fork_then_drop(kind),
        "signals_wait" => signals_wait(kind),
        "call_forbidden" => forbidden(kind, false),
        "all_forbidden" => forbidden(kind, true),
        "unprivileged" => unprivileged(kind),
        "mappings_full" => mappings_full(kind),
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

fn the_list_of_heaps_ends(kind: Faults) {
    let mapping = || Arc::new(Mapping::new(PAGE, PAGE, Backing::Memfd).unwrap());
    let start = || {
        let access = Arc::new(Access::untried(access::Way::Signal, mapping(), &SystemCalls::default()));
        Service::start(&access, Fake::new(access.clone()))
    };
    let mut services: Vec<_> = (0..64).map(|_| start().unwrap()).collect();
    let refused = start().err().unwrap();
    assert!(matches!(&refused, Error::FaultsUnavailable { faults, .. } if *faults == kind.name()), "{refused}");
    services.pop();
    services.push(start().unwrap());
    services.clear();
    let heap = TestHeap::new(kind, 2);
    heap.send_away(0..2);
    assert_eq!(heap.read(PAGE), 0);
}

// ---- service that cannot go on ----

/// Serves by going wrong.
struct Bad {
    access: Arc<Access>,
    how: String,
}

impl Serve for Bad {
    fn serve(&self, _: Fault) {
        match &*self.how {
            "panics" => panic!("on purpose"),
            "crashes" => crash(libc::SIGSEGV),
            _ => match self.access.restore(0..PAGE) {
                Err(Error::Os { os: OsError(errno), .. }) => fatal("restoring", errno),
                other => panic!("{other:?}"),
            },
        }
    }

    fn serve_soon(&self, fault: Fault) {
        self.serve(fault);
    }
}

fn serving_ends_the_process(kind: Faults, how: &str) {
    let failures = Arc::new(SystemFailures::default());
    let calls = SystemCalls::with(failures.clone());
    let mapping = Mapping::new(PAGE, PAGE, Backing::Memfd).unwrap().with_calls(calls.clone());
    let access = Arc::new(Access::open(kind, Arc::new(mapping), &calls).unwrap());
    let bad = Bad { access: access.clone(), how: how.into() };
    let _service = Service::start(&access, Arc::new(bad)).unwrap();
    access.populate(0..PAGE).unwrap();
    access.revoke(0..PAGE).unwrap();
    for call in [SystemCall::Mprotect, SystemCall::Continue] {
        failures.fail(call, 0, u64::MAX, libc::ENOMEM);
    }
    // SAFETY: the process ends.
    unsafe { access.mapping().user(100).read_volatile() };
}

#[test]
fn a_panic_in_service_ends_the_process() {
    for kind in KINDS {
        Child::new("panics", kind)
            .ends_by(libc::SIGABRT, "vksvm: a CPU access to shared memory cannot be served: panicked");
    }
}

#[test]
fn an_error_in_service_ends_the_process() {
    for kind in KINDS {
        let message = "cannot be served: restoring: errno 12 (ENOMEM, no memory); aborting";
        Child::new("fails", kind).ends_by(libc::SIGABRT, message);
    }
}

#[test]
fn a_crash_in_a_handlers_service_is_reported_as_ours() {
    Child::new("crashes", Faults::Signal).ends_by(libc::SIGABRT, "crashed with signal 11 at address 0x10");
    // SIGSEGV is not ours where no heap is served by it, nor in the service thread: an ordinary crash.
    Child::new("crashes", Faults::Sigbus).ends_by(libc::SIGSEGV, "");
    Child::new("crashes", Faults::Userfaultfd).ends_by(libc::SIGSEGV, "");
}

fn touch_after_the_end(kind: Faults) {
    let mut heap = TestHeap::new(kind, 2);
    heap.send_away(0..1);
    heap.service = None;
    heap.read(5);
}

#[test]
fn a_touch_after_the_services_end_is_an_ordinary_crash() {
    for kind in KINDS {
        Child::new("touch_after_the_end", kind).ends_by(signal_of(kind), "");
    }
}

// ---- signals that are not ours ----

fn foreign_crash(kind: Faults) {
    let heap = TestHeap::new(kind, 2);
    heap.send_away(0..1);
    heap.read(5);
    crash(signal_of(kind));
}

#[test]
fn a_crash_elsewhere_is_the_normal_one() {
    for kind in BY_SIGNAL {
        let child = Child::new("foreign_crash", kind);
        child.ends_by(signal_of(kind), "");
        assert!(!child.said.contains("vksvm"), "{}", child.said);
    }
}

fn sent(kind: Faults) {
    let _heap = TestHeap::new(kind, 2);
    // SAFETY: sends a signal to this thread.
    unsafe { libc::raise(signal_of(kind)) };
    // Rust's own handler takes the first for a crash and steps back.
    // SAFETY: as above.
    unsafe { libc::raise(signal_of(kind)) };
}

#[test]
fn a_signal_that_was_sent_does_what_it_does_without_us() {
    for kind in BY_SIGNAL {
        Child::new("sent", kind).ends_by(signal_of(kind), "");
    }
}

static CALLED: AtomicUsize = AtomicUsize::new(0);
/// SIGUSR1 and the signal itself: blocked when the handler ran?
static BLOCKED: AtomicUsize = AtomicUsize::new(0);
static PAGE_TO_OPEN: AtomicUsize = AtomicUsize::new(0);

fn is_blocked(signal: i32) -> bool {
    // SAFETY: all zeros is a set, which the next call fills.
    let mut set = unsafe { zeroed() };
    // SAFETY: reads the mask into a set on this stack.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, null_mut(), &mut set) };
    // SAFETY: reads a set on this stack.
    unsafe { libc::sigismember(&set, signal) == 1 }
}

/// What a program's own handler does here: opens the page that was touched.
extern "C" fn opens(signal: i32, info: *mut libc::siginfo_t, machine: *mut c_void) {
    assert!(!machine.is_null());
    // SAFETY: the kernel's information.
    let address = unsafe { (*info).si_addr() }.addr();
    assert_eq!(address, PAGE_TO_OPEN.load(SeqCst));
    opens_plainly(signal);
}

extern "C" fn opens_plainly(signal: i32) {
    CALLED.fetch_add(1, SeqCst);
    BLOCKED.store(usize::from(is_blocked(libc::SIGUSR1)) + 2 * usize::from(is_blocked(signal)), SeqCst);
    let at = std::ptr::without_provenance_mut::<c_void>(PAGE_TO_OPEN.load(SeqCst));
    // SAFETY: a page that `closed` has made. Its content is whatever it was.
    assert_eq!(unsafe { libc::mprotect(at, 4096, libc::PROT_READ) }, 0);
}

/// An address that may not be read until its handler has opened it.
fn closed() -> *mut u8 {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a mapping of its own.
    let at = unsafe { libc::mmap(null_mut(), 4096, libc::PROT_NONE, flags, -1, 0) };
    PAGE_TO_OPEN.store(at.expose_provenance(), SeqCst);
    at.cast()
}

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

/// The handler that a program had before gets its own faults, with its mask, and ours are served.
fn chained(kind: Faults) {
    let opens = opens as *const () as usize;
    for (flags, blocked) in [(0, 3), (libc::SA_NODEFER, 1)] {
        set(libc::SIGSEGV, opens, libc::SA_SIGINFO | flags, &[libc::SIGUSR1]);
        let heap = TestHeap::new(kind, 2);
        // SAFETY: opened by the handler.
        assert_eq!(unsafe { closed().read_volatile() }, 0);
        assert_eq!(BLOCKED.load(SeqCst), blocked);
        assert!(!is_blocked(libc::SIGUSR1) && !is_blocked(libc::SIGSEGV));
        heap.set_home(3, 3);
        heap.send_away(0..1);
        assert_eq!((heap.read(3), heap.faults()), (3, (1, 0)));
    }
    assert_eq!(CALLED.load(SeqCst), 2);
}

#[test]
fn a_programs_handler_gets_its_own_faults() {
    Child::new("chained", Faults::Signal).succeeds();
}

fn chained_plain(kind: Faults) {
    set(libc::SIGSEGV, opens_plainly as *const () as usize, 0, &[]);
    let _heap = TestHeap::new(kind, 2);
    // SAFETY: opened by the handler.
    assert_eq!(unsafe { closed().read_volatile() }, 0);
    assert_eq!((CALLED.load(SeqCst), BLOCKED.load(SeqCst)), (1, 2));
}

#[test]
fn a_programs_handler_without_siginfo_gets_its_own_faults() {
    Child::new("chained_plain", Faults::Signal).succeeds();
}

fn chained_once(kind: Faults) {
    set(libc::SIGSEGV, opens as *const () as usize, libc::SA_SIGINFO | libc::SA_RESETHAND, &[]);
    let _heap = TestHeap::new(kind, 2);
    // SAFETY: opened by the handler.
    assert_eq!(unsafe { closed().read_volatile() }, 0);
    eprintln!("called {}", CALLED.load(SeqCst));
    // SAFETY: ends the process.
    unsafe { closed().read_volatile() };
}

#[test]
fn a_handler_that_is_to_be_called_once_is() {
    Child::new("chained_once", Faults::Signal).ends_by(libc::SIGSEGV, "called 1");
}

fn ignored(kind: Faults) {
    set(signal_of(kind), libc::SIG_IGN, 0, &[]);
    let _heap = TestHeap::new(kind, 2);
    // SAFETY: sends a signal to this thread.
    unsafe { libc::raise(signal_of(kind)) };
    eprintln!("goes on");
    crash(signal_of(kind));
}

#[test]
fn an_ignored_signal_stays_ignored_and_a_crash_stays_one() {
    for kind in BY_SIGNAL {
        Child::new("ignored", kind).ends_by(signal_of(kind), "goes on");
    }
}

static BEFORE: AtomicUsize = AtomicUsize::new(0);

/// A handler that passes on everything that is not its page, as a careful program's does.
extern "C" fn passes_on(signal: i32, info: *mut libc::siginfo_t, machine: *mut c_void) {
    CALLED.fetch_add(1, SeqCst);
    // SAFETY: the kernel's information.
    if unsafe { (*info).si_addr() }.addr() == PAGE_TO_OPEN.load(SeqCst) {
        return opens_plainly(signal);
    }
    type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void);
    // SAFETY: what `replaced` found, which was ours.
    let before = unsafe { std::mem::transmute::<usize, Handler>(BEFORE.load(SeqCst)) };
    before(signal, info, machine);
}

/// Whoever replaces our handler is found out, and then served, whether it passes on to us or not.
fn replaced(kind: Faults) {
    let heap = TestHeap::new(kind, 2);
    let before = set(libc::SIGSEGV, passes_on as *const () as usize, libc::SA_SIGINFO, &[]);
    BEFORE.store(before.sa_sigaction, SeqCst);
    // Not noticed yet; the other one passes on.
    heap.set_home(3, 3);
    heap.send_away(0..1);
    assert_eq!((heap.read(3), CALLED.load(SeqCst)), (3, 1));
    heap.service.as_ref().unwrap().check().unwrap();
    // Now ours comes first.
    heap.send_away(0..1);
    assert_eq!((heap.read(3), CALLED.load(SeqCst)), (3, 1));
    // SAFETY: opened by the handler.
    assert_eq!((unsafe { closed().read_volatile() }, CALLED.load(SeqCst)), (0, 3));
    // And so does starting another heap.
    set(libc::SIGSEGV, libc::SIG_DFL, 0, &[]);
    let other = TestHeap::new(kind, 2);
    other.send_away(0..1);
    heap.send_away(0..1);
    assert_eq!((heap.read(3), other.read(3)), (3, 0));
    // What is nobody's goes round once: to us, the default that was set last, and the process ends.
    eprintln!("all served");
    crash(libc::SIGSEGV);
}

#[test]
fn a_handler_that_was_replaced_comes_back() {
    Child::new("replaced", Faults::Signal).ends_by(libc::SIGSEGV, "all served");
}

/// A handler that passes on to us and that we pass on to.
fn circle(kind: Faults) {
    set(libc::SIGSEGV, libc::SIG_DFL, 0, &[]);
    let heap = TestHeap::new(kind, 2);
    let before = set(libc::SIGSEGV, passes_on as *const () as usize, libc::SA_SIGINFO | libc::SA_ONSTACK, &[]);
    BEFORE.store(before.sa_sigaction, SeqCst);
    heap.service.as_ref().unwrap().check().unwrap();
    crash(libc::SIGSEGV);
}

#[test]
fn handlers_that_pass_on_in_a_circle_come_to_the_first() {
    Child::new("circle", Faults::Signal).ends_by(libc::SIGSEGV, "");
}

#[allow(unconditional_recursion)]
fn deep(n: &mut [u8; 1000]) -> u8 {
    let mut more = *n;
    more[0] = more[0].wrapping_add(1);
    deep(std::hint::black_box(&mut more)).wrapping_add(more[0])
}

fn stack_overflow(kind: Faults) {
    let heap = TestHeap::new(kind, 2);
    heap.send_away(0..1);
    heap.read(5);
    std::hint::black_box(deep(&mut [0; 1000]));
}

#[test]
fn a_stack_overflow_is_still_reported_by_rust() {
    Child::new("stack_overflow", Faults::Signal).ends_by(libc::SIGABRT, "overflowed its stack");
}

fn blocked(kind: Faults) {
    let heap = TestHeap::new(kind, 2);
    heap.send_away(0..1);
    // SAFETY: all zeros is a set.
    let mut set = unsafe { zeroed() };
    // SAFETY: changes a set on this stack.
    unsafe { libc::sigaddset(&mut set, signal_of(kind)) };
    // SAFETY: blocks a signal in this thread.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, null_mut()) };
    heap.read(5);
}

#[test]
fn a_thread_that_blocks_the_signal_is_killed_by_its_touch() {
    for kind in BY_SIGNAL {
        Child::new("blocked", kind).ends_by(signal_of(kind), "");
    }
    Child::new("blocked", Faults::Userfaultfd).succeeds();
}

extern "C" fn touches(_: i32) {
    CALLED.fetch_add(1, SeqCst);
    let at = std::ptr::with_exposed_provenance::<u8>(PAGE_TO_OPEN.load(SeqCst));
    // SAFETY: in a heap's user view.
    BLOCKED.store(unsafe { at.read_volatile() }.into(), SeqCst);
}

/// A handler that touches the page that its thread is being served for does not wait for the service that it interrupts.
fn signals_wait(kind: Faults) {
    let heap = TestHeap::new(kind, 2);
    heap.write(8, 7);
    heap.send_away(0..1);
    heap.fake.delay.store(100, SeqCst);
    PAGE_TO_OPEN.store(heap.user(8).as_ptr().expose_provenance(), SeqCst);
    set(libc::SIGUSR1, touches as *const () as usize, 0, &[]);
    // SAFETY: the thread's own name for itself.
    let this = unsafe { libc::pthread_self() } as usize;
    let heap = &heap;
    std::thread::scope(|s| {
        s.spawn(move || {
            while heap.faults() == (0, 0) {
                std::thread::yield_now();
            }
            // SAFETY: that thread waits for this one.
            unsafe { libc::pthread_kill(this as libc::pthread_t, libc::SIGUSR1) };
        });
        assert_eq!(heap.read(8), 7);
    });
    let end = Instant::now() + HANG;
    while CALLED.load(SeqCst) == 0 && Instant::now() < end {
        std::thread::yield_now();
    }
    assert_eq!((CALLED.load(SeqCst), BLOCKED.load(SeqCst)), (1, 7));
}

#[test]
fn a_signal_during_service_may_touch_the_same_page() {
    for kind in KINDS {
        Child::new("signals_wait", kind).succeeds();
    }
}

// ---- forked children ----

/// A child of fork by what `does` returns, or the signal that ended it.
fn forked(does: impl FnOnce() -> i32) -> Result<i32, i32> {
    // SAFETY: the child does async-signal-safe things only.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: async-signal-safe; bounds the parent's wait.
        unsafe { libc::alarm(20) };
        let status = does();
        // SAFETY: async-signal-safe.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0;
    // SAFETY: waits for this process' own child.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    if libc::WIFSIGNALED(status) { Err(libc::WTERMSIG(status)) } else { Ok(libc::WEXITSTATUS(status)) }
}

fn fork(kind: Faults) {
    let heap = TestHeap::new(kind, 4);
    heap.write(PAGE, 6);
    heap.send_away(0..1);
    heap.access.protect(PAGE..2 * PAGE).unwrap();
    heap.faults();
    for offset in [0, PAGE, 2 * PAGE] {
        assert_eq!(forked(|| heap.read(offset).into()), Err(libc::SIGSEGV));
        let write = || {
            heap.write(offset, 1);
            0
        };
        assert_eq!(forked(write), Err(libc::SIGSEGV));
    }
    // Even where it has mapped something of its own there, which may not be read: no heap of the child's.
    let own = || {
        let at = heap.user(0).as_ptr().cast();
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        // SAFETY: nothing is mapped there in the child.
        unsafe { libc::mmap(at, PAGE, libc::PROT_NONE, flags, -1, 0) };
        heap.read(0).into()
    };
    assert_eq!(forked(own), Err(libc::SIGSEGV));
    let refused = |done: crate::Result<()>| matches!(done, Err(Error::Os { os: OsError(libc::EPERM), .. }));
    let operations = || {
        let access = &heap.access;
        let all = 0..4 * PAGE;
        let refused = [
            refused(access.populate(all.clone())),
            refused(access.revoke(all.clone())),
            refused(access.protect(all.clone())),
            refused(access.restore(all.clone())),
            refused(access.restore_reads(all).map(|_| ())),
        ];
        refused.iter().filter(|refused| **refused).count() as i32
    };
    assert_eq!(forked(operations), Ok(5));
    // The parent notices nothing of it.
    assert_eq!((heap.read(PAGE), heap.faults()), (6, (0, 0)));
    heap.write(PAGE, 7);
    assert_eq!((heap.faults(), heap.read(0), heap.faults()), ((0, 1), 0, (1, 0)));
}

#[test]
fn a_forked_childs_touch_is_a_sigsegv_and_the_parent_is_served() {
    for kind in KINDS {
        Child::new("fork", kind).succeeds();
    }
}

fn fork_then_drop(kind: Faults) {
    let mut heap = Some(TestHeap::new(kind, 4));
    let at = heap.as_ref().unwrap();
    at.write(PAGE, 6);
    at.send_away(0..3);
    // The child has one thread, which is all that dropping needs; nobody else is in malloc here.
    assert_eq!(
        forked(|| {
            drop(heap.take());
            3
        }),
        Ok(3)
    );
    let heap = heap.unwrap();
    assert_eq!((heap.read(PAGE), heap.faults()), (6, (1, 0)));
}

#[test]
fn a_forked_child_may_drop_its_copy() {
    for kind in KINDS {
        Child::new("fork_then_drop", kind).succeeds();
    }
}

// ---- systems that forbid something ----

/// Has the kernel refuse userfaultfd from now on, as containers do; with `device` the command of its device, too.
fn forbid(device: bool) {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    let step = |code, k, jt, jf| libc::sock_filter { code, jt, jf, k };
    // The call's number is at 0, its second argument's lower half at 24.
    let command = if device { 0xAA00 } else { u32::MAX };
    let mut program = [
        step(LOAD, 0, 0, 0),
        step(EQUAL, libc::SYS_userfaultfd as u32, 3, 0),
        step(EQUAL, libc::SYS_ioctl as u32, 0, 3),
        step(LOAD, 24, 0, 0),
        step(EQUAL, command, 0, 1),
        step(RETURN, REFUSE, 0, 0),
        step(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: gives up privileges.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    // SAFETY: a valid program, which this thread and those it starts run under from now on.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) }, 0);
}

fn forbidden(kind: Faults, device: bool) {
    forbid(device);
    let heap = TestHeap::new(kind, 2);
    heap.set_home(3, 3);
    heap.send_away(0..1);
    assert_eq!(heap.read(3), 3);
    for (kind, why) in heap.access.tried() {
        eprintln!("{}: {why}", kind.name());
    }
    eprintln!("taken: {}", heap.access.kind().name());
    for kind in [Faults::Userfaultfd, Faults::Sigbus] {
        let mapping = Arc::new(Mapping::new(PAGE, PAGE, Backing::Memfd).unwrap());
        let refused = Access::open(kind, mapping, &SystemCalls::default()).err();
        eprintln!("{}", refused.map_or("works".into(), |error| error.to_string()));
    }
}

#[test]
fn forbidden_userfaultfds_are_done_without_and_that_is_said() {
    let child = Child::new("all_forbidden", Faults::Auto);
    child.succeeds();
    for expected in [
        "userfaultfd: the system call: Operation not permitted",
        "sigbus: the system call: Operation not permitted",
        "taken: signal",
        "faults userfaultfd does not work here",
        "faults sigbus does not work here",
    ] {
        assert!(child.said.contains(expected), "no '{expected}' in {}", child.said);
    }
}

#[test]
fn where_the_system_call_is_forbidden_the_device_may_do() {
    if std::fs::File::options().read(true).write(true).open("/dev/userfaultfd").is_err() {
        eprintln!("not tried: /dev/userfaultfd cannot be opened here");
        return;
    }
    let child = Child::new("call_forbidden", Faults::Auto);
    child.succeeds();
    assert!(child.said.contains("a userfaultfd by /dev/userfaultfd"), "{}", child.said);
}

fn unprivileged(kind: Faults) {
    // SAFETY: gives up privileges, in all threads; nothing here needs them.
    let was_root = unsafe { libc::geteuid() } == 0;
    if was_root {
        // SAFETY: as above.
        assert_eq!(unsafe { libc::setuid(65534) }, 0);
    }
    let heap = TestHeap::new(kind, 2);
    heap.set_home(3, 3);
    heap.send_away(0..1);
    assert_eq!(heap.read(3), 3);
    eprintln!("taken: {}", heap.access.kind().name());
}

#[test]
fn sigbus_needs_no_privilege() {
    Child::new("unprivileged", Faults::Sigbus).succeeds();
    let child = Child::new("unprivileged", Faults::Auto);
    child.succeeds();
    let all_may = std::fs::read_to_string("/proc/sys/vm/unprivileged_userfaultfd").is_ok_and(|text| text.trim() == "1");
    let expected = if all_may { "taken: userfaultfd" } else { "taken: sigbus" };
    assert!(child.said.contains(expected), "{}", child.said);
}

/// Runs into the limit of mappings; what cannot be revoked is an error that says what to do, and what is revoked comes home.
fn mappings_full(kind: Faults) {
    let limit: usize = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap().trim().parse().unwrap();
    // Each page by itself makes two of one mapping.
    let pages = 2 * limit;
    let mapping = Mapping::new(pages * PAGE, crate::BLOCK, Backing::Memfd).unwrap();
    let access = Arc::new(Access::open(kind, Arc::new(mapping), &SystemCalls::default()).unwrap());
    let page = |i: usize| 2 * i * PAGE..(2 * i + 1) * PAGE;
    let refused = (0..pages / 2).map(|i| access.revoke(page(i))).position(|done| {
        let Err(error) = done else { return false };
        assert!(matches!(error, Error::Os { call: "mprotect", os: OsError(libc::ENOMEM), .. }), "{error}");
        assert!(error.to_string().contains("vm.max_map_count"), "{error}");
        true
    });
    let refused = refused.expect("the limit");
    assert!(refused > limit / 4 && refused < limit, "{refused} of {limit}");
    // Whole mappings can be given back, which makes room again.
    for i in 0..refused {
        access.restore(page(i)).unwrap();
    }
    access.revoke(page(refused)).unwrap();
    access.restore(page(refused)).unwrap();
    // SAFETY: in the user view.
    assert_eq!(unsafe { access.mapping().user(page(refused).start).read_volatile() }, 0);
}

#[test]
fn as_many_mappings_as_the_system_allows_are_an_error_that_says_so() {
    Child::new("mappings_full", Faults::Signal).succeeds();
}
