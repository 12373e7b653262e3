//! Owns a userfaultfd: how it is got, and the few of its commands that are used.
//!
//! Structures and numbers are those of the kernel's `linux/userfaultfd.h`.
//!
//! # Safety
//!
//! Each `ioctl` pairs a command with the structure that the kernel defines for it, and addresses of one mapping's user view
//! only: `Uffd::register` is told which, and `Access`, which owns both, passes ranges inside.
#![allow(unsafe_code)]

use crate::{
    error::Result,
    os::call::{SystemCall, SystemCalls, error},
};
use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
    ioctl::{Ioctl, IoctlOutput, Opcode, Updater, ioctl, opcode},
    mm::{UserfaultfdFlags, userfaultfd},
};
use std::{
    ffi::c_void,
    ops::Range,
    os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd},
};

const GROUP: u8 = 0xAA;
const API: u64 = 0xAA;

/// Write faults of protected pages are told apart.
const PAGEFAULT_FLAG_WP: u64 = 1 << 0;
/// No messages: the touching thread gets a SIGBUS.
const SIGBUS: u64 = 1 << 7;
/// Messages say who touched.
const THREAD_ID: u64 = 1 << 8;
/// Pages that have content but are not mapped raise faults, for memfds.
const MINOR_SHMEM: u64 = 1 << 10;
/// Messages and signals give the address and not its OS page.
const EXACT_ADDRESS: u64 = 1 << 11;
/// Memfds can be write-protected, pages that are not mapped included.
const WP_HUGETLBFS_SHMEM: u64 = 1 << 12;

const MODE_WP: u64 = 1 << 1;
const MODE_MINOR: u64 = 1 << 2;

const CONTINUE_DONTWAKE: u64 = 1 << 0;
/// Linux 6.4 and later.
const CONTINUE_WP: u64 = 1 << 1;

const WRITEPROTECT_WP: u64 = 1 << 0;
const WRITEPROTECT_DONTWAKE: u64 = 1 << 1;

const FAULT_WRITE: u64 = 1 << 0;
const FAULT_WP: u64 = 1 << 1;
const EVENT_PAGEFAULT: u8 = 0x12;

#[repr(C)]
struct Api {
    api: u64,
    features: u64,
    ioctls: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Addresses {
    start: u64,
    len: u64,
}

impl From<Range<usize>> for Addresses {
    fn from(range: Range<usize>) -> Self {
        Addresses { start: range.start as u64, len: range.len() as u64 }
    }
}

#[repr(C)]
struct Register {
    range: Addresses,
    mode: u64,
    ioctls: u64,
}

#[repr(C)]
struct Continue {
    range: Addresses,
    mode: u64,
    mapped: i64,
}

#[repr(C)]
struct WriteProtect {
    range: Addresses,
    mode: u64,
}

/// Bytes of a message.
pub(super) const MESSAGE: usize = 32;

/// A touch that the kernel reports.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Touch {
    pub address: usize,
    pub write: bool,
    pub thread: u32,
}

impl Touch {
    /// `None` for other events, which are not asked for.
    pub(super) fn parse(message: &[u8; MESSAGE]) -> Option<Self> {
        let word = |at: usize| u64::from_ne_bytes(std::array::from_fn(|i| message[at + i]));
        (message[0] == EVENT_PAGEFAULT).then(|| Touch {
            address: word(16) as usize,
            write: word(8) & (FAULT_WRITE | FAULT_WP) != 0,
            thread: u32::from_ne_bytes(std::array::from_fn(|i| message[24 + i])),
        })
    }
}

/// Who hears of the touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tell {
    /// Whoever reads the descriptor.
    Reader,
    /// The touching thread, by SIGBUS.
    Toucher,
}

/// What [`Uffd::map`] came upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mapped {
    /// Everything up to the range's end is mapped by this call.
    All,
    /// So many bytes are; go on from there.
    Part(usize),
    /// The first OS page is mapped already.
    Already,
    /// The first OS page has no memory.
    Hole,
}

#[derive(Debug)]
pub(super) struct Uffd {
    fd: OwnedFd,
    calls: SystemCalls,
    tell: Tell,
    /// Whether unmapped pages can be mapped for reading only.
    maps_protected: bool,
}

