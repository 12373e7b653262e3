//! Ways to break what launches are recorded with on purpose, so that the tests of it can be tested.

/// A law of recording that is not kept (feature `seam`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broken {
    /// Law 8: no barrier makes a submission's writes available to the host.
    HidesFromHost,
}
