//! Ways to break the protocol on purpose, so that its tests can be tested.

/// A law of the protocol that is not kept (feature `seam`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broken {
    /// Law 1: pages are copied to the device first, and taken from the CPU then.
    CopiesBeforeRevoking,
    /// Law 2: a fault brings a page home while a launch uses it.
    MovesPagesInUse,
    /// Law 4: after a wait the page's state is taken to be what was waited for.
    TrustsWaits,
    /// Law 10: a launch that may write a page is taken to write all of it, so that nothing is copied to the device.
    ForgetsUnwritten,
    /// Law 10: what comes to device memory is taken to be there already if the host's page was never touched.
    ForgetsZeros,
}

#[cfg(feature = "seam")]
impl Broken {
    /// Every one.
    pub const ALL: [Broken; 5] = [
        Broken::CopiesBeforeRevoking,
        Broken::MovesPagesInUse,
        Broken::TrustsWaits,
        Broken::ForgetsUnwritten,
        Broken::ForgetsZeros,
    ];
}
