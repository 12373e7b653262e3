//! Owns the end of the process when a fault cannot be served: a message, then an abort.
//!
//! The touching thread cannot go on, and letting it see zeros or old bytes would be worse than any crash. What is called here is
//! async-signal-safe: no memory, no lock, one `write(2)`.

use crate::error::{Error, OsError};
use std::fmt::{self, Write};

/// Ends the process: a fault could not be served. `what` says what was being done; `errno` is 0 where no system call failed.
pub(crate) fn fatal(what: &str, errno: i32) -> ! {
    let mut text = Text { bytes: [0; 512], len: 0 };
    _ = write!(text, "vksvm: a CPU access to shared memory cannot be served: {what}");
    if errno != 0 {
        _ = write!(text, ": errno {errno}{}", name(errno));
    }
    end(text)
}

/// Ends the process: a fault could not be served, because of this error.
pub(crate) fn unserved(error: &Error) -> ! {
    match error {
        Error::Os { call: "mprotect", os: OsError(libc::ENOMEM), .. } => fatal(
            "mprotect: the process has as many mappings as vm.max_map_count allows; raise it, or use faults userfaultfd or sigbus",
            libc::ENOMEM,
        ),
        Error::Os { call, os, .. } => fatal(call, os.0),
        Error::OutOfDeviceMemory { call } | Error::OutOfHostMemory { call } | Error::DeviceLost { call } => {
            fatal(call, 0)
        }
        _ => fatal("copying a page from the device failed", 0),
    }
}

/// Ends the process: service itself has crashed, at this address.
pub(super) fn crashed(signal: i32, address: usize) -> ! {
    let mut text = Text { bytes: [0; 512], len: 0 };
    _ = write!(
        text,
        "vksvm: serving a CPU access to shared memory crashed with signal {signal} at address {address:#x}; this is a bug in vksvm"
    );
    end(text)
}

fn end(mut text: Text) -> ! {
    _ = text.write_str("; aborting\n");
    // The message is all that can be done; whether it arrives changes nothing.
    _ = rustix::io::write(rustix::stdio::stderr(), &text.bytes[..text.len]);
    std::process::abort()
}

/// A message on the stack. What does not fit is left out.
struct Text {
    bytes: [u8; 512],
    len: usize,
}

impl fmt::Write for Text {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let room = self.bytes.len() - self.len;
        let taken = s.len().min(room);
        self.bytes[self.len..self.len + taken].copy_from_slice(&s.as_bytes()[..taken]);
        self.len += taken;
        Ok(())
    }
}

/// Names of what may reasonably come; the library's own list needs memory.
fn name(errno: i32) -> &'static str {
    match errno {
        libc::EPERM => " (EPERM)",
        libc::ENOENT => " (ENOENT)",
        libc::EIO => " (EIO)",
        libc::EBADF => " (EBADF)",
        libc::EAGAIN => " (EAGAIN)",
        libc::ENOMEM => " (ENOMEM, no memory)",
        libc::EFAULT => " (EFAULT)",
        libc::EEXIST => " (EEXIST)",
        libc::EINVAL => " (EINVAL)",
        libc::ENOSPC => " (ENOSPC, no memory)",
        _ => "",
    }
}
