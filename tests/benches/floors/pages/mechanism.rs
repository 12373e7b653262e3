//! The system's mechanisms for noticing a touch, each with nothing but the copy: one page, mapped twice, that is taken away and
//! brought back.
//!
//! # Safety
//! - Mappings live from `new` to `Drop`, and only their owner uses them, while none of its slices that could change exists.
//! - `touch` tells the server where the content is before the touch, keeps it borrowed until after it, and the server looks at it
//!   only while the toucher waits: the server is the toucher itself, or it wakes the toucher when it is done.
//! - Each ioctl has the structure that the kernel's `linux/userfaultfd.h` defines for it.
#![allow(unsafe_code)]

use anyhow::{Context, Result, bail, ensure};
use std::{
    ffi::c_void,
    io::Error,
    marker::PhantomData,
    mem::{MaybeUninit, zeroed},
    ops::{Deref, DerefMut},
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    ptr::{NonNull, null_mut},
    slice,
    sync::atomic::{AtomicI32, AtomicUsize, Ordering::SeqCst},
    thread::JoinHandle,
    time::{Duration, Instant},
};
use vksvm::PAGE;

/// Memory that is shared, as a heap's is: populated, mapped and zero.
pub struct Shared<T> {
    start: NonNull<T>,
    len: usize,
    owns: PhantomData<T>,
}

impl<T: bytemuck::Pod> Shared<T> {
    /// Room for `len` elements.
    pub fn new(len: usize) -> Result<Self> {
        let start = map(len * size_of::<T>(), libc::MAP_ANONYMOUS | libc::MAP_POPULATE, -1)?.cast();
        Ok(Shared { start, len, owns: PhantomData })
    }
}

