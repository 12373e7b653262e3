//! What to lower to.

use crate::{
    broken::Broken,
    error::{Error, Result},
};

/// How a device address follows from a unified address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Translation {
    /// They are equal: the module is only looked at, its words come back unchanged.
    Identity,
    /// They differ by one number everywhere.
    Offset(Offset),
    /// A table over one range of addresses, the heap, says where each page is.
    Table(Table),
    /// Two levels of tables over all 48-bit addresses say where each page is.
    Mirrored(Mirrored),
}

/// Device address minus unified address, wrapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Offset(pub u64);

/// A flat table over the heap.
///
/// In device memory at [`entries`](Self::entries), a multiple of 8, lie `pages + 1` unsigned 64-bit numbers: the device
/// address of each page's first byte, then that of a null page, to which every address outside the heap leads. A device
/// page may start at any multiple of 16; its bytes are contiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Table {
    /// The heap's first unified address: a multiple of the page size.
    pub base: u64,
    /// Pages in the heap: at least one.
    pub pages: u64,
    /// The binary logarithm of the page size in bytes: 6 to 30. vksvm's pages have 64 KiB, which is 16.
    pub page_shift: u32,
    /// The device address of the table.
    pub entries: u64,
}

/// A root table of leaf tables, over the unified addresses below 2^48.
///
/// In device memory at [`root`](Self::root), a multiple of 8, lie `2^(48 - page_shift - leaf_shift) + 1` unsigned 64-bit
/// numbers, the device addresses of leaf tables; the last is for every address of 2^48 and more. A leaf table is
/// `2^leaf_shift` device addresses of pages. What is not mapped has leaves or pages of its own kind: one shared leaf
/// full of one null page will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mirrored {
    /// The device address of the root table.
    pub root: u64,
    /// The binary logarithm of the page size in bytes: 6 to 30.
    pub page_shift: u32,
    /// The binary logarithm of a leaf table's length: at least 1, and below `48 - page_shift`.
    pub leaf_shift: u32,
}

/// What [`lower`](crate::lower) does to a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// How addresses are translated.
    pub translation: Translation,
    /// What to do wrong on purpose.
    #[cfg(any(test, feature = "seam"))]
    pub broken: Option<Broken>,
}

impl Options {
    /// Lowers for this translation.
    pub fn new(translation: Translation) -> Self {
        Options {
            translation,
            #[cfg(any(test, feature = "seam"))]
            broken: None,
        }
    }

    /// Whether no test asked for anything to be done wrong.
    pub(crate) fn is_sound(&self) -> bool {
        #[cfg(any(test, feature = "seam"))]
        return self.broken.is_none();
        #[cfg(not(any(test, feature = "seam")))]
        true
    }

    /// Whether a test asked for this to be done wrong.
    pub(crate) fn breaks(&self, what: Broken) -> bool {
        #[cfg(any(test, feature = "seam"))]
        return self.broken == Some(what);
        #[cfg(not(any(test, feature = "seam")))]
        {
            let _ = what;
            false
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        match self.translation {
            Translation::Identity | Translation::Offset(_) => Ok(()),
            Translation::Table(table) => table.check(),
            Translation::Mirrored(tables) => tables.check(),
        }
    }
}

impl Table {
    fn check(&self) -> Result<()> {
        let page = page_size(self.page_shift)?;
        let Table { base, pages, entries, .. } = *self;
        if !base.is_multiple_of(page) {
            return wrong(format!("the heap starts at {base:#x}, which is no multiple of the page size, {page:#x}"));
        }
        let bytes = u128::from(pages) * u128::from(page);
        if pages == 0 || u128::from(base) + bytes > 1 << 64 {
            return wrong(format!("{pages} pages of {page:#x} bytes from {base:#x} are no range of 64-bit addresses"));
        }
        table_at("the table", entries, pages + 1)
    }
}

impl Mirrored {
    fn check(&self) -> Result<()> {
        page_size(self.page_shift)?;
        let most = MIRRORED_BITS - self.page_shift;
        if self.leaf_shift == 0 || self.leaf_shift >= most {
            return wrong(format!("leaf_shift is {}; with these pages it can be 1 to {}", self.leaf_shift, most - 1));
        }
        table_at("the root table", self.root, (1 << (most - self.leaf_shift)) + 1)
    }
}

/// Bits of the addresses that the mirrored form covers: what x86-64 and AArch64 processes have without extensions.
pub(crate) const MIRRORED_BITS: u32 = 48;

fn page_size(shift: u32) -> Result<u64> {
    if (6..=30).contains(&shift) { Ok(1 << shift) } else { wrong(format!("page_shift is {shift}; it can be 6 to 30")) }
}

fn table_at(what: &str, at: u64, entries: u64) -> Result<()> {
    if at.is_multiple_of(8) && u128::from(at) + u128::from(entries) * 8 <= 1 << 64 {
        return Ok(());
    }
    wrong(format!("{what} cannot be at {at:#x}: that must be a multiple of 8 with room for {entries} entries"))
}

fn wrong<T>(reason: String) -> Result<T> {
    Err(Error::Options { reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Table = Table { base: 1 << 40, pages: 16, page_shift: 16, entries: 0x1000 };
    const MIRRORED: Mirrored = Mirrored { root: 0x1000, page_shift: 16, leaf_shift: 16 };

    #[test]
    fn translations_that_fit_pass() {
        let whole = Table { base: 0, pages: 1 << 48, page_shift: 16, entries: 0 };
        let last = Table { base: (16u64 << 16).wrapping_neg(), ..TABLE };
        for translation in [Translation::Table(TABLE), Translation::Table(last), Translation::Table(whole)] {
            Options::new(translation).check().unwrap();
        }
        for leaf_shift in [1, 31] {
            Options::new(Translation::Mirrored(Mirrored { leaf_shift, ..MIRRORED })).check().unwrap();
        }
        Options::new(Translation::Offset(Offset(u64::MAX))).check().unwrap();
    }

    #[test]
    fn translations_that_do_not_fit_are_refused_with_what_is_wrong() {
        let table = |table: Table| Options::new(Translation::Table(table)).check().unwrap_err().to_string();
        let mirrored = |m: Mirrored| Options::new(Translation::Mirrored(m)).check().unwrap_err().to_string();
        for (error, says) in [
            (table(Table { base: TABLE.base + 4096, ..TABLE }), "no multiple of the page size"),
            (table(Table { pages: 0, ..TABLE }), "0 pages"),
            (table(Table { pages: u64::MAX, ..TABLE }), "no range of 64-bit addresses"),
            (table(Table { base: (15u64 << 16).wrapping_neg(), ..TABLE }), "no range of 64-bit addresses"),
            (table(Table { page_shift: 5, ..TABLE }), "page_shift is 5"),
            (table(Table { page_shift: 31, ..TABLE }), "page_shift is 31"),
            (table(Table { entries: 4, ..TABLE }), "multiple of 8"),
            (table(Table { entries: u64::MAX - 63, ..TABLE }), "room for 17 entries"),
            (mirrored(Mirrored { page_shift: 64, ..MIRRORED }), "page_shift is 64"),
            (mirrored(Mirrored { leaf_shift: 0, ..MIRRORED }), "leaf_shift is 0"),
            (mirrored(Mirrored { leaf_shift: 32, ..MIRRORED }), "1 to 31"),
            (mirrored(Mirrored { root: 1, ..MIRRORED }), "the root table"),
        ] {
            assert!(error.starts_with("cannot translate like this: ") && error.contains(says), "{error}");
        }
    }
}
