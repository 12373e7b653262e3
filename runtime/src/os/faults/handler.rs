//! Owns the process' handlers of SIGBUS and SIGSEGV.
//!
//! They are installed by the first heap that needs them and stay: somebody may have saved ours as what to pass on to. What is not
//! about a heap goes to whoever had the signal before (`chain`).
//!
//! The flags, each for a reason:
//! - `SA_SIGINFO`: the address, the cause and the processor's state.
//! - `SA_ONSTACK`: a stack overflow is a SIGSEGV, for which there is no room on the stack; Rust's own handler, to which it is passed on, reports it.
//!   Programs with small stacks (Go, coroutines) ask it of every handler. What serves faults has to do with Rust's 8 KiB.
//! - `SA_NODEFER`: a crash while serving is to be reported. With the signal blocked the kernel would end the process without a word.
//! - `SA_RESTART` if whoever had the signal before asked for it: for signals that are sent and passed on to them.
//! - The mask: everything but what the processor raises. The handler of a timer that ran in the middle of service and touched the same
//!   page would wait for the service that it has interrupted. (That of a touching thread; the process' other threads get such signals.)
//!
//! # Safety
//!
//! `on_fault` is called by the kernel alone, or by a handler that replaced it and passes on what the kernel gave. It calls only what
//! is async-signal-safe: atomics, thread-local storage without destructors, `Serve::serve`, which promises the same, and `chain`.
#![allow(unsafe_code)]

use super::{
    Fault,
    chain::Chain,
    fatal::{crashed, fatal},
    registry,
};
use crate::{
    error::Result,
    os::call::{SystemCall, SystemCalls, error},
};
use rustix::io::Errno;
use std::{
    cell::Cell,
    ffi::c_void,
    mem::zeroed,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::null_mut,
    sync::{Mutex, PoisonError},
};

static BUS: Chain = Chain::new();
static SEGV: Chain = Chain::new();
static INSTALLING: Mutex<()> = Mutex::new(());

/// SIGSEGV for a mapping that exists and forbids the access; SIGBUS for an address without memory, which is what userfaultfd
/// gives. Both are 2. Other causes (no mapping, a protection key, broken hardware) are nobody's fault here.
const CAUSE: i32 = 2;

/// What the processor raises. These are never blocked here: the kernel ends a thread's process that raises one that it blocks.
pub(super) const RAISED: [i32; 7] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGSYS, libc::SIGABRT];

thread_local! {
    /// Whether this thread is serving. Constant and without destructor: access is a read of thread-local storage.
    static SERVING: Cell<bool> = const { Cell::new(false) };
}

/// Sees to it that `signal` (SIGBUS or SIGSEGV) comes to us first. If somebody has put themselves in our place, says so and takes it back:
/// they get what is not about a heap.
///
/// # Errors
///
/// [`Error::Os`](crate::Error::Os).
pub(super) fn install(signal: i32, calls: &SystemCalls) -> Result<()> {
    const DOING: &str = "installing the handler that serves CPU faults";
    let fail = |errno| error(SystemCall::Sigaction, DOING, errno);
    let _installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let chain = chain(signal);
    let found = swap(signal, None, calls).map_err(fail)?;
    if is_ours(&found) {
        return Ok(());
    }
    let replaced = !chain.is_empty();
    // Before our handler can run: it may have something to pass on at once.
    chain.push(found);
    // SAFETY: all zeros is an action.
    let mut action: libc::sigaction = unsafe { zeroed() };
    action.sa_sigaction = on_fault as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER | (found.sa_flags & libc::SA_RESTART);
    action.sa_mask = all_but_raised();
    swap(signal, Some(&action), calls).map_err(fail)?;
    if replaced {
        tracing::warn!(
            "somebody has replaced vksvm's handler of signal {signal}, so CPU accesses to pages that are with the device would have crashed; \
             it is back, and passes on what is not vksvm's"
        );
    }
    Ok(())
}

/// Every signal but those that the processor raises.
pub(super) fn all_but_raised() -> libc::sigset_t {
    // SAFETY: all zeros is a set, which the next call fills.
    let mut set = unsafe { zeroed() };
    // SAFETY: fills a set on this stack.
    unsafe { libc::sigfillset(&mut set) };
    for signal in RAISED {
        // SAFETY: changes a set on this stack.
        unsafe { libc::sigdelset(&mut set, signal) };
    }
    set
}

