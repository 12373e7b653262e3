//! Host pages and kernels for these tests.
//!
//! # Safety
//! Host pages are in place until they are dropped, which is after the copies that use them: a copy returns when it is over. The
//! kernels are the ones of `tests/kernels`, which stay inside what their arguments say.
#![allow(unsafe_code)]

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use std::{
    ptr::{NonNull, null_mut},
    slice,
    time::Duration,
};
use vksvm::{
    PAGE, Result,
    seam::{Launcher, Loaded, Opened, OpenedMemory},
};

/// Longer than any launch of these tests takes.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Pages of host memory.
pub struct Pages {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: plain memory with one owner.
unsafe impl Send for Pages {}
// SAFETY: as above; a shared one is only read.
unsafe impl Sync for Pages {}

impl Pages {
    pub fn new(pages: usize) -> Self {
        let (len, access) = (pages * PAGE, ProtFlags::READ | ProtFlags::WRITE);
        // SAFETY: a new mapping wherever the system likes.
        let start = unsafe { mmap_anonymous(null_mut(), len, access, MapFlags::PRIVATE) }.expect("memory");
        Pages { start: NonNull::new(start.cast()).expect("not at zero"), len }
    }

    /// Pages of noise that depends on the seed.
    pub fn noise(pages: usize, seed: u64) -> Self {
        let mut new = Pages::new(pages);
        let mut rng = fastrand::Rng::with_seed(seed);
        new.words().fill_with(|| rng.u32(..));
        new
    }

    /// Where page `page` is.
    pub fn at(&self, page: usize) -> NonNull<u8> {
        assert!(page * PAGE < self.len);
        // SAFETY: inside.
        unsafe { self.start.add(page * PAGE) }
    }

    pub fn words(&mut self) -> &mut [u32] {
        // SAFETY: the mapping, which is borrowed as a whole; any bits are a word.
        unsafe { slice::from_raw_parts_mut(self.start.cast().as_ptr(), self.len / 4) }
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping; no copy writes it meanwhile, since those have returned.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    pub fn page(&self, page: usize) -> &[u8] {
        &self.bytes()[page * PAGE..][..PAGE]
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, unmapped once.
        unsafe { munmap(self.start.as_ptr().cast(), self.len) }.expect("munmap");
    }
}

/// A copy of pages: the first host page, the first slot, how many.
pub type Run = (usize, u32, u32);

fn parts(host: &Pages, runs: &[Run]) -> Vec<(NonNull<u8>, u32, u32)> {
    let end = |page: usize, pages: u32| (page + pages as usize) * PAGE;
    assert!(runs.iter().all(|(page, _, pages)| end(*page, *pages) <= host.len));
    runs.iter().map(|&(page, slot, pages)| (host.at(page), slot, pages)).collect()
}

/// Host to device. The slots are the caller's.
pub fn copy_in(memory: &OpenedMemory, host: &Pages, runs: &[Run]) -> Result<()> {
    // SAFETY: the pages are borrowed, `parts` has checked the lengths; the slots are the caller's.
    unsafe { memory.copy_in(&parts(host, runs)) }
}

/// Device to host. The slots are the caller's.
pub fn copy_out(memory: &OpenedMemory, host: &mut Pages, runs: &[Run]) -> Result<()> {
    // SAFETY: as for `copy_in`.
    unsafe { memory.copy_out(&parts(host, runs)) }
}

/// The kernels that these tests use, and a queue for them.
pub struct Kernels {
    pub launcher: Launcher,
    fill: Loaded,
    add: Loaded,
    gate: Loaded,
}

impl Kernels {
    pub fn load(opened: &Opened) -> Result<Self> {
        let launcher = opened.launcher()?;
        macro_rules! load {
            ($file:literal, $arguments:literal) => {
                // SAFETY: a valid module that takes so many bytes.
                unsafe { launcher.load(include_bytes!(concat!("../../kernels/", $file, ".spv")), $arguments) }?
            };
        }
        let (fill, add, gate) = (load!("fill", 16), load!("add", 20), load!("gate", 20));
        Ok(Kernels { launcher, fill, add, gate })
    }

    /// Launches `to[i] = first + i` for `n` words.
    pub fn fill(&self, to: u64, n: u32, first: u32) -> Result<u64> {
        let arguments = [&to.to_ne_bytes()[..], &n.to_ne_bytes(), &first.to_ne_bytes()].concat();
        // SAFETY: its arguments; the callers have as many words there.
        unsafe { self.launcher.launch(&self.fill, &arguments, [n.div_ceil(64), 1, 1]) }
    }

    /// Launches `y[i] += x[i]` for `n` words.
    pub fn add(&self, x: u64, y: u64, n: u32) -> Result<u64> {
        let arguments = [&x.to_ne_bytes()[..], &y.to_ne_bytes(), &n.to_ne_bytes()].concat();
        // SAFETY: its arguments; the callers have as many words there.
        unsafe { self.launcher.launch(&self.add, &arguments, [n.div_ceil(64), 1, 1]) }
    }

    /// Launches what runs until the word at `gate` is not zero, some seconds at most, and then adds one to the word at `count`.
    pub fn gate(&self, gate: u64, count: u64) -> Result<u64> {
        let arguments = [&gate.to_ne_bytes()[..], &count.to_ne_bytes(), &60_000u32.to_ne_bytes()].concat();
        // SAFETY: its arguments; the callers have the words there.
        unsafe { self.launcher.launch(&self.gate, &arguments, [400, 1, 1]) }
    }

    pub fn wait(&self, point: u64) -> Result<()> {
        self.launcher.wait(point, LIMIT)
    }
}

/// A device; the harness has seen that there is one.
pub fn opened() -> Opened {
    Opened::new().expect("the device that the test program introduced itself with")
}
