//! What happens to pages, for who counts or records it.

/// Why pages were copied, or a copy was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Cause {
    /// A launch uses them.
    Launch,
    /// The program asked for them on the other side, ahead of use.
    Prefetch,
    /// A launch uses most of what is around them.
    Along,
    /// The CPU touched them, or a neighbour.
    Fault,
    /// The CPU scans what is before them.
    FetchAhead,
    /// Others needed their place in device memory.
    Eviction,
    /// Others will need it soon: the host's copy is brought up to date, and the device keeps its own.
    Clean,
    /// The program has them stay on one side.
    Pin,
    /// They were freed, or their content is of no use.
    Freed,
    /// The library reads or writes them.
    Library,
}

impl Cause {
    /// Every one, in the order of their numbers.
    pub const ALL: [Cause; 10] = [
        Cause::Launch,
        Cause::Prefetch,
        Cause::Along,
        Cause::Fault,
        Cause::FetchAhead,
        Cause::Eviction,
        Cause::Clean,
        Cause::Pin,
        Cause::Freed,
        Cause::Library,
    ];

    /// In one word, for tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Launch => "launch",
            Cause::Prefetch => "prefetch",
            Cause::Along => "along",
            Cause::Fault => "fault",
            Cause::FetchAhead => "fetch_ahead",
            Cause::Eviction => "eviction",
            Cause::Clean => "clean",
            Cause::Pin => "pin",
            Cause::Freed => "freed",
            Cause::Library => "library",
        }
    }
}

/// Something that was done to pages, counted from the heap's start. One event for each run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// They were copied to the device.
    ToDevice {
        /// The first.
        first: usize,
        /// How many.
        pages: usize,
        /// Why.
        cause: Cause,
        /// When that began, as [`crate::Mechanism::now`] counts.
        since: u64,
    },
    /// They were copied to the host.
    ToHost {
        /// The first.
        first: usize,
        /// How many.
        pages: usize,
        /// Why.
        cause: Cause,
        /// When that began.
        since: u64,
    },
    /// The device has no copy of them any more.
    Left {
        /// The first.
        first: usize,
        /// How many.
        pages: usize,
        /// Why.
        cause: Cause,
    },
    /// They went back and forth, and stay with the host for a while.
    Bouncing {
        /// The page.
        page: usize,
    },
}