impl Uffd {
    /// A userfaultfd with all that is needed, and how it was got.
    ///
    /// # Errors
    ///
    /// Why it cannot be had, as a sentence.
    pub(super) fn new(tell: Tell, calls: &SystemCalls) -> Result<(Self, String), String> {
        let wanted = PAGEFAULT_FLAG_WP | MINOR_SHMEM | WP_HUGETLBFS_SHMEM | EXACT_ADDRESS;
        let wanted = wanted | if tell == Tell::Reader { THREAD_ID } else { SIGBUS };
        // The first handshake on a descriptor is the last, so what the kernel has is asked on another one.
        let (asked, _) = Self::get(tell, calls)?;
        let had = handshake(&asked, 0, calls).map_err(|errno| format!("{}: {errno}", SystemCall::Api.name()))?;
        let missing: Vec<_> = FEATURES.iter().filter(|(bit, ..)| wanted & !had & bit != 0).collect();
        if !missing.is_empty() {
            let names: Vec<_> =
                missing.iter().map(|(_, name, since)| format!("{name} (Linux {since} and later)")).collect();
            return Err(format!("the kernel's userfaultfd lacks {}", names.join(", ")));
        }
        let (fd, how) = Self::get(tell, calls)?;
        handshake(&fd, wanted, calls).map_err(|errno| format!("{}: {errno}", SystemCall::Api.name()))?;
        Ok((Uffd { fd, calls: calls.clone(), tell, maps_protected: false }, how))
    }

