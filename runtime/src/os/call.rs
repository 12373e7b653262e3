//! The one place where the results of the fault mechanism's system calls become errors, and where tests make calls fail.
//!
//! Every such call is issued through [`SystemCalls::run`], named by a [`SystemCall`]. With the feature `seam` a test hands in
//! [`SystemFailures`]; a call that the plan picks is not made and gives the planned errno instead. Asking takes no lock and no
//! memory, so that the calls can be made in signal handlers.

use crate::error::{Error, OsError};
use rustix::io::Errno;

macro_rules! calls {
    ($($variant:ident => $name:literal,)*) => {
        /// A system call of the fault mechanism.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the variants are the calls' names")]
        pub enum SystemCall { $($variant,)* }

        impl SystemCall {
            /// Every one of them.
            #[cfg(any(test, feature = "seam"))]
            pub const ALL: &[SystemCall] = &[$(SystemCall::$variant,)*];

            /// The call's name in messages.
            pub fn name(self) -> &'static str {
                match self { $(SystemCall::$variant => $name,)* }
            }
        }

        #[cfg(any(test, feature = "seam"))]
        impl crate::failures::Named for SystemCall {
            const COUNT: usize = SystemCall::ALL.len();

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

calls! {
    Fallocate => "fallocate",
    Madvise => "madvise",
    Mprotect => "mprotect",
    Userfaultfd => "userfaultfd",
    OpenUserfaultfd => "open(/dev/userfaultfd)",
    NewUserfaultfd => "ioctl(USERFAULTFD_IOC_NEW)",
    Api => "ioctl(UFFDIO_API)",
    Register => "ioctl(UFFDIO_REGISTER)",
    Continue => "ioctl(UFFDIO_CONTINUE)",
    WriteProtect => "ioctl(UFFDIO_WRITEPROTECT)",
    Wake => "ioctl(UFFDIO_WAKE)",
    Eventfd => "eventfd",
    Poll => "poll",
    Read => "read",
    Write => "write",
    StartThread => "clone",
    Sigaction => "sigaction",
    Sigmask => "sigprocmask",
}

/// Turns a failed call into its error. Allocates nothing.
pub(crate) fn error(call: SystemCall, doing: &'static str, errno: Errno) -> Error {
    Error::Os { call: call.name(), doing, os: OsError(errno.raw_os_error()) }
}

/// Which system calls fail, and how often each was made or failed. Results are errnos.
#[cfg(any(test, feature = "seam"))]
pub type SystemFailures = crate::failures::Plan<SystemCall>;

/// Issues calls; cheap to clone, shared by everything that belongs to one heap.
#[derive(Clone, Debug, Default)]
pub(crate) struct SystemCalls {
    #[cfg(any(test, feature = "seam"))]
    failures: Option<std::sync::Arc<SystemFailures>>,
}

impl SystemCalls {
    /// Makes the call `f`, unless the test's plan has it fail. Repeats what a signal interrupted.
    #[inline]
    pub(crate) fn run<T>(
        &self,
        call: SystemCall,
        mut f: impl FnMut() -> rustix::io::Result<T>,
    ) -> rustix::io::Result<T> {
        loop {
            match self.planned(call).map_or_else(&mut f, Err) {
                Err(Errno::INTR) => {}
                done => return done,
            }
        }
    }

    #[inline]
    fn planned(&self, call: SystemCall) -> Option<Errno> {
        #[cfg(any(test, feature = "seam"))]
        return self.failures.as_ref().and_then(|plan| plan.pick(call)).map(Errno::from_raw_os_error);
        #[cfg(not(any(test, feature = "seam")))]
        {
            let _ = call;
            None
        }
    }

    #[cfg(any(test, feature = "seam"))]
    pub(crate) fn with(failures: std::sync::Arc<SystemFailures>) -> Self {
        SystemCalls { failures: Some(failures) }
    }
}