/// Sets the action for `signal`, if there is one to set. What it was before.
fn swap(signal: i32, action: Option<&libc::sigaction>, calls: &SystemCalls) -> rustix::io::Result<libc::sigaction> {
    calls.run(SystemCall::Sigaction, || {
        // SAFETY: all zeros is an action, which the next call fills.
        let mut before = unsafe { zeroed() };
        // SAFETY: null, or an action whose handler is `on_fault`, of the kind that its flags say.
        match unsafe { libc::sigaction(signal, action.map_or(null_mut(), std::ptr::from_ref), &mut before) } {
            0 => Ok(before),
            _ => Err(Errno::from_raw_os_error(errno())),
        }
    })
}

fn is_ours(action: &libc::sigaction) -> bool {
    action.sa_sigaction == on_fault as *const () as usize
}

fn chain(signal: i32) -> &'static Chain {
    if signal == libc::SIGBUS { &BUS } else { &SEGV }
}

extern "C" fn on_fault(signal: i32, info: *mut libc::siginfo_t, machine: *mut c_void) {
    let errno_before = errno();
    // SAFETY: the kernel's information about the signal.
    let cause = unsafe { (*info).si_code };
    // SAFETY: SIGBUS and SIGSEGV come with an address where a processor raised them; else it is looked at by nobody.
    let address = unsafe { (*info).si_addr() }.addr();
    if SERVING.get() {
        crashed(signal, address);
    }
    match (cause == CAUSE).then(|| registry::find(signal, address)).flatten() {
        Some(heap) => {
            SERVING.set(true);
            let offset = address - heap.addresses.start;
            let thread = rustix::thread::gettid().as_raw_nonzero().get() as u32;
            // SAFETY: the interrupted thread's state, from the kernel.
            let fault = Fault { offset, write: unsafe { is_write(machine) }, thread };
            if catch_unwind(AssertUnwindSafe(|| heap.serve.serve(fault))).is_err() {
                fatal("panicked", 0);
            }
            SERVING.set(false);
        }
        // SAFETY: called by the kernel, with these arguments.
        None => unsafe { chain(signal).pass_on(signal, info, machine) },
    }
    set_errno(errno_before);
}

/// Whether the access was a write.
///
/// # Safety
///
/// `machine` is a signal handler's third argument.
#[cfg(target_arch = "x86_64")]
unsafe fn is_write(machine: *const c_void) -> bool {
    /// The page-fault error code: set for a write.
    const WRITE: i64 = 1 << 1;
    // SAFETY: the interrupted thread's state, as promised by the caller.
    let code = unsafe { (*machine.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_ERR as usize] };
    code & WRITE != 0
}

/// Whether the access was a write.
///
/// # Safety
///
/// `machine` is a signal handler's third argument.
#[cfg(target_arch = "aarch64")]
unsafe fn is_write(machine: *const c_void) -> bool {
    /// The record that has the syndrome register (`struct esr_context` of the kernel's `asm/sigcontext.h`).
    const ESR_MAGIC: u32 = 0x4553_5201;
    /// After the registers (fault address, 31, stack, program counter, state) and aligned to 16: `__reserved` of `struct sigcontext`.
    const RECORDS: usize = (8 * 35_usize).next_multiple_of(16);
    const BYTES: usize = 4096;
    /// "Write not read" of a data abort.
    const WRITE: u64 = 1 << 6;
    // SAFETY: the interrupted thread's state, as promised by the caller.
    let state = unsafe { &raw const (*machine.cast::<libc::ucontext_t>()).uc_mcontext };
    let mut at = 0;
    while at + 16 <= BYTES {
        // SAFETY: inside the records, which are multiples of 16 bytes long and end with one of magic 0.
        let head = unsafe { state.byte_add(RECORDS + at).cast::<[u32; 4]>().read() };
        match head {
            [ESR_MAGIC, _, low, high] => return (u64::from(high) << 32 | u64::from(low)) & WRITE != 0,
            [0, ..] | [_, 0, ..] => break,
            [_, size, ..] => at += size as usize,
        }
    }
    true
}

/// Elsewhere nothing tells: a read that is served like a write costs a copy, the other way round would lose one.
///
/// # Safety
///
/// None.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn is_write(_: *const c_void) -> bool {
    true
}

fn errno() -> i32 {
    // SAFETY: this thread's own.
    unsafe { *libc::__errno_location() }
}

fn set_errno(errno: i32) {
    // SAFETY: this thread's own.
    unsafe { *libc::__errno_location() = errno };
}
