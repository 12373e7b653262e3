//! Owns the trial of a backend before it is chosen: pages of a small mapping are taken away, touched and given back.
//!
//! # Safety
//!
//! The touches are volatile accesses to the trial's own mapping, which lives as long as the thread that makes them.
#![allow(unsafe_code)]

use super::{
    Fault, Serve,
    access::{Access, Way},
    fatal::fatal,
    handler,
    service::Service,
    uffd::{Tell, Uffd},
};
use crate::{
    addr::PAGE,
    config::Faults,
    error::{Error, OsError},
    os::{
        call::SystemCalls,
        mapping::{Backing, Mapping},
    },
};
use std::{
    mem::zeroed,
    os::fd::AsRawFd,
    ptr::null_mut,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

/// The longest that the trial's touches may take. They take less than a millisecond; a busy machine may take a while to get to them.
const PATIENCE: Duration = Duration::from_secs(20);

/// The way `kind`, for `mapping`, and what speaks for it; or what speaks against it.
pub(super) fn open(kind: Faults, mapping: &Mapping, calls: &SystemCalls) -> Result<(Way, String), String> {
    if mapping.runtime_base() == mapping.user_base() {
        return Err(
            "the heap is private memory, mapped once: what the CPU may not touch the library could not either".into()
        );
    }
    let (way, how) = make(kind, calls)?;
    let works = trial(way, calls)?;
    // One descriptor watches one heap: the trial's must not be handed on.
    let (mut way, _) = make(kind, calls)?;
    if let Way::Userfaultfd(uffd) | Way::Sigbus(uffd) = &mut way {
        uffd.set_maps_protected(works.maps_protected);
        let base = mapping.user_base();
        uffd.register(base..base + mapping.len()).map_err(|error| error.to_string())?;
    }
    Ok((way, format!("{how}{}", works.describe())))
}

fn make(kind: Faults, calls: &SystemCalls) -> Result<(Way, String), String> {
    Ok(match kind {
        Faults::Userfaultfd => {
            let (uffd, how) = Uffd::new(Tell::Reader, calls)?;
            (Way::Userfaultfd(uffd), format!("a userfaultfd {how}, served by a thread"))
        }
        Faults::Sigbus => {
            let (uffd, how) = Uffd::new(Tell::Toucher, calls)?;
            (Way::Sigbus(uffd), format!("a userfaultfd {how}, served by the touching thread in a SIGBUS handler"))
        }
        Faults::Auto | Faults::Signal => {
            (Way::Signal, "page protection, served by the touching thread in a SIGSEGV handler".into())
        }
    })
}

/// What the trial found.
#[derive(Default)]
struct Works {
    maps_protected: bool,
    system_calls: bool,
}

impl Works {
    fn describe(&self) -> String {
        let calls = if self.system_calls { "work" } else { "fail with EFAULT" };
        let reads = if self.maps_protected {
            ""
        } else {
            "; first reads of protected pages are served like writes (Linux 6.4 can do better)"
        };
        format!("; tried: touches and writes are noticed and served, system calls on such pages {calls}{reads}")
    }
}

/// Tries `way` on a mapping of two pages. What goes wrong is a sentence.
fn trial(mut way: Way, calls: &SystemCalls) -> Result<Works, String> {
    let text = |error: Error| error.to_string();
    let mapping = Mapping::new(2 * PAGE, PAGE, Backing::Memfd).map_err(text)?.with_calls(calls.clone());
    if let Way::Userfaultfd(uffd) | Way::Sigbus(uffd) = &mut way {
        uffd.register(mapping.user_base()..mapping.user_base() + mapping.len()).map_err(text)?;
        // So that it is tried.
        uffd.set_maps_protected(true);
    }
    let mapping = Arc::new(mapping);
    let access = Arc::new(Access::untried(way, mapping, calls));
    access.populate(0..2 * PAGE).map_err(text)?;
    let served = Arc::new(Restorer { access: access.clone(), reads: AtomicUsize::new(0), writes: AtomicUsize::new(0) });
    let service = Service::start(&access, served.clone()).map_err(text)?;
    let (send, receive) = mpsc::channel();
    let touches = {
        let (access, served) = (access.clone(), served.clone());
        move || {
            unblock();
            // The other side has given up when nobody receives it.
            _ = send.send(Trial { access: &access, served: &served }.run());
        }
    };
    let thread = std::thread::Builder::new().name("vksvm-probe".into()).spawn(touches);
    let thread = thread.map_err(|error| format!("a thread that tries it cannot be started: {error}"))?;
    match receive.recv_timeout(PATIENCE) {
        Ok(result) => {
            _ = thread.join();
            result
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => Err("the trial panicked".into()),
        Err(mpsc::RecvTimeoutError::Timeout) => {
            // The thread may wait in the middle of a touch, which the service's end would turn into a crash.
            std::mem::forget(service);
            Err(format!("a touch was not served within {PATIENCE:?}"))
        }
    }
}

/// Serves by giving pages back. Counts, since it may run in a signal handler.
struct Restorer {
    access: Arc<Access>,
    reads: AtomicUsize,
    writes: AtomicUsize,
}

impl Restorer {
    fn restore(&self, fault: Fault) {
        let page = fault.offset / PAGE * PAGE;
        let count = if fault.write { &self.writes } else { &self.reads };
        count.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = self.access.restore(page..page + PAGE) {
            let errno = if let Error::Os { os: OsError(errno), .. } = error { errno } else { 0 };
            fatal("trying how faults can be served", errno);
        }
    }

    /// Reads and writes that were served since the last call.
    fn take(&self) -> (usize, usize) {
        (self.reads.swap(0, Ordering::Relaxed), self.writes.swap(0, Ordering::Relaxed))
    }
}

impl Serve for Restorer {
    fn serve(&self, fault: Fault) {
        self.restore(fault);
    }

    fn serve_soon(&self, fault: Fault) {
        self.restore(fault);
    }
}

/// The touching side.
struct Trial<'a> {
    access: &'a Access,
    served: &'a Restorer,
}

/// Where the trial touches: not at an OS page's start.
const AT: usize = 5000;

impl Trial<'_> {
    fn run(&self) -> Result<Works, String> {
        let text = |error: Error| error.to_string();
        let (access, page) = (self.access, 0..PAGE);
        let runtime = access.mapping().runtime(AT);
        // SAFETY: in the runtime view of the trial's mapping.
        unsafe { runtime.write_volatile(1) };
        access.revoke(page.clone()).map_err(text)?;
        self.expect("a read of a revoked page", self.read() == 1, (1, 0))?;
        self.expect("a second read", self.read() == 1, (0, 0))?;
        access.revoke(page.clone()).map_err(text)?;
        self.write(2);
        // SAFETY: as above.
        self.expect("a write to a revoked page", unsafe { runtime.read_volatile() } == 2, (0, 1))?;
        access.protect(page.clone()).map_err(text)?;
        self.expect("a read of a protected page", self.read() == 2, (0, 0))?;
        self.write(3);
        // SAFETY: as above.
        self.expect("a write to a protected page", unsafe { runtime.read_volatile() } == 3, (0, 1))?;
        // Protection outlives revocation where nothing is done about it.
        access.protect(page.clone()).map_err(text)?;
        access.revoke(page.clone()).map_err(text)?;
        self.expect("a read of a protected, revoked page", self.read() == 3, (1, 0))?;
        self.write(4);
        self.expect("a write after that", self.read() == 4, (0, 0))?;
        Ok(Works { maps_protected: self.maps_protected()?, system_calls: self.system_calls()? })
    }

    /// Whether pages can be given back for reading alone.
    fn maps_protected(&self) -> Result<bool, String> {
        self.access.revoke(0..PAGE).map_err(|error| error.to_string())?;
        match self.access.restore_reads(0..PAGE) {
            Ok(_) => {}
            Err(Error::Os { os: OsError(libc::EINVAL), .. }) => return Ok(false),
            Err(error) => return Err(error.to_string()),
        }
        self.expect("a read of a page that is for reading", self.read() == 4, (0, 0))?;
        self.write(5);
        self.expect("a write to a page that is for reading", self.read() == 5, (0, 1))?;
        Ok(true)
    }

    /// Whether a system call that writes to a revoked page succeeds. It must with userfaultfd.
    fn system_calls(&self) -> Result<bool, String> {
        let full =
            rustix::event::eventfd(7, rustix::event::EventfdFlags::CLOEXEC).map_err(|e| format!("eventfd: {e}"))?;
        self.access.revoke(0..PAGE).map_err(|error| error.to_string())?;
        let to = self.access.mapping().user(PAGE / 2).as_ptr().cast();
        // SAFETY: eight bytes in the user view of the trial's mapping.
        let read = unsafe { libc::read(full.as_raw_fd(), to, 8) };
        let error = std::io::Error::last_os_error();
        // What it did or did not serve is no matter, and the page may be anything now.
        self.served.take();
        match read {
            8 => Ok(true),
            _ if self.access.kind() != Faults::Userfaultfd && error.raw_os_error() == Some(libc::EFAULT) => Ok(false),
            _ => Err(format!("a system call on a revoked page gives: {error}")),
        }
    }

    fn expect(&self, what: &str, content: bool, served: (usize, usize)) -> Result<(), String> {
        let got = self.served.take();
        if got != served {
            return Err(format!(
                "{what} raises {} read and {} write faults, not {} and {}",
                got.0, got.1, served.0, served.1
            ));
        }
        if content { Ok(()) } else { Err(format!("{what} has the wrong content")) }
    }

    fn read(&self) -> u8 {
        // SAFETY: in the user view of the trial's mapping.
        unsafe { self.access.mapping().user(AT).read_volatile() }
    }

    fn write(&self, value: u8) {
        // SAFETY: in the user view of the trial's mapping.
        unsafe { self.access.mapping().user(AT).write_volatile(value) };
    }
}

/// Lets this thread have what the processor raises, whatever the thread that started it blocks.
fn unblock() {
    // SAFETY: all zeros is a set, which the next call makes an empty one.
    let mut set = unsafe { zeroed() };
    // SAFETY: fills a set on this stack.
    unsafe { libc::sigemptyset(&mut set) };
    for signal in handler::RAISED {
        // SAFETY: changes a set on this stack.
        unsafe { libc::sigaddset(&mut set, signal) };
    }
    // SAFETY: a set on this stack.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, null_mut()) };
}
