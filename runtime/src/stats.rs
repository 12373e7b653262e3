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
    /// The most that these ever were.
    pub launches_in_flight_peak: u64,
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
    /// CPU touches of pages that were with the device, and writes to pages that it was reading, that were served. So are,
    /// with userfaultfd, first touches of pages that only the library or the device had touched. Unified placement has none,
    /// nor any of what follows.
    pub cpu_faults: u64,
    /// Bytes copied to device memory.
    pub bytes_to_device: u64,
    /// Bytes copied back.
    pub bytes_to_host: u64,
    /// Pages that gave up their place in device memory for others.
    pub evictions: u64,
    /// Pages that launches used where they are, with the host, a page counted once a launch.
    pub in_place_pages: u64,
    /// Bytes of device memory in use by pages.
    pub device_bytes: u64,
    /// The most that it ever was.
    pub device_peak_bytes: u64,
}
