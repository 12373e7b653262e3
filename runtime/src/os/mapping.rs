//! Owns the heap's memory: one range of bytes, seen through a *user view* and a *runtime view*.
//!
//! ```text
//!   user view     0x7f10_0000_0000 ─┐             programs and devices; pages of it may be revoked
//!                                   ├─ memfd      one set of physical pages, holes until first touched
//!   runtime view  0x7f08_0000_0000 ─┘             the library; never revoked
//! ```
//!
//! With [`Backing::Anonymous`] there is one private mapping and both views are the same addresses.
//!
//! A forked child has neither view: its first touch is a SIGSEGV, where without `MADV_DONTFORK` it would read
//! bytes that are out of date and write into its parent. It does inherit the memfd's descriptor, through which giving
//! pages back would empty its parent's: in a process other than the one that made the mapping, nothing is given back,
//! populated or unmapped.
//!
//! A memfd's views are left out of core dumps. A dump reads every page of a shared mapping, holes too, and thereby
//! allocates the whole heap, which may be as large as the machine's memory; and a revoked page would wait for a
//! service thread that no longer runs. A dump skips the untouched pages of a private mapping, so that one stays in.
//!
//! # Safety
//!
//! What the `unsafe` blocks rest on:
//! - *Ownership.* A `View` owns the address range that it got from `mmap`; nobody else maps or unmaps there until
//!   its `Drop`. Every call below passes sub-ranges that `Mapping::check` found inside.
//! - *No references.* Nothing here makes a `&` or `&mut` to the mapped bytes: other threads, other processes'
//!   system calls and devices write them at any time. Addresses leave as integers, with their provenance exposed,
//!   since they travel through shaders as integers anyway.
#![allow(unsafe_code)]

use crate::addr::PAGE;
use crate::error::{Error, OsError, Result};
use crate::os::call::{self, SystemCall, SystemCalls};
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap, mmap_anonymous, mprotect, munmap};
use std::ffi::c_void;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::ptr::{NonNull, null_mut, with_exposed_provenance_mut};
use std::sync::atomic::{Ordering, compiler_fence};

/// Bytes that one `fallocate` populates. A pending signal makes the call undo its work and return EINTR; pieces
/// this small (a few milliseconds each) get done between the ticks of any profiler or timer.
const POPULATE_PIECE: usize = 16 << 20;

/// What was being done when mprotect found no entry left in the process' table of mappings, and what to do about it.
const MAPPINGS_FULL: &str = "changing what the CPU may do with pages: the process has as many mappings as vm.max_map_count \
    allows, to which each run of pages that are alike adds one; raise it, or use faults userfaultfd or sigbus, which add none";

/// What backs the heap's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Backing {
    /// A memfd, mapped twice: the program's view and the runtime's.
    Memfd,
    /// Private anonymous memory, mapped once, for drivers that import nothing else. Its pages cannot be revoked
    /// while the runtime still reads them.
    Anonymous,
}

/// A range of bytes and its views. Unmapped on drop: whoever owns the `Mapping` sees to it that no pointer into it
/// is used afterwards.
#[derive(Debug)]
pub(crate) struct Mapping {
    user: View,
    /// `None` where the user view is the only one.
    runtime: Option<View>,
    memfd: Option<OwnedFd>,
    calls: SystemCalls,
}

