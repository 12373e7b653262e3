//! Counters that a program can read.

use crate::addr::PAGE;
use vksvm_pages::Cause;

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
    /// Those of them that were reads.
    pub cpu_read_faults: u64,
    /// Those that were writes.
    pub cpu_write_faults: u64,
    /// Bytes copied to device memory.
    pub bytes_to_device: u64,
    /// The same, by what they were copied for.
    pub bytes_to_device_for: BytesByCause,
    /// Bytes copied back.
    pub bytes_to_host: u64,
    /// The same, by what they were copied for.
    pub bytes_to_host_for: BytesByCause,
    /// Pages that gave up their place in device memory for others.
    pub evictions: u64,
    /// Pages that launches used where they are, with the host, a page counted once a launch.
    pub in_place_pages: u64,
    /// Pages that came to the device ahead of use, by a hint or along with others, and that a launch has used there.
    pub prefetched_pages_used: u64,
    /// Those that left it before any launch had used them.
    pub prefetched_pages_wasted: u64,
    /// How often a page that went back and forth between CPU and launches was kept with the host for a while.
    pub thrashing_pages_kept: u64,
    /// Bytes of device memory in use by pages.
    pub device_bytes: u64,
    /// The most that it ever was.
    pub device_peak_bytes: u64,
}

/// Bytes that were copied, by what for. A name says for whom; each cause lies on one side or on both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BytesByCause {
    /// A launch that uses them.
    pub launch: u64,
    /// The program, which asked for them ahead of use.
    pub prefetch: u64,
    /// A launch that uses most of what is around them.
    pub along: u64,
    /// The CPU, which touched them or a neighbour.
    pub fault: u64,
    /// The CPU, which scans what is before them.
    pub fetch_ahead: u64,
    /// Others, which needed their place in device memory.
    pub eviction: u64,
    /// Others, which will need it soon.
    pub clean: u64,
    /// The program, which pinned them.
    pub pin: u64,
    /// The library itself.
    pub library: u64,
}

impl BytesByCause {
    /// From what the page protocol has counted, in pages.
    pub(crate) fn of(pages: &vksvm_pages::ByCause) -> Self {
        let bytes = |cause| pages.of(cause) * PAGE as u64;
        BytesByCause {
            launch: bytes(Cause::Launch),
            prefetch: bytes(Cause::Prefetch),
            along: bytes(Cause::Along),
            fault: bytes(Cause::Fault),
            fetch_ahead: bytes(Cause::FetchAhead),
            eviction: bytes(Cause::Eviction),
            clean: bytes(Cause::Clean),
            pin: bytes(Cause::Pin),
            library: bytes(Cause::Library) + bytes(Cause::Freed),
        }
    }
}
