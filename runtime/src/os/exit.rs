//! The end of the process: what another thread does with the driver must not run into its destructors.
//!
//! # Safety
//! `atexit` is the one foreign call; the handler that it gets is a plain function that does not unwind.
#![allow(unsafe_code)]

use std::{
    sync::{Condvar, Mutex, MutexGuard, Once, PoisonError},
    time::Duration,
};

static STATE: Mutex<State> = Mutex::new(State { busy: 0, exiting: false });
static IDLE: Condvar = Condvar::new();

struct State {
    busy: usize,
    exiting: bool,
}

/// The longest that the end of the process waits: what is done then frees memory, which takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs `work`, which may take the last handle of a device down. The process does not end meanwhile; where it has begun
/// to, the thread stops here for good.
pub(crate) fn before_exit(work: impl FnOnce()) {
    static REGISTERED: Once = Once::new();
    // SAFETY: the handler is a function without arguments that does not unwind. Drivers are loaded by now, so it runs
    // before their destructors: handlers run in the reverse order.
    REGISTERED.call_once(|| _ = unsafe { libc::atexit(wait) });
    let mut state = lock();
    while state.exiting {
        state = IDLE.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    state.busy += 1;
    drop(state);
    work();
    lock().busy -= 1;
    IDLE.notify_all();
}

extern "C" fn wait() {
    let mut state = lock();
    state.exiting = true;
    drop(IDLE.wait_timeout_while(state, PATIENCE, |state| state.busy > 0));
}

fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}
