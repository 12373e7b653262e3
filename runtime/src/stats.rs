//! Counters that a program can read.

/// What happened since the heap was opened, and what is there now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stats {
    /// Launches issued.
    pub launches: u64,
    /// Submissions reported as running longer than the launch limit.
    pub slow_launches: u64,
    /// Launches not yet known to have ended.
    pub launches_in_flight: u64,
    /// Allocations that were not freed.
    pub live_allocations: u64,
    /// The bytes that these asked for.
    pub live_bytes: u64,
    /// The heap's size in bytes.
    pub heap_bytes: u64,
    /// Bytes in free pages.
    pub free_bytes: u64,
    /// Bytes in the longest run of free pages.
    pub largest_free_bytes: u64,
    /// Segments that the device has been shown.
    pub imported_segments: u64,
    /// Segments of the heap.
    pub segments: u64,
}