    fn get(tell: Tell, calls: &SystemCalls) -> Result<(OwnedFd, String), String> {
        // Touches by system calls are faults in kernel mode. Only a reader can serve these; without them it needs no privilege.
        const USER_MODE_ONLY: UserfaultfdFlags = UserfaultfdFlags::from_bits_retain(1);
        let flags = UserfaultfdFlags::CLOEXEC | UserfaultfdFlags::NONBLOCK;
        let flags = if tell == Tell::Reader { flags } else { flags | USER_MODE_ONLY };
        // SAFETY: the flags are valid; a descriptor is harmless until a range is registered with it.
        let first = calls.run(SystemCall::Userfaultfd, || unsafe { userfaultfd(flags) });
        let errno = match first {
            Ok(fd) => return Ok((fd, "by the system call".into())),
            Err(errno) => errno,
        };
        let device = calls.run(SystemCall::OpenUserfaultfd, || {
            open("/dev/userfaultfd", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        });
        let second = match device {
            Ok(device) => calls
                .run(SystemCall::NewUserfaultfd, || {
                    // SAFETY: the device is a userfaultfd device, whose one command makes a descriptor.
                    unsafe { ioctl(&device, New { flags }) }
                })
                .map_err(|errno| format!("{}: {errno}", SystemCall::NewUserfaultfd.name())),
            Err(errno) => Err(format!("/dev/userfaultfd: {errno}")),
        };
        match second {
            Ok(fd) => Ok((fd, "by /dev/userfaultfd".into())),
            Err(device) => {
                let allow = match tell {
                    Tell::Reader => {
                        "; vm.unprivileged_userfaultfd=1, the capability CAP_SYS_PTRACE or access to /dev/userfaultfd allow it"
                    }
                    Tell::Toucher => "",
                };
                Err(format!("the system call: {errno}; {device}{allow}"))
            }
        }
    }

    /// From now on touches of pages of `range` (addresses) that are not mapped and writes to protected ones are faults.
    pub(super) fn register(&self, range: Range<usize>) -> Result<()> {
        let mut with = Register { range: range.into(), mode: MODE_MINOR | MODE_WP, ioctls: 0 };
        self.run(SystemCall::Register, "watching the CPU's accesses", || {
            // SAFETY: the command is UFFDIO_REGISTER and the structure its own.
            let update = unsafe { Updater::<'_, { opcode::read_write::<Register>(GROUP, 0x00) }, _>::new(&mut with) };
            // SAFETY: what changes for the range is that its touches wait for, or signal to, who asked for it.
            unsafe { ioctl(&self.fd, update) }
        })
    }

    /// Maps the OS pages of `range` (addresses) that have memory, from its start, without waking anybody. With `protected`
    /// the next write to them faults, which is an error (EINVAL) before Linux 6.4.
    pub(super) fn map(&self, range: Range<usize>, protected: bool) -> Result<Mapped> {
        let len = range.len();
        let mode = CONTINUE_DONTWAKE | if protected { CONTINUE_WP } else { 0 };
        let mut with = Continue { range: range.into(), mode, mapped: 0 };
        let done = self.calls.run(SystemCall::Continue, || {
            with.mapped = 0;
            // SAFETY: the command is UFFDIO_CONTINUE and the structure its own.
            let update = unsafe { Updater::<'_, { opcode::read_write::<Continue>(GROUP, 0x07) }, _>::new(&mut with) };
            // SAFETY: maps pages of the memfd that the range shows, at their own places.
            unsafe { ioctl(&self.fd, update) }
        });
        match done {
            Ok(()) => Ok(Mapped::All),
            // Nothing mapped: the kernel asks to try again.
            Err(Errno::AGAIN) => Ok(Mapped::Part(usize::try_from(with.mapped).unwrap_or(0).min(len))),
            Err(Errno::EXIST) => Ok(Mapped::Already),
            Err(Errno::FAULT) => Ok(Mapped::Hole),
            Err(errno) => Err(error(SystemCall::Continue, "giving pages back to the CPU", errno)),
        }
    }

    /// Has the next write to pages of `range` (addresses) fault, or no longer, without waking anybody.
    pub(super) fn protect(&self, range: Range<usize>, protected: bool) -> Result<()> {
        let mode = if protected { WRITEPROTECT_WP } else { WRITEPROTECT_DONTWAKE };
        let mut with = WriteProtect { range: range.into(), mode };
        self.run(SystemCall::WriteProtect, "changing whether the CPU may write to pages", || {
            // SAFETY: the command is UFFDIO_WRITEPROTECT and the structure its own.
            let update =
                unsafe { Updater::<'_, { opcode::read_write::<WriteProtect>(GROUP, 0x06) }, _>::new(&mut with) };
            // SAFETY: writes to the range wait, or go on.
            unsafe { ioctl(&self.fd, update) }
        })
    }

    /// Has those who wait for pages of `range` (addresses) try again.
    pub(super) fn wake(&self, range: Range<usize>) -> Result<()> {
        if self.tell == Tell::Toucher {
            return Ok(());
        }
        let mut with = Addresses::from(range);
        self.run(SystemCall::Wake, "waking who waits for pages", || {
            // SAFETY: the command is UFFDIO_WAKE, whose number says "read" although the kernel reads, and the structure its own.
            let update = unsafe { Updater::<'_, { opcode::read::<Addresses>(GROUP, 0x02) }, _>::new(&mut with) };
            // SAFETY: threads that touched the range try again; if the page is not accessible, they fault again.
            unsafe { ioctl(&self.fd, update) }
        })
    }

    /// Whether [`map`](Self::map) can be asked for protected pages.
    pub(super) fn maps_protected(&self) -> bool {
        self.maps_protected
    }

    /// What the probe found about that.
    pub(super) fn set_maps_protected(&mut self, can: bool) {
        self.maps_protected = can;
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Runs a command, again as often as the kernel asks for that.
    fn run(&self, call: SystemCall, doing: &'static str, mut f: impl FnMut() -> rustix::io::Result<()>) -> Result<()> {
        loop {
            match self.calls.run(call, &mut f) {
                Err(Errno::AGAIN) => {}
                done => return done.map_err(|errno| error(call, doing, errno)),
            }
        }
    }
}

/// What is needed, by its name in the kernel's header and the release that had it first.
const FEATURES: &[(u64, &str, &str)] = &[
    (PAGEFAULT_FLAG_WP, "UFFD_FEATURE_PAGEFAULT_FLAG_WP", "5.7"),
    (SIGBUS, "UFFD_FEATURE_SIGBUS", "4.14"),
    (THREAD_ID, "UFFD_FEATURE_THREAD_ID", "4.14"),
    (MINOR_SHMEM, "UFFD_FEATURE_MINOR_SHMEM", "5.14"),
    (EXACT_ADDRESS, "UFFD_FEATURE_EXACT_ADDRESS", "5.18"),
    (WP_HUGETLBFS_SHMEM, "UFFD_FEATURE_WP_HUGETLBFS_SHMEM", "5.19"),
];

/// Enables `features`; says which the kernel has.
fn handshake(fd: &OwnedFd, features: u64, calls: &SystemCalls) -> rustix::io::Result<u64> {
    let mut with = Api { api: API, features, ioctls: 0 };
    calls.run(SystemCall::Api, || {
        with.features = features;
        // SAFETY: the command is UFFDIO_API and the structure its own.
        let update = unsafe { Updater::<'_, { opcode::read_write::<Api>(GROUP, 0x3F) }, _>::new(&mut with) };
        // SAFETY: changes what this descriptor reports, of which there is nothing yet.
        unsafe { ioctl(fd, update) }
    })?;
    Ok(with.features)
}

/// `USERFAULTFD_IOC_NEW` of `/dev/userfaultfd`: a descriptor as the system call gives.
struct New {
    flags: UserfaultfdFlags,
}

// SAFETY: the argument is a number, nothing is written to; the result is a new descriptor.
unsafe impl Ioctl for New {
    type Output = OwnedFd;

    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        opcode::none(GROUP, 0x00)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::without_provenance_mut(self.flags.bits() as usize)
    }

    unsafe fn output_from_ptr(out: IoctlOutput, _: *mut c_void) -> rustix::io::Result<OwnedFd> {
        // SAFETY: the command succeeded, so the result is a descriptor that is nobody's yet.
        Ok(unsafe { OwnedFd::from_raw_fd(out) })
    }
}
