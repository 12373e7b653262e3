//! The tables in device memory that say where pages are, and the null page.
//!
//! # Safety
//! Tables are written between runs only, which the runner vouches for.
#![allow(unsafe_code)]

use super::{
    case::{HEAP, LARGEST},
    ways::{GAP, changed},
};
use anyhow::Result;
use gpu_allocator::MemoryLocation::CpuToGpu;
use vksvm_tests::bare::{Buffer, Device};

/// The null page's size: that of the largest page. Smaller pages use its start.
const NULL: usize = 64 << 10;

/// Bytes of filler on each side of the null page.
const GUARD: usize = 256;

/// A page of zeros that every address outside the heap leads to.
pub struct NullPage<'d>(Buffer<'d>);

impl<'d> NullPage<'d> {
    pub fn new(device: &'d Device) -> Result<Self> {
        let mut page = NullPage(Buffer::new::<u8>(device, CpuToGpu, NULL + 2 * GUARD)?);
        // SAFETY: nothing was submitted yet.
        unsafe { page.restore() };
        Ok(page)
    }

    pub fn address(&self) -> u64 {
        self.0.address() + GUARD as u64
    }

    /// # Safety
    /// No submitted, unfinished command uses it.
    pub unsafe fn restore(&mut self) {
        // SAFETY: the caller's promise.
        let bytes = unsafe { self.0.host_mut::<u8>() };
        bytes.fill(GAP);
        bytes[GUARD..GUARD + NULL].fill(0);
    }

    /// The first byte that changed, counted from the page's start.
    ///
    /// # Safety
    /// No submitted, unfinished command uses it.
    pub unsafe fn damage(&self) -> Option<i64> {
        // SAFETY: the caller's promise.
        let bytes = unsafe { self.0.host::<u8>() };
        let guard = |from: usize| changed(&bytes[from..from + GUARD], GAP).map(|at| from + at);
        let page = || changed(&bytes[GUARD..GUARD + NULL], 0).map(|at| GUARD + at);
        guard(0).or_else(page).or_else(|| guard(GUARD + NULL)).map(|at| at as i64 - GUARD as i64)
    }
}

/// A flat table.
pub struct Flat<'d> {
    buffer: Buffer<'d>,
    entries: Vec<u64>,
}

impl<'d> Flat<'d> {
    pub fn new(device: &'d Device) -> Result<Self> {
        Ok(Flat { buffer: Buffer::new::<u64>(device, CpuToGpu, (LARGEST >> 6) + 2)?, entries: vec![] })
    }

    pub fn address(&self) -> u64 {
        self.buffer.address()
    }

    /// # Safety
    /// No submitted, unfinished command uses it.
    pub unsafe fn write(&mut self, pages: impl Iterator<Item = u64>, null: u64) {
        self.entries = pages.chain([null]).collect();
        // SAFETY: the caller's promise.
        let table = unsafe { self.buffer.host_mut::<u64>() };
        // What lies behind the table is no address of anything.
        table[self.entries.len()..].fill(u64::from_ne_bytes([GAP; 8]));
        table[..self.entries.len()].copy_from_slice(&self.entries);
    }

    /// # Safety
    /// No submitted, unfinished command uses it.
    pub unsafe fn is_damaged(&self) -> bool {
        // SAFETY: the caller's promise.
        let table = unsafe { self.buffer.host::<u64>() };
        table[..self.entries.len()] != self.entries
    }
}

/// What one entry of a root table covers, as a power of two: with it a root has 8 MiB.
const COVERED: u32 = 28;

/// Entries of a root table.
const ROOT: usize = (1 << (48 - COVERED)) + 1;

/// Leaf tables that the heap needs: it crosses one border.
const LEAVES: usize = 2;

/// A root table, a leaf table full of the null page, and the heap's leaf tables, for one page size.
pub struct TwoLevels<'d> {
    buffer: Buffer<'d>,
    pub page_shift: u32,
    null: u64,
    pages: usize,
}

impl<'d> TwoLevels<'d> {
    pub fn new(device: &'d Device, page_shift: u32, null: u64) -> Result<Self> {
        let leaf = 1 << (COVERED - page_shift);
        let mut buffer = Buffer::new::<u64>(device, CpuToGpu, ROOT + (1 + LEAVES) * leaf)?;
        let leaf_address = |index: usize| buffer.address() + 8 * (ROOT + index * leaf) as u64;
        let mut root = vec![leaf_address(0); ROOT];
        for (index, entry) in root[(HEAP >> COVERED) as usize..][..LEAVES].iter_mut().enumerate() {
            *entry = leaf_address(1 + index);
        }
        // SAFETY: nothing was submitted yet.
        let tables = unsafe { buffer.host_mut::<u64>() };
        tables[..ROOT].copy_from_slice(&root);
        tables[ROOT..].fill(null);
        Ok(TwoLevels { buffer, page_shift, null, pages: 0 })
    }

    pub fn root(&self) -> u64 {
        self.buffer.address()
    }

    pub fn leaf_shift(&self) -> u32 {
        COVERED - self.page_shift
    }

    /// # Safety
    /// No submitted, unfinished command uses it.
    pub unsafe fn write(&mut self, pages: impl ExactSizeIterator<Item = u64>) {
        let (before, null) = (self.pages, self.null);
        self.pages = pages.len();
        let first = ((HEAP & ((1 << COVERED) - 1)) >> self.page_shift) as usize;
        let leaves = ROOT + (1 << self.leaf_shift());
        // SAFETY: the caller's promise.
        let entries = &mut unsafe { self.buffer.host_mut::<u64>() }[leaves + first..];
        entries[..before].fill(null);
        entries.iter_mut().zip(pages).for_each(|(entry, page)| *entry = page);
    }
}
