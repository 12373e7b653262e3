//! Tests of the backends against the system itself.
//!
//! # Safety
//!
//! Accesses to a heap's memory are volatile, through pointers into mappings that live as long as the test; foreign calls get memory
//! of the test's own.
#![allow(unsafe_code)]

mod children;
mod failing;
mod system_calls;
mod threads;
mod touch;

use super::*;
use crate::{
    PAGE,
    config::Faults,
    error::{Error, OsError},
    os::{
        call::{SystemCalls, SystemFailures},
        mapping::{Backing, Mapping},
    },
};
use std::{
    ops::Range,
    ptr::NonNull,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};

const KINDS: [Faults; 3] = [Faults::Userfaultfd, Faults::Sigbus, Faults::Signal];

/// How long a test may take until it counts as hung.
const HANG: Duration = Duration::from_secs(60);

/// Where a page's content is. `MOVING` is a lock: who has set it may change what the CPU may do with the page.
const HOME: u8 = 0;
const AWAY: u8 = 1;
const MOVING: u8 = 2;

/// A stand-in for residency: pages go away into `device`, and come home when they are touched.
struct Fake {
    access: Arc<Access>,
    pages: Vec<AtomicU8>,
    device: Vec<AtomicU64>,
    /// Milliseconds that each service takes.
    delay: AtomicU32,
    /// For the service thread: pages are noted, and brought home by somebody else.
    parks: AtomicBool,
    parked: Mutex<Option<mpsc::Sender<Fault>>>,
    reads: AtomicUsize,
    writes: AtomicUsize,
    offset: AtomicUsize,
    thread: AtomicU32,
}

impl Fake {
    fn new(access: Arc<Access>) -> Arc<Self> {
        let len = access.mapping().len();
        Arc::new(Fake {
            access,
            pages: (0..len / PAGE).map(|_| AtomicU8::new(HOME)).collect(),
            device: (0..len / 8).map(|_| AtomicU64::new(0)).collect(),
            delay: AtomicU32::new(0),
            parks: AtomicBool::new(false),
            parked: Mutex::new(None),
            reads: AtomicUsize::new(0),
            writes: AtomicUsize::new(0),
            offset: AtomicUsize::new(0),
            thread: AtomicU32::new(0),
        })
    }

    /// Allocates nothing: it runs in signal handlers.
    fn note(&self, fault: Fault) {
        if fault.write { &self.writes } else { &self.reads }.fetch_add(1, SeqCst);
        self.offset.store(fault.offset, SeqCst);
        self.thread.store(fault.thread, SeqCst);
    }

    /// Takes hold of a page; where its content was.
    fn hold(&self, page: usize) -> u8 {
        loop {
            for state in [HOME, AWAY] {
                if self.pages[page].compare_exchange(state, MOVING, SeqCst, SeqCst).is_ok() {
                    return state;
                }
            }
            std::thread::sleep(Duration::from_micros(20));
        }
    }

    fn bring_home(&self, fault: Fault) {
        let page = fault.offset / PAGE;
        std::thread::sleep(Duration::from_millis(self.delay.load(SeqCst).into()));
        if self.hold(page) == AWAY {
            for at in (page * PAGE..(page + 1) * PAGE).step_by(8) {
                let word = self.device[at / 8].load(Relaxed);
                // SAFETY: in the runtime view, which only the server that has the page writes meanwhile.
                unsafe { self.access.mapping().runtime(at).cast::<u64>().write_volatile(word) };
            }
        }
        if let Err(error) = self.access.restore(page * PAGE..(page + 1) * PAGE) {
            let errno = if let Error::Os { os: OsError(errno), .. } = error { errno } else { 0 };
            fatal("the test's server cannot restore a page", errno);
        }
        self.pages[page].store(HOME, SeqCst);
    }
}

impl Serve for Fake {
    fn serve(&self, fault: Fault) {
        self.note(fault);
        self.bring_home(fault);
    }

    fn serve_soon(&self, fault: Fault) {
        self.note(fault);
        if self.parks.load(SeqCst) {
            // A lock and memory, where the real one has neither: but nobody holds this lock while touching the heap.
            self.parked.lock().unwrap().as_ref().unwrap().send(fault).unwrap();
        } else {
            self.bring_home(fault);
        }
    }
}

/// A heap with a running service.
struct TestHeap {
    fake: Arc<Fake>,
    access: Arc<Access>,
    service: Option<Service>,
}

impl TestHeap {
    fn new(kind: Faults, pages: usize) -> Self {
        Self::with(kind, pages, &SystemCalls::default()).unwrap()
    }

    fn with(kind: Faults, pages: usize, calls: &SystemCalls) -> Result<Self, Error> {
        let mapping = Mapping::new(pages * PAGE, crate::BLOCK, Backing::Memfd)?.with_calls(calls.clone());
        let access = Arc::new(Access::open(kind, Arc::new(mapping), calls)?);
        let fake = Fake::new(access.clone());
        let service = Some(Service::start(&access, fake.clone())?);
        Ok(TestHeap { fake, access, service })
    }

    fn user(&self, offset: usize) -> NonNull<u8> {
        self.access.mapping().user(offset)
    }

    fn read(&self, offset: usize) -> u8 {
        // SAFETY: in the user view; tests order their accesses, or make them to bytes that are their own.
        unsafe { self.user(offset).read_volatile() }
    }

    fn write(&self, offset: usize, value: u8) {
        // SAFETY: as above.
        unsafe { self.user(offset).write_volatile(value) };
    }

    fn home(&self, offset: usize) -> u8 {
        // SAFETY: in the runtime view.
        unsafe { self.access.mapping().runtime(offset).read_volatile() }
    }

    fn set_home(&self, offset: usize, value: u8) {
        // SAFETY: in the runtime view.
        unsafe { self.access.mapping().runtime(offset).write_volatile(value) };
    }

    /// Sends pages away: revokes them, copies their content, leaves other bytes.
    fn send_away(&self, pages: Range<usize>) {
        let bytes = pages.start * PAGE..pages.end * PAGE;
        self.access.populate(bytes.clone()).unwrap();
        for page in pages.clone() {
            assert_eq!(self.fake.hold(page), HOME);
        }
        self.access.revoke(bytes).unwrap();
        for page in pages {
            for at in (page * PAGE..(page + 1) * PAGE).step_by(8) {
                let word = self.access.mapping().runtime(at).cast::<u64>();
                // SAFETY: in the runtime view.
                self.fake.device[at / 8].store(unsafe { word.read_volatile() }, Relaxed);
                // SAFETY: as above.
                unsafe { word.write_volatile(u64::MAX) };
            }
            self.fake.pages[page].store(AWAY, SeqCst);
        }
    }

    /// Read and write faults since the last call.
    fn faults(&self) -> (usize, usize) {
        (self.fake.reads.swap(0, SeqCst), self.fake.writes.swap(0, SeqCst))
    }
}

/// Runs `test` on a heap of each kind. One that hangs fails.
fn each(pages: usize, test: impl Fn(&TestHeap) + Send + Sync + Clone + 'static) {
    for kind in KINDS {
        let test = test.clone();
        bounded(kind.name(), move || test(&TestHeap::new(kind, pages)));
    }
}

fn bounded(what: &str, test: impl FnOnce() + Send + 'static) {
    let (send, receive) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        test();
        _ = send.send(());
    });
    match receive.recv_timeout(HANG) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{what}: still not done after {HANG:?}"),
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => {
            if let Err(panic) = thread.join() {
                eprintln!("with {what}");
                std::panic::resume_unwind(panic);
            }
        }
    }
}
