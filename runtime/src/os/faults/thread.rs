//! Owns the service thread of `userfaultfd`: it reads what was touched and has it served.
//!
//! On its path there is no memory to be got, no lock and no log. All signals that can be sent are blocked in it, so that no handler of
//! the program runs there and touches the heap: nobody would serve that.
//!
//! # Safety
//!
//! `pthread_sigmask` is the one foreign call, with sets on the caller's stack.
#![allow(unsafe_code)]

use super::{
    Fault, Serve,
    access::Access,
    fatal::fatal,
    handler,
    uffd::{MESSAGE, Touch, Uffd},
};
use crate::{
    error::Result,
    os::call::{SystemCall, SystemCalls, error},
};
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, eventfd, poll},
    io::Errno,
};
use std::{
    mem::zeroed,
    os::fd::{AsFd, OwnedFd},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::null_mut,
    sync::Arc,
    thread::JoinHandle,
};

/// Messages that one read takes: as many threads as are likely to touch at once, 2 KiB on the stack.
const BATCH: usize = 64;

pub(super) struct ServiceThread {
    stop: Arc<OwnedFd>,
    thread: JoinHandle<()>,
    calls: SystemCalls,
}

impl ServiceThread {
    /// Starts serving what the userfaultfd of `access` reports.
    ///
    /// # Errors
    ///
    /// [`Error::Os`](crate::Error::Os).
    pub(super) fn start(access: &Arc<Access>, serve: Arc<dyn Serve>) -> Result<Self> {
        const DOING: &str = "starting the thread that serves CPU faults";
        let calls = access.calls().clone();
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let stop = calls
            .run(SystemCall::Eventfd, || eventfd(0, flags))
            .map_err(|errno| error(SystemCall::Eventfd, DOING, errno))?;
        let stop = Arc::new(stop);
        // The thread inherits the mask, so there is no moment at which it could get a signal.
        let before = block(&calls).map_err(|errno| error(SystemCall::Sigmask, DOING, errno))?;
        let started = calls.run(SystemCall::StartThread, || {
            let (access, serve, stop) = (access.clone(), serve.clone(), stop.clone());
            let run = move || match access.uffd() {
                Some(uffd) => run(&access, uffd, &*serve, &stop),
                None => fatal("the service thread has nothing to read", 0),
            };
            let started = std::thread::Builder::new().name("vksvm-faults".into()).spawn(run);
            started.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::NOMEM))
        });
        // SAFETY: the set that the thread had.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, null_mut()) };
        let thread = started.map_err(|errno| error(SystemCall::StartThread, DOING, errno))?;
        Ok(ServiceThread { stop, thread, calls })
    }

    /// Ends the thread. On an error it goes on, and holds what it was given.
    pub(super) fn stop(self) -> Result<()> {
        self.calls
            .run(SystemCall::Write, || rustix::io::write(&*self.stop, &1_u64.to_ne_bytes()))
            .map_err(|errno| error(SystemCall::Write, "stopping the thread that serves CPU faults", errno))?;
        // It cannot wait for itself, should it be the last to let go of a heap; it ends after that.
        if self.thread.thread().id() != std::thread::current().id() {
            // A panic in it has ended the process.
            _ = self.thread.join();
        }
        Ok(())
    }
}

fn block(calls: &SystemCalls) -> rustix::io::Result<libc::sigset_t> {
    let blocked = handler::all_but_raised();
    calls.run(SystemCall::Sigmask, || {
        // SAFETY: all zeros is a set, which the next call fills.
        let mut before = unsafe { zeroed() };
        // SAFETY: both sets are on this stack.
        match unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &blocked, &mut before) } {
            0 => Ok(before),
            errno => Err(Errno::from_raw_os_error(errno)),
        }
    })
}

fn run(access: &Access, uffd: &Uffd, serve: &dyn Serve, stop: &OwnedFd) {
    let calls = access.calls();
    let mut messages = [0; BATCH * MESSAGE];
    loop {
        let mut fds =
            [PollFd::from_borrowed_fd(uffd.fd(), PollFlags::IN), PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN)];
        if let Err(errno) = calls.run(SystemCall::Poll, || poll(&mut fds, None)) {
            fatal("waiting for faults (poll) failed", errno.raw_os_error());
        }
        if !fds[1].revents().is_empty() {
            return;
        }
        let read = match calls.run(SystemCall::Read, || rustix::io::read(uffd.fd(), &mut messages[..])) {
            Ok(bytes) => bytes,
            // Who touched has been woken by somebody's restoring the page, between the two calls.
            Err(Errno::AGAIN) => continue,
            Err(errno) => fatal("reading faults (read) failed", errno.raw_os_error()),
        };
        for message in messages[..read].as_chunks().0 {
            let Some(touch) = Touch::parse(message) else { continue };
            let offset = touch.address.wrapping_sub(access.mapping().user_base());
            let fault = Fault { offset, write: touch.write, thread: touch.thread };
            if catch_unwind(AssertUnwindSafe(|| serve.serve_soon(fault))).is_err() {
                fatal("panicked", 0);
            }
        }
    }
}
