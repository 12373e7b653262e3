//! Signals that are not about a heap go to whoever had them before.

use super::*;

pub(super) fn foreign_crash(kind: Faults) {
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

pub(super) fn sent(kind: Faults) {
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

/// # Safety
///
/// `info` is a SIGSEGV handler's.
unsafe fn address(info: *const libc::siginfo_t) -> usize {
    // SAFETY: as promised by the caller.
    let info = unsafe { &*info };
    // SAFETY: as promised by the caller.
    unsafe { info.si_addr() }.addr()
}

/// What a program's own handler does here: opens the page that was touched.
extern "C" fn opens(signal: i32, info: *mut libc::siginfo_t, machine: *mut c_void) {
    assert!(!machine.is_null());
    // SAFETY: the kernel's information.
    assert_eq!(unsafe { address(info) }, PAGE_TO_OPEN.load(SeqCst));
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

/// The handler that a program had before gets its own faults, with its mask, and ours are served.
pub(super) fn chained(kind: Faults) {
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

pub(super) fn chained_plain(kind: Faults) {
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

pub(super) fn chained_once(kind: Faults) {
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

pub(super) fn ignored(kind: Faults) {
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
    eprintln!("call {}", CALLED.fetch_add(1, SeqCst) + 1);
    // SAFETY: the kernel's information.
    if unsafe { address(info) } == PAGE_TO_OPEN.load(SeqCst) {
        return opens_plainly(signal);
    }
    type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void);
    // SAFETY: what `replaced` found, which was ours.
    let before = unsafe { std::mem::transmute::<usize, Handler>(BEFORE.load(SeqCst)) };
    before(signal, info, machine);
}

/// Prints what the library warns of.
struct Warnings;

impl tracing::Subscriber for Warnings {
    fn enabled(&self, about: &tracing::Metadata<'_>) -> bool {
        *about.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Print;
        impl tracing::field::Visit for Print {
            fn record_debug(&mut self, _: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                eprintln!("warning: {value:?}");
            }
        }
        event.record(&mut Print);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// Whoever replaces our handler is found out, and then served, whether it passes on to us or not.
pub(super) fn replaced(kind: Faults) {
    tracing::subscriber::set_global_default(Warnings).unwrap();
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
    let child = Child::new("replaced", Faults::Signal);
    child.ends_by(libc::SIGSEGV, "all served");
    assert_eq!(
        child.said.matches("warning: somebody has replaced vksvm's handler of signal 11").count(),
        2,
        "{}",
        child.said
    );
}

/// A handler that passes on to us and that we pass on to.
pub(super) fn circle(kind: Faults) {
    set(libc::SIGSEGV, libc::SIG_DFL, 0, &[]);
    let heap = TestHeap::new(kind, 2);
    let before = set(libc::SIGSEGV, passes_on as *const () as usize, libc::SA_SIGINFO | libc::SA_ONSTACK, &[]);
    BEFORE.store(before.sa_sigaction, SeqCst);
    heap.service.as_ref().unwrap().check().unwrap();
    crash(libc::SIGSEGV);
}

#[test]
fn handlers_that_pass_on_in_a_circle_come_to_the_first() {
    let child = Child::new("circle", Faults::Signal);
    child.ends_by(libc::SIGSEGV, "call 1");
    assert!(!child.said.contains("call 2"), "{}", child.said);
}

#[allow(unconditional_recursion)]
fn deep(n: &mut [u8; 1000]) -> u8 {
    let mut more = *n;
    more[0] = more[0].wrapping_add(1);
    deep(std::hint::black_box(&mut more)).wrapping_add(more[0])
}

pub(super) fn stack_overflow(kind: Faults) {
    let heap = TestHeap::new(kind, 2);
    heap.send_away(0..1);
    heap.read(5);
    std::hint::black_box(deep(&mut [0; 1000]));
}

#[test]
fn a_stack_overflow_is_still_reported_by_rust() {
    Child::new("stack_overflow", Faults::Signal).ends_by(libc::SIGABRT, "overflowed its stack");
}
