//! Owns the question which OS pages are mapped: `/proc/self/pagemap`, eight bytes for each.
//!
//! Without it, mapping the rest of a range of which much is mapped costs a failing system call for each OS page that is.

use crate::os::call::{SystemCall, SystemCalls};
use rustix::{
    fs::{Mode, OFlags, open},
    io::pread,
};
use std::{ops::Range, os::fd::OwnedFd};

/// OS pages that one call asks about: 512 KiB of memory, 1 KiB of a signal handler's stack.
const BATCH: usize = 128;

/// Set in an entry whose page is mapped (the kernel's `Documentation/admin-guide/mm/pagemap.rst`).
const PRESENT: u64 = 1 << 63;

#[derive(Debug)]
pub(super) struct Pagemap {
    /// `None` where there is no `/proc`, or no right to read it.
    file: Option<OwnedFd>,
    calls: SystemCalls,
}

impl Pagemap {
    pub(super) fn open(calls: &SystemCalls) -> Self {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = calls.run(SystemCall::OpenPagemap, || open("/proc/self/pagemap", flags, Mode::empty())).ok();
        Pagemap { file, calls: calls.clone() }
    }

    /// The first address in `range` whose OS page is not mapped, or the range's end; a guess, since others may be mapping. The first OS page
    /// is known to be mapped. Async-signal-safe.
    pub(super) fn skip_mapped(&self, range: Range<usize>, os_page: usize) -> usize {
        let mut at = range.start + os_page;
        let Some(file) = &self.file else { return at };
        let mut entries = [0; BATCH * 8];
        while at < range.end {
            let wanted = 8 * BATCH.min((range.end - at) / os_page);
            let from = (at / os_page * 8) as u64;
            let read = self.calls.run(SystemCall::ReadPagemap, || pread(file, &mut entries[..wanted], from));
            let Ok(read @ 8..) = read else { return at };
            for entry in entries[..read].as_chunks().0 {
                if u64::from_ne_bytes(*entry) & PRESENT == 0 {
                    return at;
                }
                at += os_page;
            }
        }
        at
    }
}
