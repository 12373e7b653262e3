//! Owns what becomes of a signal that is not about a heap: it goes to whoever had it before, as if this library were not there.
//!
//! ```text
//!   ours ── top ──► what was installed when we last put ourselves on top ── below ──► what was before that ── … ──► the first
//! ```
//!
//! Somebody who replaced our handler may well pass on to us what is not theirs: to the action that they had found. When we are put on top
//! again and pass on to them, they come back to us. Such a call is told from a new signal by being made, with the same
//! arguments, while ours is still running; it goes on below them, and not round for ever.
//!
//! # Safety
//!
//! Everything runs inside a signal handler and calls async-signal-safe functions only. `signal`, `info` and `machine` are what the
//! kernel passed to the handler, and are passed on to handlers of the kind that they were installed as. Nodes are never freed.
#![allow(unsafe_code)]

use std::{
    cell::Cell,
    ffi::c_void,
    mem::zeroed,
    ptr::{null, null_mut},
    sync::atomic::{AtomicBool, AtomicPtr, Ordering},
};

/// Who had a signal before.
pub(super) struct Chain {
    top: AtomicPtr<Node>,
}

struct Node {
    action: libc::sigaction,
    /// A handler that was to be called once (SA_RESETHAND) has been.
    spent: AtomicBool,
    below: *const Node,
}

/// A signal that a thread is passing on.
#[derive(Clone, Copy)]
struct Passing {
    info: *const libc::siginfo_t,
    /// Where the stack was, to tell a call inside from one after a `longjmp` out.
    stack: usize,
    below: *const Node,
}

thread_local! {
    /// Constant and without destructor: access is a read of thread-local storage.
    static PASSING: Cell<Option<Passing>> = const { Cell::new(None) };
}

impl Chain {
    pub(super) const fn new() -> Self {
        Chain { top: AtomicPtr::new(null_mut()) }
    }

    /// Signals go to `action` first. One caller at a time; not for signal handlers. What it stores stays until the process ends, since
    /// handlers may be reading it.
    pub(super) fn push(&self, action: libc::sigaction) {
        let below = self.top.load(Ordering::Relaxed);
        let node = Box::new(Node { action, spent: AtomicBool::new(false), below });
        self.top.store(Box::into_raw(node), Ordering::Release);
    }

    /// Whether anything was ever pushed.
    pub(super) fn is_empty(&self) -> bool {
        self.top.load(Ordering::Relaxed).is_null()
    }

    /// Does what would have happened without us.
    ///
    /// # Safety
    ///
    /// See the module: called by the handler of `signal`, with its arguments.
    pub(super) unsafe fn pass_on(&self, signal: i32, info: *mut libc::siginfo_t, machine: *mut c_void) {
        let here = 0_u8;
        let stack = (&raw const here).addr();
        let before = PASSING.get();
        let inside = before.filter(|outer| outer.info == info.cast_const() && stack < outer.stack);
        let node = inside.map_or(self.top.load(Ordering::Acquire).cast_const(), |outer| outer.below);
        // SAFETY: null or a node, which lives for ever.
        let Some(node) = (unsafe { node.as_ref() }) else {
            // SAFETY: as promised by the caller.
            return unsafe { by_default(signal, info) };
        };
        let action = &node.action;
        match action.sa_sigaction {
            libc::SIG_IGN => {
                // What the processor raises cannot be ignored; the kernel ends the process.
                // SAFETY: as promised by the caller.
                if !unsafe { sent(info) } {
                    // SAFETY: as promised by the caller.
                    unsafe { by_default(signal, info) };
                }
            }
            libc::SIG_DFL => {
                // SAFETY: as promised by the caller.
                unsafe { by_default(signal, info) };
            }
            _ if action.sa_flags & libc::SA_RESETHAND != 0 && node.spent.swap(true, Ordering::Relaxed) => {
                // SAFETY: as promised by the caller.
                unsafe { by_default(signal, info) };
            }
            handler => {
                PASSING.set(Some(Passing { info, stack, below: node.below }));
                // SAFETY: as promised by the caller, and the handler is the action's.
                unsafe { call(handler, action, signal, info, machine) };
                PASSING.set(before);
            }
        }
    }
}

/// Calls a handler with the signals blocked that it had asked for.
///
/// # Safety
///
/// `handler` is `action`'s; the rest as for [`Chain::pass_on`].
unsafe fn call(
    handler: libc::sighandler_t,
    action: &libc::sigaction,
    signal: i32,
    info: *mut libc::siginfo_t,
    machine: *mut c_void,
) {
    // SAFETY: the handler's third argument is the interrupted thread's state.
    let mut blocked = unsafe { (*machine.cast::<libc::ucontext_t>()).uc_sigmask };
    for other in 1..=64 {
        // SAFETY: reads a valid set; numbers that are none are refused.
        let asked = unsafe { libc::sigismember(&action.sa_mask, other) } == 1;
        if asked || (other == signal && action.sa_flags & libc::SA_NODEFER == 0) {
            // SAFETY: changes a set on this stack.
            unsafe { libc::sigaddset(&mut blocked, other) };
        }
    }
    // SAFETY: all zeros is a set, which the next call fills.
    let mut ours = unsafe { zeroed() };
    // SAFETY: both sets are on this stack.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &blocked, &mut ours) };
    if action.sa_flags & libc::SA_SIGINFO != 0 {
        type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void);
        // SAFETY: SA_SIGINFO says that the handler is of this type.
        let handler = unsafe { std::mem::transmute::<libc::sighandler_t, Handler>(handler) };
        handler(signal, info, machine);
    } else {
        // SAFETY: without SA_SIGINFO the handler is of this type.
        let handler = unsafe { std::mem::transmute::<libc::sighandler_t, extern "C" fn(i32)>(handler) };
        handler(signal);
    }
    // SAFETY: as above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &ours, null_mut()) };
}

/// Has the signal do what it does to a program that knows nothing of signals: the process ends, with a core dump where these are on.
///
/// # Safety
///
/// As for [`Chain::pass_on`].
unsafe fn by_default(signal: i32, info: *mut libc::siginfo_t) {
    // SAFETY: all zeros is the default action without flags.
    let action: libc::sigaction = unsafe { zeroed() };
    // SAFETY: a valid action; async-signal-safe.
    unsafe { libc::sigaction(signal, &action, null_mut()) };
    // An access that faulted is tried again on return, and this time ends the process. What was sent has to be sent again.
    // SAFETY: as promised by the caller.
    if unsafe { sent(info) } {
        let (process, thread) = (std::process::id(), rustix::thread::gettid().as_raw_nonzero().get());
        // SAFETY: sends this thread what it got, which the kernel allows for one's own process.
        unsafe { libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal, info.cast_const()) };
    }
}

/// Whether somebody sent the signal; else the processor raised it.
///
/// # Safety
///
/// As for [`Chain::pass_on`].
unsafe fn sent(info: *const libc::siginfo_t) -> bool {
    debug_assert!(info != null());
    // SAFETY: the kernel's information about the signal, as promised by the caller.
    unsafe { (*info).si_code <= 0 }
}

// SAFETY: nodes are shared between threads, and nothing in them changes but `spent`, which is atomic. Their pointers are to nodes
// that live for ever, their actions are plain data.
unsafe impl Sync for Node {}
