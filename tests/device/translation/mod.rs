//! Kernels that translate their addresses: which do, that they work, that one that misses an address is noticed, and what one that
//! goes astray can do.

pub mod astray;
mod choice;
pub mod hidden;
mod program;

use vksvm::{Backing, Placement, Svm, SvmBuilder, Translation};

pub fn tests() -> Vec<libtest_mimic::Trial> {
    [choice::tests(), program::tests(), hidden::tests(), astray::tests()].into_iter().flatten().collect()
}

/// A way to open a heap so that its kernels translate.
struct Way {
    name: &'static str,
    /// What is asked for.
    asked: Translation,
    /// What comes of it on a device whose addresses equal the host's.
    becomes: Translation,
    /// Whether the device works on the runtime view alone, so that the user view may be taken away meanwhile.
    aliased: bool,
    open: fn(SvmBuilder) -> SvmBuilder,
}

/// 64 MiB in segments of 2 MiB, except where one import covers it all.
const WAYS: [Way; 7] = [
    Way { name: "identity", asked: Translation::Auto, becomes: Translation::Identity, aliased: false, open: |b| b },
    Way { name: "offset", asked: Translation::Offset, becomes: Translation::Offset, aliased: true, open: |b| b },
    Way { name: "table", asked: Translation::Table, becomes: Translation::Table, aliased: true, open: |b| b },
    Way {
        name: "auto-offset",
        asked: Translation::Auto,
        becomes: Translation::Offset,
        aliased: true,
        open: |b| b.addresses_differ(false).segment_size(HEAP),
    },
    Way {
        name: "auto-table",
        asked: Translation::Auto,
        becomes: Translation::Table,
        aliased: true,
        open: |b| b.addresses_differ(false),
    },
    // No two neighbouring segments differ by the same number.
    Way {
        name: "in-turns",
        asked: Translation::Auto,
        becomes: Translation::Table,
        aliased: false,
        open: |b| b.addresses_differ(true),
    },
    // One view only: the table's entries lead to the unified addresses.
    Way {
        name: "anonymous",
        asked: Translation::Table,
        becomes: Translation::Table,
        aliased: false,
        open: |b| b.backing(Backing::Anonymous),
    },
];

/// Bytes in the tests' heaps.
const HEAP: u64 = 64 << 20;

impl Way {
    fn builder(&self) -> SvmBuilder {
        (self.open)(
            Svm::builder().placement(Placement::Unified).heap_size(HEAP).segment_size(2 << 20).translation(self.asked),
        )
    }

    fn open(&self) -> Svm {
        self.builder().open().unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}
