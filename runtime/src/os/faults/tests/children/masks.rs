//! Signals that a thread blocks, and signals during service.

use super::*;

pub(super) fn blocked(kind: Faults) {
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

static CALLED: AtomicUsize = AtomicUsize::new(0);
static ADDRESS: AtomicUsize = AtomicUsize::new(0);
static GOT: AtomicU8 = AtomicU8::new(0);

extern "C" fn touches(_: i32) {
    let at = std::ptr::with_exposed_provenance::<u8>(ADDRESS.load(SeqCst));
    // SAFETY: in a heap's user view.
    GOT.store(unsafe { at.read_volatile() }, SeqCst);
    CALLED.fetch_add(1, SeqCst);
}

/// A handler that touches the page that its thread is being served for does not wait for the service that it interrupts.
pub(super) fn signals_wait(kind: Faults) {
    let heap = TestHeap::new(kind, 2);
    heap.write(8, 7);
    heap.send_away(0..1);
    heap.fake.delay.store(100, SeqCst);
    ADDRESS.store(heap.user(8).as_ptr().expose_provenance(), SeqCst);
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
    assert_eq!((CALLED.load(SeqCst), GOT.load(SeqCst)), (1, 7));
}

#[test]
fn a_signal_during_service_may_touch_the_same_page() {
    for kind in KINDS {
        Child::new("signals_wait", kind).succeeds();
    }
}
