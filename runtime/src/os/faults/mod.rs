//! Owns the CPU's faults: taking pages of the user view away from the CPU, and serving the touches that follow.
//!
//! ```text
//!                  revoke              protect             restore                    who serves, and where
//!   userfaultfd    madvise: unmapped   ioctl WRITEPROTECT  ioctl CONTINUE, WAKE       the service thread; the toucher sleeps
//!   sigbus         madvise: unmapped   ioctl WRITEPROTECT  ioctl CONTINUE             the toucher, in its SIGBUS handler
//!   signal         mprotect: nothing   mprotect: read      mprotect: read and write   the toucher, in its SIGSEGV handler
//! ```
//!
//! [`Access`] says what the CPU may do with pages, [`Service`] hears of the touches and has a [`Serve`] deal with each. Pages keep
//! their content whatever is done here: it lies in the memfd, which the runtime view shows all the time.
//!
//! - `access` has the operations, `probe` tries a backend before it is chosen;
//! - `uffd` speaks to the kernel's userfaultfd, `pagemap` asks what is mapped;
//! - `service` starts and stops, `thread` is the service thread of `userfaultfd`;
//! - `handler` owns the process' signal handlers, `chain` who had the signal before, `registry` the heaps that they serve;
//! - `fatal` ends the process when service cannot go on.

mod access;
mod chain;
mod fatal;
mod handler;
mod pagemap;
mod probe;
mod registry;
mod service;
mod thread;
mod uffd;

pub(crate) use access::Access;
pub(crate) use fatal::{fatal, unserved};
pub(crate) use service::Service;

/// One CPU touch that the system stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Bytes from the heap's start.
    pub offset: usize,
    /// Whether it was a write. Where the processor does not tell it is taken for one.
    pub write: bool,
    /// The touching thread's id (gettid), 0 where unknown.
    pub thread: u32,
}

/// Serves faults; residency implements it.
///
/// Either function is called for touches that need no service, too: of pages that were never revoked but that the user view has not
/// mapped yet, and of pages that somebody restored meanwhile. A panic in either ends the process, with a message.
pub(crate) trait Serve: Send + Sync {
    /// In the touching thread, inside a signal handler. Returns when the touch may be tried again. Everything in it is
    /// async-signal-safe (futex waits on preallocated words, memcpy, ioctl, madvise, mprotect). All signals but those that
    /// the processor raises are blocked meanwhile.
    fn serve(&self, fault: Fault);

    /// On the service thread of `userfaultfd`. Never blocks on a launch: either the page is accessible
    /// ([`Access::restore`] was called, which wakes the toucher), or the implementer has noted the fault and will call
    /// `restore` later.
    fn serve_soon(&self, fault: Fault);
}

#[cfg(test)]
mod tests;
