//! Copies between host and mapped device memory: large ones go past the caches.
//!
//! A store to memory that is in no cache first reads what it overwrites, which is a third of a copy's traffic. libc's memcpy avoids
//! that from some tens of MiB on, by stores that bypass the caches; pages are copied a block at a time, so it never does for them. With
//! 4 KiB pages on a virtual machine 256 MiB took 39 ms in pieces of 2 MiB by memcpy, 26 ms as here, as they did in one memcpy.
//!
//! # Safety
//! Every access lies in the ranges that `copy`'s caller vouches for.
#![allow(unsafe_code)]

use std::ptr::NonNull;

/// Bytes from which on it pays: what is copied here is used next by other processors, or after the rest of a large copy.
const LEAST: usize = 1 << 20;

/// Copies `bytes`, which are part `of` so many that are copied at once. Whoever learns of it afterwards, by whatever synchronises, sees it all. Safe to call in signal handlers.
///
/// # Safety
/// Both are valid for as many bytes, which do not overlap and which nobody else changes, or at `to` uses, meanwhile.
pub(super) unsafe fn copy(from: NonNull<u8>, to: NonNull<u8>, bytes: usize, of: usize) {
    #[cfg(target_arch = "x86_64")]
    if of >= LEAST
        && bytes.is_multiple_of(sse2::STEP)
        && (from.addr().get() | to.addr().get()).is_multiple_of(sse2::LINE)
    {
        // SAFETY: the caller's promise, and the alignment and length were just checked.
        return unsafe { sse2::copy(from, to, bytes) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = of;
    // SAFETY: the caller's promise.
    unsafe { to.copy_from_nonoverlapping(from, bytes) };
}

/// With what every x86-64 processor has.
#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::{
        arch::x86_64::{__m128i, _MM_HINT_T0, _mm_load_si128, _mm_prefetch, _mm_sfence, _mm_stream_si128},
        ptr::NonNull,
    };

    /// Bytes in a line of the caches.
    pub const LINE: usize = 64;
    /// Pages of the system that are copied side by side: processors prefetch within each, and reach more of the memory's banks.
    const SIDE: usize = 4;
    const OS_PAGE: usize = 4096;
    pub const STEP: usize = SIDE * OS_PAGE;
    /// How far ahead is read, in bytes.
    const AHEAD: usize = 4 * LINE;

    /// # Safety
    /// As for `super::copy`; both are aligned to a line, and `bytes` are a multiple of a step.
    pub unsafe fn copy(from: NonNull<u8>, to: NonNull<u8>, bytes: usize) {
        for step in (0..bytes).step_by(STEP) {
            for line in (step..step + OS_PAGE).step_by(LINE) {
                for at in (line..line + STEP).step_by(OS_PAGE) {
                    // SAFETY: inside what is copied from.
                    let from = unsafe { from.add(at) };
                    // SAFETY: inside what is copied to.
                    let to = unsafe { to.add(at) };
                    // SAFETY: both were just found to be, and offsets of whole lines keep the alignment.
                    unsafe { copy_line(from, to) };
                }
            }
        }
        // These stores are not ordered with later ones by themselves.
        // SAFETY: every x86-64 processor has it.
        unsafe { _mm_sfence() };
    }

    /// # Safety
    /// Both are valid for a line, and aligned to one.
    #[inline(always)]
    unsafe fn copy_line(from: NonNull<u8>, to: NonNull<u8>) {
        let ahead = from.as_ptr().wrapping_add(AHEAD);
        // SAFETY: a hint, harmless for any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead.cast()) };
        let (from, to) = (from.cast::<__m128i>().as_ptr(), to.cast::<__m128i>().as_ptr());
        let parts: [__m128i; LINE / 16] = std::array::from_fn(|i| {
            // SAFETY: inside the line, hence aligned to 16.
            unsafe { _mm_load_si128(from.wrapping_add(i)) }
        });
        for (i, part) in parts.into_iter().enumerate() {
            // SAFETY: inside the line, hence aligned to 16; `copy` ends with the fence that these stores need.
            unsafe { _mm_stream_si128(to.wrapping_add(i), part) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(align(64))]
    #[derive(Clone, PartialEq)]
    struct Line([u8; 64]);

    /// Whatever the alignment, all of it is copied and nothing else.
    #[test]
    fn copies_all_and_nothing_else() {
        let bytes = 128 << 10;
        let source: Vec<Line> = (0..bytes / 64 + 2).map(|i| Line([(i % 251) as u8; 64])).collect();
        for (from, to) in [(0, 64), (16, 64), (64, 16), (3, 5)] {
            let mut target = vec![Line([0xff; 64]); source.len()];
            let a = NonNull::new(source.as_ptr().cast_mut().cast::<u8>().wrapping_add(from)).unwrap();
            let b = NonNull::new(target.as_mut_ptr().cast::<u8>().wrapping_add(to)).unwrap();
            // SAFETY: two vectors that have two lines more than that, of which the offsets use less.
            unsafe { copy(a, b, bytes, LEAST) };
            let source = source.iter().flat_map(|line| line.0);
            let target: Vec<u8> = target.iter().flat_map(|line| line.0).collect();
            assert!(source.skip(from).take(bytes).eq(target[to..to + bytes].iter().copied()), "{from} to {to}");
            assert!(target[..to].iter().chain(&target[to + bytes..]).all(|byte| *byte == 0xff), "{from} to {to}");
        }
    }
}