impl Mapping {
    /// Maps `len` bytes of zeros, none of them populated. Both views start at a multiple of `align` bytes.
    ///
    /// # Errors
    ///
    /// [`Error::BadOption`] if `len` is zero or no multiple of 64 KiB (userfaultfd regions need that), or if
    /// `align` is no power of two or less than 64 KiB. [`Error::Os`] if the system refuses.
    pub(crate) fn new(len: usize, align: usize, backing: Backing) -> Result<Self> {
        if len == 0 || !len.is_multiple_of(PAGE) || !align.is_power_of_two() || align < PAGE {
            let reason = format!(
                "cannot map {len} bytes aligned to {align}: the size must be a positive multiple of {PAGE}, the \
                 alignment a power of two and at least {PAGE}"
            );
            return Err(Error::BadOption { option: "heap_size", reason });
        }
        let calls = SystemCalls::default();
        match backing {
            Backing::Memfd => {
                let memfd = memfd(len)?;
                let user = View::reserve(len, align)?;
                user.map_over(&memfd)?;
                let runtime = View::reserve(len, align)?;
                runtime.map_over(&memfd)?;
                for view in [&user, &runtime] {
                    view.advise(&calls, 0..len, Advice::LinuxDontFork, "keeping the heap from forked children")?;
                    view.advise(&calls, 0..len, Advice::LinuxDontDump, "keeping the heap out of core dumps")?;
                }
                Ok(Mapping { user, runtime: Some(runtime), memfd: Some(memfd), calls })
            }
            Backing::Anonymous => {
                let user = View::reserve(len, align)?;
                user.make_accessible()?;
                user.advise(&calls, 0..len, Advice::LinuxDontFork, "keeping the heap from forked children")?;
                Ok(Mapping { user, runtime: None, memfd: None, calls })
            }
        }
    }

    /// Has what comes after the mapping's making go through `calls`.
    pub(crate) fn with_calls(self, calls: SystemCalls) -> Self {
        Mapping { calls, ..self }
    }

    /// Where the user view starts: the heap's first unified address.
    pub(crate) fn user_base(&self) -> usize {
        self.user.base
    }

    /// Where the runtime view starts; the user view, where that is the only one.
    pub(crate) fn runtime_base(&self) -> usize {
        self.runtime.as_ref().unwrap_or(&self.user).base
    }

    /// Bytes in each view.
    pub(crate) fn len(&self) -> usize {
        self.user.len
    }

    /// A pointer into the user view, `offset` bytes from its start. At most `len` is meaningful.
    pub(crate) fn user(&self, offset: usize) -> NonNull<u8> {
        self.user.at(offset)
    }

    /// A pointer into the runtime view, `offset` bytes from its start. At most `len` is meaningful.
    pub(crate) fn runtime(&self, offset: usize) -> NonNull<u8> {
        self.runtime.as_ref().unwrap_or(&self.user).at(offset)
    }

    /// Gives every OS page of `range` (byte offsets, multiples of the OS page) its memory now. What is there
    /// already keeps its content, the rest reads zeros.
    ///
    /// # Errors
    ///
    /// [`Error::Os`], ENOSPC or ENOMEM when memory has run out, where part of the range may be populated by then, or
    /// in a forked child, where nothing happens.
    ///
    /// # Panics
    ///
    /// If `range` reaches outside the mapping.
    pub(crate) fn populate(&self, range: Range<usize>) -> Result<()> {
        self.check(&range);
        const DOING: &str = "giving heap pages their memory";
        self.user.check_process(DOING)?;
        let Some(memfd) = &self.memfd else {
            return self.user.advise(&self.calls, range, Advice::LinuxPopulateWrite, DOING);
        };
        let mut at = range.start;
        while at < range.end {
            let piece = POPULATE_PIECE.min(range.end - at);
            self.allocate(memfd, FallocateFlags::empty(), at..at + piece, DOING)?;
            at += piece;
        }
        Ok(())
    }

    /// Gives the memory of `range` (byte offsets, multiples of the OS page) back to the system: it reads zeros
    /// afterwards, in both views. Not for pages that a driver has pinned: it would go on using the old ones.
    ///
    /// # Errors
    ///
    /// [`Error::Os`], for instance for memory that something has locked, where the content is unspecified then, or in
    /// a forked child, where nothing happens.
    ///
    /// # Safety
    ///
    /// Nobody else uses the bytes of `range` during the call.
    ///
    /// # Panics
    ///
    /// If `range` reaches outside the mapping.
    pub(crate) unsafe fn release(&self, range: Range<usize>) -> Result<()> {
        self.check(&range);
        const DOING: &str = "giving heap pages back to the system";
        self.user.check_process(DOING)?;
        if range.is_empty() {
            return Ok(());
        }
        match &self.memfd {
            Some(memfd) => {
                let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                self.allocate(memfd, flags, range, DOING)
            }
            None => self.user.advise(&self.calls, range, Advice::LinuxDontNeed, DOING),
        }
    }

