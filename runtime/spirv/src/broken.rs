//! Lowering with one thing broken on purpose, for tests of the tests.

/// Something that lowering does wrong when told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Broken {
    /// `OpLoad` is left as it is.
    SkipLoads,
    /// `OpStore` is left as it is.
    SkipStores,
    /// Atomics are left as they are.
    SkipAtomics,
    /// What `OpCopyMemory` reads is left as it is.
    SkipCopySources,
    /// What `OpCopyMemory` writes is left as it is.
    SkipCopyTargets,
}

impl Broken {
    /// All of them.
    pub const ALL: &[Broken] =
        &[Broken::SkipLoads, Broken::SkipStores, Broken::SkipAtomics, Broken::SkipCopySources, Broken::SkipCopyTargets];
}
