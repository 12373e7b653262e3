//! The C library's allocator, with a look at each call whether this thread may make it now.
//!
//! The whole process calls these functions: Rust, the C library, drivers. They do what the C library's own do.
//!
//! # Safety
//! Each function hands its arguments on, unchanged, to the C library's allocator under its other name, and is called with what
//! those are called with. The hook is a function that any thread may call at any time, and that allocates nothing.
#![allow(unsafe_code)]

use std::{
    ffi::c_void,
    mem::transmute,
    ptr::null_mut,
    sync::atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed},
};

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(old: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_free(old: *mut c_void);
}

/// A `fn() -> bool`, or null.
static FORBIDDEN: AtomicPtr<()> = AtomicPtr::new(null_mut());

/// Calls that were looked at.
static LOOKED_AT: AtomicU64 = AtomicU64::new(0);

/// From now on an allocation, or a free, during which `forbidden` says yes ends the process.
pub fn forbid(forbidden: fn() -> bool) {
    FORBIDDEN.store(forbidden as *mut (), Relaxed);
}

pub fn looked_at() -> u64 {
    LOOKED_AT.load(Relaxed)
}

/// What the process says when it ends.
pub const MESSAGE: &str = "an allocation where none is allowed";

fn check() {
    let hook = FORBIDDEN.load(Relaxed);
    if hook.is_null() {
        return;
    }
    LOOKED_AT.fetch_add(1, Relaxed);
    // SAFETY: not null, so `forbid` has put a function of this type there.
    let forbidden = unsafe { transmute::<*mut (), fn() -> bool>(hook) };
    if forbidden() {
        // SAFETY: a message of this length to standard error; `write` may be called anywhere.
        unsafe { libc::write(2, MESSAGE.as_ptr().cast(), MESSAGE.len()) };
        // SAFETY: may be called anywhere.
        unsafe { libc::abort() };
    }
}

#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut c_void {
    check();
    // SAFETY: handed on.
    unsafe { __libc_malloc(size) }
}

#[unsafe(no_mangle)]
extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    check();
    // SAFETY: handed on.
    unsafe { __libc_calloc(count, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(old: *mut c_void, size: usize) -> *mut c_void {
    check();
    // SAFETY: handed on; the caller's promise.
    unsafe { __libc_realloc(old, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(old: *mut c_void) {
    check();
    // SAFETY: handed on; the caller's promise.
    unsafe { __libc_free(old) }
}