    /// Takes the OS pages of `range` (byte offsets, multiples of the OS page) out of the user view of a memfd. They keep their
    /// content; the next touch through the user view maps them again, or is whoever's it is who has registered for that.
    /// Safe to call from a signal handler.
    ///
    /// # Errors
    ///
    /// [`Error::Os`], also in a forked child, where nothing happens.
    ///
    /// # Panics
    ///
    /// If `range` reaches outside the mapping.
    pub(crate) fn zap(&self, range: Range<usize>) -> Result<()> {
        self.check(&range);
        debug_assert!(self.memfd.is_some(), "private memory loses its content with its last view");
        const DOING: &str = "taking pages out of the CPU's view";
        self.user.check_process(DOING)?;
        match self.user.advise(&self.calls, range.clone(), Advice::LinuxDontNeed, DOING) {
            // Memory that the program has locked.
            Err(Error::Os { os: OsError(libc::EINVAL), .. }) => {
                self.user.advise(&self.calls, range, Advice::LinuxDontneedLocked, DOING)
            }
            done => done,
        }
    }

    /// Sets what the CPU may do with `range` (byte offsets, multiples of the OS page) of the user view. Safe to call from a
    /// signal handler.
    ///
    /// # Errors
    ///
    /// [`Error::Os`]: ENOMEM where the process has as many mappings as the system allows; EPERM in a forked child, where
    /// nothing happens.
    ///
    /// # Panics
    ///
    /// If `range` reaches outside the mapping.
    pub(crate) fn set_access(&self, range: Range<usize>, access: MprotectFlags) -> Result<()> {
        self.check(&range);
        const DOING: &str = "changing what the CPU may do with pages";
        self.user.check_process(DOING)?;
        self.calls
            .run(SystemCall::Mprotect, || {
                // SAFETY: the range lies in the user view, which nothing refers to with a Rust reference of this crate; that
                // a program's touches fault is what callers are about to serve.
                unsafe { mprotect(self.user.raw(range.start), range.len(), access) }
            })
            .map_err(|errno| {
                let doing = match errno {
                    Errno::NOMEM => MAPPINGS_FULL,
                    _ => DOING,
                };
                call::error(SystemCall::Mprotect, doing, errno)
            })
    }

    /// An error (EPERM) in a forked child.
    pub(crate) fn check_process(&self, doing: &'static str) -> Result<()> {
        self.user.check_process(doing)
    }

    fn allocate(&self, memfd: &OwnedFd, flags: FallocateFlags, range: Range<usize>, doing: &'static str) -> Result<()> {
        repeat(&self.calls, SystemCall::Fallocate, || fallocate(memfd, flags, range.start as u64, range.len() as u64))
            .map_err(|errno| call::error(SystemCall::Fallocate, doing, errno))
    }

    /// Writes zeros over `range` (byte offsets), through the runtime view.
    ///
    /// # Safety
    ///
    /// Nobody else uses the bytes of `range` during the call.
    ///
    /// # Panics
    ///
    /// If `range` reaches outside the mapping.
    pub(crate) unsafe fn zero(&self, range: Range<usize>) {
        self.check(&range);
        let to = self.runtime(range.start).as_ptr();
        // SAFETY: `check` found the range inside, the runtime view is mapped writable as long as `self` lives and is
        // never revoked, and the caller keeps everybody else away.
        unsafe { to.write_bytes(0, range.len()) };
        // The bytes are read next through the other view, which the compiler takes for other memory.
        compiler_fence(Ordering::SeqCst);
    }

    #[track_caller]
    fn check(&self, range: &Range<usize>) {
        let len = self.len();
        assert!(range.start <= range.end && range.end <= len, "{range:?} is not inside a mapping of {len} bytes");
    }
}

