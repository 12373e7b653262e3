//! Lowering with one thing broken on purpose, for tests of the tests.

macro_rules! broken {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Something that lowering does wrong when told to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(not(feature = "seam"), allow(dead_code, reason = "only tests ask for it"))]
        pub enum Broken {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Broken {
            /// All of them.
            #[cfg_attr(not(feature = "seam"), allow(dead_code, reason = "only tests ask for it"))]
            pub const ALL: &[Broken] = &[$(Broken::$name),+];
        }
    };
}

broken! {
    /// `OpLoad` is left as it is.
    SkipLoads,
    /// `OpStore` is left as it is.
    SkipStores,
    /// Atomics are left as they are.
    SkipAtomics,
    /// What `OpCopyMemory` reads is read where it is not.
    SkipCopySources,
    /// What `OpCopyMemory` writes is written where it is not.
    SkipCopyTargets,
    /// Only the first dereference of each block is lowered.
    SkipLaterInBlock,
    /// Dereferences through function parameters are left as they are.
    SkipParameters,
    /// Dereferences through phis and selects are left as they are.
    SkipPhis,
    /// Dereferences through pointers made from integers are left as they are.
    SkipConverted,
    /// Dereferences through loaded pointers are left as they are.
    SkipLoaded,
    /// An index beyond the table is used.
    NoBoundsCheck,
    /// The last page of the heap counts as outside.
    ShortHeap,
    /// Addresses are not rounded down to their alignment, so that a misaligned one straddles.
    NoAlignmentMask,
    /// Vectors are never split.
    NoSplit,
    /// Parts may be twice as long as their alignment.
    WideParts,
    /// A part inside something is taken to be as aligned as the whole.
    PartsAsAligned,
    /// Row-major matrices are taken for column-major ones.
    IgnoreRowMajor,
    /// The columns or rows of matrices are taken to be 16 bytes apart.
    IgnoreMatrixStride,
    /// The components of a row-major matrix's column are taken to be side by side.
    IgnoreComponentStride,
    /// Indexes are taken as unsigned.
    UnsignedIndexes,
    /// The first index of `OpPtrAccessChain` is ignored.
    IgnoreElement,
    /// Everything within a page's size of a base is taken to be in one page with it.
    WindowsOfPages,
    /// An alignment that one access vouches for is believed everywhere after it.
    VouchEverywhere,
    /// What was computed in one branch is used in others.
    ForgetNothing,
    /// Values are computed before a loop in which what they depend on changes.
    HoistAll,
    /// What goes past the first page of two is looked for in the first, and the other way round.
    SpansSwapped,
    /// The page that a large access ends in is looked up for a part that is not its last.
    ShortSpans,
    /// What is added to an integer before it becomes a pointer is ignored.
    IgnoreAddition,
    /// The qualifiers of members are dropped.
    DropQualifiers,
    /// Memory operands but for the alignment are dropped.
    DropMemoryOperands,
    /// Only the first member of a struct is loaded and stored as it should be, the others from where that is.
    FirstMemberOffset,
}
