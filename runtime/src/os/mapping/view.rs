//! Owns a view: a range of addresses and what is mapped there.
//!
//! # Safety
//!
//! A `View` owns the address range that it got from `mmap`; nobody else maps or unmaps there until its `Drop`. Callers pass
//! sub-ranges that `Mapping::check` found inside. No Rust reference to the mapped bytes exists in this crate.
#![allow(unsafe_code)]

use crate::error::{Error, OsError, Result};
use crate::os::call::{self, SystemCall, SystemCalls};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap, mmap_anonymous, mprotect, munmap};
use std::ffi::c_void;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::ptr::{NonNull, null_mut, with_exposed_provenance_mut};

/// What was being done when mprotect found no entry left in the process' table of mappings, and what to do about it.
const MAPPINGS_FULL: &str = "changing what the CPU may do with pages: the process has as many mappings as vm.max_map_count \
    allows, to which each run of pages that are alike adds one; raise it, or use faults userfaultfd or sigbus, which add none";

/// A range of addresses that this process may map things at, unmapped on drop.
#[derive(Debug)]
pub(super) struct View {
    pub(super) base: usize,
    pub(super) len: usize,
    /// The process that it was mapped in. A forked child has something else at these addresses, or nothing.
    process: u32,
}

impl View {
    /// Reserves `len` inaccessible bytes at a multiple of `align`.
    pub(super) fn reserve(len: usize, align: usize) -> Result<Self> {
        const DOING: &str = "reserving the heap's addresses";
        let slack = len.checked_add(align).ok_or_else(|| os("mmap", DOING, Errno::NOMEM))?;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: without MAP_FIXED the system picks addresses that nothing uses.
        let start = unsafe { mmap_anonymous(null_mut(), slack, ProtFlags::empty(), flags) }
            .map_err(|errno| os("mmap", DOING, errno))?
            .expose_provenance();
        let base = start.next_multiple_of(align);
        let view = View { base, len, process: std::process::id() };
        unmap(start, base - start);
        unmap(base + len, start + slack - (base + len));
        Ok(view)
    }

    /// Maps all of `memfd` over the reservation.
    pub(super) fn map_over(&self, memfd: &OwnedFd) -> Result<()> {
        let flags = MapFlags::SHARED | MapFlags::NORESERVE | MapFlags::FIXED;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: MAP_FIXED replaces exactly the range that this view has reserved and that nothing uses yet.
        unsafe { mmap(self.raw(0), self.len, access, flags, memfd, 0) }
            .map_err(|errno| os("mmap", "mapping the heap", errno))?
            .expose_provenance();
        Ok(())
    }

    /// Turns the reservation into private anonymous memory.
    pub(super) fn make_accessible(&self) -> Result<()> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: MAP_FIXED replaces exactly the range that this view has reserved and that nothing uses yet.
        unsafe { mmap_anonymous(self.raw(0), self.len, access, flags) }
            .map_err(|errno| os("mmap", "mapping the heap", errno))?
            .expose_provenance();
        Ok(())
    }

    pub(super) fn advise(
        &self,
        calls: &SystemCalls,
        range: Range<usize>,
        advice: Advice,
        doing: &'static str,
    ) -> Result<()> {
        // SAFETY: the range lies in this view, as the callers checked. Advice that drops content (DONTNEED on private
        // memory) is only given by `release`, whose caller keeps everybody else away; all else leaves content alone.
        repeat(calls, SystemCall::Madvise, || unsafe { madvise(self.raw(range.start), range.len(), advice) })
            .map_err(|errno| call::error(SystemCall::Madvise, doing, errno))
    }

    /// Sets what the CPU may do with `range`.
    pub(super) fn set_access(&self, calls: &SystemCalls, range: Range<usize>, access: MprotectFlags) -> Result<()> {
        const DOING: &str = "changing what the CPU may do with pages";
        self.check_process(DOING)?;
        // SAFETY: the range lies in this view, as the callers checked, and there are no references to what is there; that a
        // program's touches fault is what they are about to serve.
        let done = calls.run(SystemCall::Mprotect, || unsafe { mprotect(self.raw(range.start), range.len(), access) });
        done.map_err(|errno| {
            let doing = if errno == Errno::NOMEM { MAPPINGS_FULL } else { DOING };
            call::error(SystemCall::Mprotect, doing, errno)
        })
    }

    /// An error (EPERM) in a forked child.
    pub(super) fn check_process(&self, doing: &'static str) -> Result<()> {
        if self.process == std::process::id() { Ok(()) } else { Err(os("fork", doing, Errno::PERM)) }
    }

    pub(super) fn at(&self, offset: usize) -> NonNull<u8> {
        // Never null: mappings start above vm.mmap_min_addr or, at the very least, not at zero.
        NonNull::new(with_exposed_provenance_mut(self.base + offset)).unwrap_or(NonNull::dangling())
    }

    pub(super) fn raw(&self, offset: usize) -> *mut c_void {
        with_exposed_provenance_mut(self.base + offset)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            unmap(self.base, self.len);
        }
    }
}

/// Unmaps a range that the caller owns and that nothing uses any more.
fn unmap(base: usize, len: usize) {
    if len == 0 {
        return;
    }
    // SAFETY: private to this module; `View` passes only what it reserved, its slack at once and the rest on drop.
    if let Err(errno) = unsafe { munmap(with_exposed_provenance_mut(base), len) } {
        // Out of map entries (vm.max_map_count): the range stays reserved, which wastes addresses and nothing else.
        tracing::warn!("munmap of {len} bytes at {base:#x} failed: {errno}");
    }
}

/// As [`retry`], through the seam.
pub(super) fn repeat<T>(
    calls: &SystemCalls,
    call: SystemCall,
    mut f: impl FnMut() -> rustix::io::Result<T>,
) -> rustix::io::Result<T> {
    retry(|| calls.run(call, &mut f))
}

/// Repeats what a signal interrupted (EINTR) or what the system asks to repeat (EAGAIN).
pub(super) fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR | Errno::AGAIN) => {}
            done => return done,
        }
    }
}

pub(super) fn os(call: &'static str, doing: &'static str, errno: Errno) -> Error {
    Error::Os { call, doing, os: OsError(errno.raw_os_error()) }
}
