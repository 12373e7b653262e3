//! Touching memory byte by byte, so that no compiler leaves a touch out.
//!
//! # Safety
//! Both functions take a reference to the byte, so it may be read, and written where the reference is exclusive.
#![allow(unsafe_code)]

/// Reads the byte from memory.
pub fn look(byte: &u8) -> u8 {
    // SAFETY: a reference's target is valid and aligned.
    unsafe { std::ptr::from_ref(byte).read_volatile() }
}

/// Writes the byte to memory.
pub fn set(byte: &mut u8, value: u8) {
    // SAFETY: as in `look`, exclusively.
    unsafe { std::ptr::from_mut(byte).write_volatile(value) }
}
