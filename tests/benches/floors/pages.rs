//! Pages in discrete placement: what it costs to bring them back and forth, over the bare mechanisms with the same copies.
//!
//! Both sides go through the same: a launch on the device that the memory was copied to, and which changes its first word, then
//! the CPU's touch, scan, or copy. A floor's memory for the host is what a heap's is, shared memory of the system's, populated
//! and mapped; its memory for the device is a mapped buffer of Vulkan's.

mod latency;
mod mechanism;
mod migrate;
mod scan;
mod touched;

pub use latency::{SIGBUS, SIGNAL, USERFAULTFD};
pub use migrate::{D2H, H2D};
pub use scan::{SCAN, SCAN_SIGBUS, SCAN_SIGNAL};
pub use touched::Touched;

use anyhow::{Result, ensure};
use std::time::{Duration, Instant};
use vksvm::{Faults, Placement, Stats, Svm};

/// Bytes that are scanned and migrated.
pub const LARGE: usize = 256 << 20;

/// A heap whose pages move for every launch, however soon the CPU takes them back: moving is what is measured.
pub fn discrete(faults: Faults) -> Result<Svm> {
    // Room for what is moved, and for as much again: nothing is ever evicted by itself.
    let budget = 2 * LARGE as u64;
    Ok(Svm::builder().placement(Placement::Discrete).faults(faults).device_budget(budget).in_place(false).open()?)
}

/// What has happened to pages once it is `so`. Touches are counted after the CPU has gone on.
pub fn counted(svm: &Svm, so: impl Fn(&Stats) -> bool) -> Result<Stats> {
    let start = Instant::now();
    loop {
        let stats = svm.stats();
        if so(&stats) {
            return Ok(stats);
        }
        ensure!(start.elapsed() < Duration::from_secs(10), "pages went elsewhere: {stats:?}");
        std::thread::yield_now();
    }
}

/// Reads all of `words`, as fast as memory lets it: the compiler uses vector instructions.
pub fn sum(words: &[u32]) -> u64 {
    let (pairs, rest) = words.as_chunks::<2>();
    let pair = |[low, high]: &[u32; 2]| u64::from(*low) | u64::from(*high) << 32;
    let whole = pairs.iter().map(pair).fold(0, u64::wrapping_add);
    rest.iter().fold(whole, |sum, word| sum.wrapping_add(u64::from(*word)))
}