/// A range of addresses that this process may map things at, unmapped on drop.
#[derive(Debug)]
struct View {
    base: usize,
    len: usize,
    /// The process that it was mapped in. A forked child has something else at these addresses, or nothing.
    process: u32,
}

impl View {
    /// Reserves `len` inaccessible bytes at a multiple of `align`.
    fn reserve(len: usize, align: usize) -> Result<Self> {
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
    fn map_over(&self, memfd: &OwnedFd) -> Result<()> {
        let flags = MapFlags::SHARED | MapFlags::NORESERVE | MapFlags::FIXED;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: MAP_FIXED replaces exactly the range that this view has reserved and that nothing uses yet.
        unsafe { mmap(self.raw(0), self.len, access, flags, memfd, 0) }
            .map_err(|errno| os("mmap", "mapping the heap", errno))?
            .expose_provenance();
        Ok(())
    }

    /// Turns the reservation into private anonymous memory.
    fn make_accessible(&self) -> Result<()> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: MAP_FIXED replaces exactly the range that this view has reserved and that nothing uses yet.
        unsafe { mmap_anonymous(self.raw(0), self.len, access, flags) }
            .map_err(|errno| os("mmap", "mapping the heap", errno))?
            .expose_provenance();
        Ok(())
    }

    fn advise(&self, calls: &SystemCalls, range: Range<usize>, advice: Advice, doing: &'static str) -> Result<()> {
        // SAFETY: the range lies in this view, as the callers checked. Advice that drops content (DONTNEED on private
        // memory) is only given by `release`, whose caller keeps everybody else away; all else leaves content alone.
        repeat(calls, SystemCall::Madvise, || unsafe { madvise(self.raw(range.start), range.len(), advice) })
            .map_err(|errno| call::error(SystemCall::Madvise, doing, errno))
    }

    /// An error (EPERM) in a forked child.
    fn check_process(&self, doing: &'static str) -> Result<()> {
        if self.process == std::process::id() { Ok(()) } else { Err(os("fork", doing, Errno::PERM)) }
    }

    fn at(&self, offset: usize) -> NonNull<u8> {
        // Never null: mappings start above vm.mmap_min_addr or, at the very least, not at zero.
        NonNull::new(with_exposed_provenance_mut(self.base + offset)).unwrap_or(NonNull::dangling())
    }

    fn raw(&self, offset: usize) -> *mut c_void {
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

/// A memfd of `len` bytes, all holes, that can no longer change its size: nobody whom the descriptor reaches can turn
/// a touch of the heap into a SIGBUS.
fn memfd(len: usize) -> Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memfd = match memfd_create("vksvm-heap", flags | MemfdFlags::NOEXEC_SEAL) {
        // Linux before 6.3 does not know NOEXEC_SEAL; later ones may be configured to insist on it.
        Err(Errno::INVAL) => memfd_create("vksvm-heap", flags),
        other => other,
    }
    .map_err(|errno| os("memfd_create", "creating the heap's memory", errno))?;
    retry(|| ftruncate(&memfd, len as u64)).map_err(|errno| os("ftruncate", "sizing the heap's memory", errno))?;
    fcntl_add_seals(&memfd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)
        .map_err(|errno| os("fcntl(F_ADD_SEALS)", "fixing the size of the heap's memory", errno))?;
    Ok(memfd)
}

/// As [`retry`], through the seam.
fn repeat<T>(
    calls: &SystemCalls,
    call: SystemCall,
    mut f: impl FnMut() -> rustix::io::Result<T>,
) -> rustix::io::Result<T> {
    retry(|| calls.run(call, &mut f))
}

/// Repeats what a signal interrupted (EINTR) or what the system asks to repeat (EAGAIN).
fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR | Errno::AGAIN) => {}
            done => return done,
        }
    }
}

fn os(call: &'static str, doing: &'static str, errno: Errno) -> Error {
    Error::Os { call, doing, os: OsError(errno.raw_os_error()) }
}

#[cfg(test)]
mod tests;
