//! Addresses and the sizes that residency is counted in.
//!
//! A *unified address* is a host virtual address in the heap and the only pointer value that programs, data
//! structures and shader variables hold: a pointer, or a `u64` in a [`Span`]. A *device address* is what Vulkan calls
//! `VkDeviceAddress`; it has a type of its own so that the compiler refuses to mix the two.

use std::ops::Range;

/// Bytes in a page, the unit of residency and migration: 64 KiB, the sparse granule of desktop drivers and the
/// alignment that userfaultfd regions need.
pub const PAGE: usize = 64 << 10;

/// Bytes in a block, the unit of page state and locking: 2 MiB, 32 pages, one huge page on x86-64 and AArch64.
pub const BLOCK: usize = 2 << 20;

/// A `VkDeviceAddress`. Never stored in user data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceAddr(pub u64);

impl std::fmt::Debug for DeviceAddr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "device {:#x}", self.0)
    }
}

/// A range of unified addresses, `start..end` in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

impl Span {
    /// The bytes of a slice. An empty slice gives an empty span.
    pub fn of<T>(slice: *const [T]) -> Self {
        let start = slice.cast::<T>().addr() as u64;
        Span { start, end: start + (slice.len() * size_of::<T>()) as u64 }
    }

    /// Whether the two share a byte; an empty span shares none.
    pub fn overlaps(self, other: Span) -> bool {
        self.start.max(other.start) < self.end.min(other.end)
    }

    /// Length in bytes.
    pub fn len(self) -> u64 {
        self.end - self.start
    }

    /// Whether it holds no byte.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether `other` lies inside.
    pub fn contains(self, other: Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The numbers of the `unit`-sized parts that this span touches, counted from `base`.
    pub fn units(self, base: u64, unit: usize) -> Range<usize> {
        if self.is_empty() {
            return 0..0;
        }
        let unit = unit as u64;
        ((self.start - base) / unit) as usize..(self.end - base).div_ceil(unit) as usize
    }
}
