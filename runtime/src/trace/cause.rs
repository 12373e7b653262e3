//! Stand-in until the page protocol tells why pages move.

/// Why pages were moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Launch,
    Prefetch,
    Along,
    Fault,
    FetchAhead,
    Eviction,
    Clean,
    Pin,
    Freed,
    Library,
}

impl Cause {
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

    /// As reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Launch => "launch",
            Cause::Prefetch => "prefetch",
            Cause::Along => "along",
            Cause::Fault => "fault",
            Cause::FetchAhead => "fetch-ahead",
            Cause::Eviction => "eviction",
            Cause::Clean => "clean",
            Cause::Pin => "pin",
            Cause::Freed => "freed",
            Cause::Library => "library",
        }
    }
}