impl<T: bytemuck::Pod> Deref for Shared<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: mapped, of so many elements, for which all bytes are valid.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T: bytemuck::Pod> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`; borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        unmap(self.start.cast(), self.len * size_of::<T>());
    }
}

/// By what a touch is noticed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A userfaultfd that a thread reads, which sleeps until then.
    Userfaultfd,
    /// A userfaultfd that sends the toucher a SIGBUS.
    Sigbus,
    /// mprotect and SIGSEGV.
    Signal,
}

/// One page in two mappings. Signals are handled for the whole process, so there is one `Mechanism` at a time.
pub struct Mechanism {
    way: Way,
    /// Two pages; a touch of the second stops the service thread.
    user: NonNull<u8>,
    alias: NonNull<u8>,
    uffd: Option<OwnedFd>,
    service: Option<JoinHandle<()>>,
}

/// For the server: where the page is taken away, where it can be written, where its content is, and the userfaultfd.
static USER: AtomicUsize = AtomicUsize::new(0);
static ALIAS: AtomicUsize = AtomicUsize::new(0);
static CONTENT: AtomicUsize = AtomicUsize::new(0);
static UFFD: AtomicI32 = AtomicI32::new(-1);

impl Mechanism {
    /// A page that nobody has taken away.
    pub fn new(way: Way) -> Result<Self> {
        // SAFETY: the name is a C string.
        let memfd = unsafe { libc::memfd_create(c"bare".as_ptr(), libc::MFD_CLOEXEC) };
        check("memfd_create", memfd)?;
        // SAFETY: just made, nobody else's.
        let memfd = unsafe { OwnedFd::from_raw_fd(memfd) };
        // SAFETY: no memory is involved.
        check("ftruncate", unsafe { libc::ftruncate(memfd.as_raw_fd(), 2 * PAGE as i64) })?;
        let alias = map(2 * PAGE, libc::MAP_POPULATE, memfd.as_raw_fd())?;
        let user = map(2 * PAGE, libc::MAP_POPULATE, memfd.as_raw_fd())?;
        let mut mechanism = Mechanism { way, user, alias, uffd: None, service: None };
        USER.store(user.as_ptr().expose_provenance(), SeqCst);
        ALIAS.store(alias.as_ptr().expose_provenance(), SeqCst);
        if way != Way::Signal {
            let uffd = uffd::open(way == Way::Sigbus)?;
            uffd::register(&uffd, user.as_ptr().addr(), 2 * PAGE)?;
            UFFD.store(uffd.as_raw_fd(), SeqCst);
            mechanism.uffd = Some(uffd);
        }
        if way == Way::Userfaultfd {
            mechanism.service = Some(std::thread::Builder::new().name("bare-faults".into()).spawn(serve_all)?);
        }
        Ok(mechanism)
    }

    /// Gives the page its first content.
    pub fn fill(&self, words: &[u32]) {
        // SAFETY: the alias is mapped for as many bytes, and nobody uses the page.
        unsafe {
            self.alias.as_ptr().cast::<u32>().copy_from_nonoverlapping(words.as_ptr(), words.len().min(PAGE / 4))
        };
    }

    /// Takes the page away, and copies its content to `device`.
    pub fn take(&self, device: &mut [u32]) -> Result<()> {
        ensure!(device.len() * 4 == PAGE, "one page at a time");
        let user = self.user.as_ptr().cast::<c_void>();
        if self.way == Way::Signal {
            // SAFETY: nothing refers to the page.
            check("mprotect", unsafe { libc::mprotect(user, PAGE, libc::PROT_NONE) })?;
        } else {
            // SAFETY: the page's content stays in the memfd.
            check("madvise", unsafe { libc::madvise(user, PAGE, libc::MADV_DONTNEED) })?;
        }
        // SAFETY: the alias is mapped for as many bytes, other memory than `device`.
        unsafe { device.as_mut_ptr().copy_from_nonoverlapping(self.alias.as_ptr().cast(), PAGE / 4) };
        Ok(())
    }

    /// Touches the page, whose content is now `device`: its first word, and how long that took.
    pub fn touch(&self, device: &[u32]) -> Result<(u32, Duration)> {
        ensure!(device.len() * 4 == PAGE, "one page at a time");
        CONTENT.store(device.as_ptr().expose_provenance(), SeqCst);
        let _handler = match self.way {
            Way::Userfaultfd => None,
            Way::Sigbus => Some(Handler::install(libc::SIGBUS)?),
            Way::Signal => Some(Handler::install(libc::SIGSEGV)?),
        };
        let start = Instant::now();
        // SAFETY: mapped; the server brings it back.
        let word = unsafe { self.user.as_ptr().cast::<u32>().read_volatile() };
        Ok((word, start.elapsed()))
    }
}

impl Drop for Mechanism {
    fn drop(&mut self) {
        if let Some(thread) = self.service.take() {
            // SAFETY: the second page, which nobody uses; its content stays in the memfd.
            let stop = unsafe { self.user.as_ptr().add(PAGE) };
            // SAFETY: as above.
            unsafe { libc::madvise(stop.cast(), PAGE, libc::MADV_DONTNEED) };
            // SAFETY: mapped; the thread brings it back, and ends.
            unsafe { stop.read_volatile() };
            // A panic in it has been printed.
            thread.join().ok();
        }
        UFFD.store(-1, SeqCst);
        unmap(self.user, 2 * PAGE);
        unmap(self.alias, 2 * PAGE);
    }
}

/// The service thread.
fn serve_all() {
    let uffd = UFFD.load(SeqCst);
    loop {
        let Some(address) = uffd::read(uffd) else { return };
        let offset = address - USER.load(SeqCst);
        if offset >= PAGE {
            uffd::resume(uffd, USER.load(SeqCst) + PAGE, PAGE);
            return;
        }
        copy();
        uffd::resume(uffd, USER.load(SeqCst), PAGE);
    }
}

/// Brings the content home.
fn copy() {
    let to = std::ptr::with_exposed_provenance_mut::<u8>(ALIAS.load(SeqCst));
    let from = std::ptr::with_exposed_provenance::<u8>(CONTENT.load(SeqCst));
    // SAFETY: the alias and what `touch` has borrowed, each of a page's size (see the module's header).
    unsafe { to.copy_from_nonoverlapping(from, PAGE) };
}

extern "C" fn on_fault(signal: i32, info: *mut libc::siginfo_t, _: *mut c_void) {
    // SAFETY: the kernel's information about the signal.
    let info = unsafe { &*info };
    // SAFETY: the signal comes from a touch, so there is an address.
    let address = unsafe { info.si_addr() }.addr();
    let user = USER.load(SeqCst);
    if !(user..user + PAGE).contains(&address) {
        // A crash. SAFETY: async-signal-safe.
        unsafe { libc::abort() };
    }
    copy();
    if signal == libc::SIGBUS {
        uffd::resume(UFFD.load(SeqCst), user, PAGE);
    } else {
        let user = std::ptr::with_exposed_provenance_mut(user);
        // SAFETY: the page is mapped, and the toucher may have it.
        if unsafe { libc::mprotect(user, PAGE, libc::PROT_READ | libc::PROT_WRITE) } != 0 {
            // SAFETY: async-signal-safe.
            unsafe { libc::abort() };
        }
    }
}

/// Our handler of a signal, in the place of the one before until dropped.
struct Handler {
    signal: i32,
    before: libc::sigaction,
}

impl Handler {
    fn install(signal: i32) -> Result<Self> {
        // SAFETY: all zeros is an action.
        let mut action: libc::sigaction = unsafe { zeroed() };
        action.sa_sigaction = on_fault as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        let mut before = MaybeUninit::uninit();
        // SAFETY: the handler is of the kind that the flags say.
        check("sigaction", unsafe { libc::sigaction(signal, &action, before.as_mut_ptr()) })?;
        // SAFETY: the call has filled it.
        Ok(Handler { signal, before: unsafe { before.assume_init() } })
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        // SAFETY: the action that was in force.
        unsafe { libc::sigaction(self.signal, &self.before, null_mut()) };
    }
}

fn map(bytes: usize, flags: i32, fd: i32) -> Result<NonNull<u8>> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: the system picks addresses that nothing uses.
    let start = unsafe { libc::mmap(null_mut(), bytes, access, libc::MAP_SHARED | flags, fd, 0) };
    if start == libc::MAP_FAILED {
        bail!("mmap of {bytes} bytes: {}", Error::last_os_error());
    }
    NonNull::new(start.cast()).context("mmap gave address 0")
}

fn unmap(start: NonNull<u8>, bytes: usize) {
    // SAFETY: mapped by `map`, and nothing refers to it any more.
    unsafe { libc::munmap(start.as_ptr().cast(), bytes) };
}

fn check(call: &str, result: i32) -> Result<()> {
    ensure!(result >= 0, "{call}: {}", Error::last_os_error());
    Ok(())
}

/// The few commands of a userfaultfd.
mod uffd {
    use super::check;
    use anyhow::{Result, ensure};
    use std::{
        ffi::c_ulong,
        io::Error,
        os::fd::{AsRawFd, FromRawFd, OwnedFd},
    };

    const FEATURE_SIGBUS: u64 = 1 << 7;
    const FEATURE_MINOR_SHMEM: u64 = 1 << 10;
    const MODE_MINOR: u64 = 1 << 2;

    /// `_IOWR(0xAA, number, [u64; words])`
    const fn command(number: u8, words: usize) -> c_ulong {
        3 << 30 | (8 * words as c_ulong) << 16 | 0xAA << 8 | number as c_ulong
    }

    pub fn open(sigbus: bool) -> Result<OwnedFd> {
        // Blocking: the thread sleeps in read.
        // SAFETY: the flags are valid; a descriptor is harmless until a range is registered.
        let fd = unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC) };
        ensure!(fd >= 0, "userfaultfd: {}", Error::last_os_error());
        // SAFETY: just made, nobody else's.
        let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
        let mut api = [0xAA, FEATURE_MINOR_SHMEM | if sigbus { FEATURE_SIGBUS } else { 0 }, 0];
        run("ioctl(UFFDIO_API)", fd.as_raw_fd(), command(0x3F, 3), &mut api)?;
        Ok(fd)
    }

    pub fn register(fd: &OwnedFd, start: usize, bytes: usize) -> Result<()> {
        let mut register = [start as u64, bytes as u64, MODE_MINOR, 0];
        run("ioctl(UFFDIO_REGISTER)", fd.as_raw_fd(), command(0x00, 4), &mut register)
    }

    /// Waits for a touch: its address. `None` where none can come any more.
    pub fn read(fd: i32) -> Option<usize> {
        let mut message = [0u64; 4];
        // SAFETY: a message is 32 bytes.
        let bytes = unsafe { libc::read(fd, message.as_mut_ptr().cast(), 32) };
        (bytes == 32).then_some(message[2] as usize)
    }

    /// Maps what is there, and wakes who waits for it. Async-signal-safe.
    pub fn resume(fd: i32, start: usize, bytes: usize) {
        let mut with = [start as u64, bytes as u64, 0, 0];
        // SAFETY: the command and its structure; maps pages of the memfd at their own places.
        if unsafe { libc::ioctl(fd, command(0x07, 4), &mut with) } != 0 {
            // The toucher would wait for ever. SAFETY: async-signal-safe.
            unsafe { libc::abort() };
        }
    }

    fn run<const N: usize>(name: &str, fd: i32, command: c_ulong, with: &mut [u64; N]) -> Result<()> {
        // SAFETY: callers pair commands with their structures.
        check(name, unsafe { libc::ioctl(fd, command, with) })
    }
}
