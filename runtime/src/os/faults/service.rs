//! Owns the running service of one heap's faults: its start, and what its end leaves.

use super::{
    Serve,
    access::{Access, Way},
    handler,
    registry::{self, Heap, Registered},
    thread::ServiceThread,
};
use crate::error::{Error, Result};
use rustix::mm::MprotectFlags;
use std::sync::Arc;

/// The running service: for userfaultfd a thread; for the others an entry in the process-wide, lock-free registry that the signal
/// handlers look the heap up in.
///
/// Dropping it stops that, after what is being served. Touches of revoked pages are ordinary crashes afterwards, with userfaultfd
/// touches of any page are: nobody is left who would wake a thread that waits, and the kernel itself would show it old bytes.
/// In a forked child dropping it does nothing.
pub(crate) struct Service {
    access: Arc<Access>,
    running: Option<Running>,
}

enum Running {
    Thread(ServiceThread),
    Signal(i32, #[allow(dead_code, reason = "held for its drop")] Registered),
}

impl Service {
    /// Starts serving the faults of `access`. Until then, with userfaultfd, a touch of a page that is not mapped waits.
    ///
    /// # Errors
    ///
    /// [`Error::Os`]; [`Error::FaultsUnavailable`] for the 65th heap of a process with sigbus or signal.
    pub(crate) fn start(access: &Arc<Access>, serve: Arc<dyn Serve>) -> Result<Self> {
        access.mapping().check_process("starting to serve CPU faults")?;
        let running = match access.way() {
            Way::Userfaultfd(_) => {
                // A service before this one may have left it inaccessible.
                let all = MprotectFlags::READ | MprotectFlags::WRITE;
                access.mapping().set_access(0..access.mapping().len(), all)?;
                Running::Thread(ServiceThread::start(access, serve)?)
            }
            Way::Sigbus(_) => Self::register(access, libc::SIGBUS, serve)?,
            Way::Signal => Self::register(access, libc::SIGSEGV, serve)?,
        };
        Ok(Service { access: access.clone(), running: Some(running) })
    }

    fn register(access: &Access, signal: i32, serve: Arc<dyn Serve>) -> Result<Running> {
        handler::install(signal, access.calls())?;
        let base = access.mapping().user_base();
        let addresses = base..base + access.mapping().len();
        let heap = Heap { signal, addresses, process: std::process::id(), serve };
        let full = || Error::FaultsUnavailable {
            faults: access.kind().name(),
            reason: format!(
                "the process has {} heaps that are served by signals, the most there can be",
                registry::room()
            ),
        };
        Ok(Running::Signal(signal, registry::add(heap).ok_or_else(full)?))
    }

    /// Sees to it that the signal handler is still in its place: if somebody has replaced it, says so in the log and takes it back. Costs one
    /// system call; nothing with userfaultfd. Not for signal handlers.
    ///
    /// # Errors
    ///
    /// [`Error::Os`].
    pub(crate) fn check(&self) -> Result<()> {
        match &self.running {
            Some(Running::Signal(signal, _)) => handler::install(*signal, self.access.calls()),
            Some(Running::Thread(_)) | None => Ok(()),
        }
    }

    /// Has touches crash instead of wait, then ends the thread.
    fn stop(access: &Access, thread: ServiceThread) -> Result<()> {
        access.mapping().set_access(0..access.mapping().len(), MprotectFlags::empty())?;
        access.wake_all()?;
        thread.stop()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let foreign = self.access.mapping().check_process("").is_err();
        match self.running.take() {
            // A forked child has neither the thread nor the memory.
            Some(running) if foreign => std::mem::forget(running),
            Some(Running::Thread(thread)) => {
                // Better a thread too many than one that waits for ever: where touches cannot be made to crash, they go on being served.
                if let Err(error) = Self::stop(&self.access, thread) {
                    tracing::warn!("the thread that serves CPU faults cannot be stopped and goes on: {error}");
                }
            }
            Some(Running::Signal(signal, registered)) => {
                if let Err(error) = handler::install(signal, self.access.calls()) {
                    tracing::warn!("cannot tell whether the handler of signal {signal} is in its place: {error}");
                }
                drop(registered);
            }
            None => {}
        }
    }
}
