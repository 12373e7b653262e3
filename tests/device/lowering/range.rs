//! The heap's own address range: mapped for good, filled with poison, and shown to the device.
//!
//! A dereference that was not translated lands here. The poison is the address of its own middle, again and again: who follows it
//! as a pointer stays in mapped memory, translated or not, and comes out wrong instead of crashing.
//!
//! # Safety
//! The range is mapped when a [`Range`] is made and never unmapped. Its slices borrow the `Range`; the maker of one keeps the
//! device away from it.
#![allow(unsafe_code)]

use super::case::{GRANULE, HEAP, LARGEST};
use anyhow::{Context, Result, ensure};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
use std::rc::Rc;
use vksvm::seam::{Imported, Span};
use vksvm_tests::bare::Device;

/// Bytes in the range: the largest heap, and what may be written past its end by mistake.
const BYTES: usize = LARGEST + GRANULE;

/// What every eight bytes of poison hold.
pub const POISON: u64 = HEAP + 0x2a_5550;

/// The range.
pub struct Range {
    bytes: *mut u8,
    poison: Rc<[u8]>,
    _import: Imported,
}

impl Range {
    /// Maps the range and imports it. Once a process: the mapping stays.
    pub fn new(device: &Device) -> Result<Self> {
        let start = std::ptr::with_exposed_provenance_mut::<std::ffi::c_void>(HEAP as usize);
        let flags = MapFlags::PRIVATE | MapFlags::FIXED_NOREPLACE;
        // SAFETY: with FIXED_NOREPLACE nothing that is mapped is replaced.
        let mapped = unsafe { mmap_anonymous(start, BYTES, ProtFlags::READ | ProtFlags::WRITE, flags) };
        let mapped = mapped.with_context(|| format!("mapping the heap at {HEAP:#x}"))?;
        ensure!(mapped == start, "the kernel knows no MAP_FIXED_NOREPLACE");
        mapped.expose_provenance();
        // SAFETY: mapped just above, never unmapped.
        let import = unsafe { device.import(Span { start: HEAP, end: HEAP + BYTES as u64 }) }?;
        let address = import.address();
        ensure!(
            address == HEAP,
            "imported memory at {HEAP:#x} has the device address {address:#x}: no plain runs here"
        );
        let poison = POISON.to_le_bytes().repeat(BYTES / 8).into();
        let mut range = Range { bytes: mapped.cast(), poison, _import: import };
        // SAFETY: nothing was submitted yet.
        unsafe { range.fill(0, BYTES) };
        Ok(range)
    }

    /// Every byte.
    ///
    /// # Safety
    /// No submitted, unfinished command uses the range while the slice lives.
    pub unsafe fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: mapped, readable and writable for good; `&mut self` keeps other slices away, the caller the device.
        unsafe { std::slice::from_raw_parts_mut(self.bytes, BYTES) }
    }

    /// Fills the range with poison from the `from`th byte to the `to`th.
    ///
    /// # Safety
    /// As for [`bytes_mut`](Self::bytes_mut).
    pub unsafe fn fill(&mut self, from: usize, to: usize) {
        let poison = self.poison.clone();
        // SAFETY: the caller's promise.
        let bytes = unsafe { self.bytes_mut() };
        bytes[from..to].copy_from_slice(&poison[from..to]);
    }

    /// Fills all of it.
    ///
    /// # Safety
    /// As for [`bytes_mut`](Self::bytes_mut).
    pub unsafe fn restore(&mut self) {
        // SAFETY: the caller's promise.
        unsafe { self.fill(0, BYTES) };
    }

    /// The first byte that is not poison.
    ///
    /// # Safety
    /// As for [`bytes_mut`](Self::bytes_mut).
    pub unsafe fn damage(&mut self) -> Option<usize> {
        let poison = self.poison.clone();
        // SAFETY: the caller's promise.
        let bytes = unsafe { self.bytes_mut() };
        if bytes == &poison[..] {
            return None;
        }
        (0..BYTES).find(|at| bytes[*at] != poison[*at])
    }
}
