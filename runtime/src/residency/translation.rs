//! How shaders get from unified to device addresses, decided when an `Svm` is opened.

use super::Findings;
use crate::{
    addr::{DeviceAddr, PAGE, Span},
    config::Translation,
    error::{Error, Result},
    gpu::{Device, Table},
};
use std::sync::{Arc, OnceLock};

/// Which of the heap's views is shown to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The program's: device addresses equal host addresses on devices where they can.
    User,
    /// The library's alias of the same memory, so that they differ wherever there is one.
    Runtime,
    /// Segments take turns, so that not even their offsets agree. For tests.
    #[cfg(feature = "seam")]
    Turns,
}

/// A translation that is decided on, and what it needs.
pub(crate) enum Translator {
    /// Device addresses are unified addresses.
    Identity,
    /// They differ by what the first import tells, the same for every segment.
    Offset(OnceLock<u64>),
    /// The table has them.
    Table(Table),
}

/// What to do, from what was asked for and found. The reason is a clause that says why.
///
/// By itself an offset is chosen only where one import covers the whole heap, so that there is nothing that it could
/// differ in. Where there are more, their offsets are up to the driver's choice of addresses, which a probe of two cannot
/// speak for: the table does not depend on them.
///
/// # Errors
/// `TranslationUnavailable` for identity where addresses differ.
pub(crate) fn choose(
    asked: Translation,
    findings: &Findings,
    segments: usize,
    device: &str,
) -> Result<(Translation, &'static str)> {
    Ok(match asked {
        Translation::Auto if findings.identity() => {
            (Translation::Identity, "device addresses of imports equal host addresses, kernels run untouched")
        }
        Translation::Auto if segments == 1 => (
            Translation::Offset,
            "device addresses differ from the host's, by one number since one import covers the heap",
        ),
        Translation::Auto => (
            Translation::Table,
            "device addresses differ from the host's, and each of the heap's imports may differ otherwise",
        ),
        Translation::Identity if !findings.identity() => {
            let [a, b] = findings.offsets;
            return Err(Error::TranslationUnavailable {
                translation: "identity",
                device: device.into(),
                reason: format!(
                    "device addresses of imports differ from the host's, by {a:#x} and {b:#x}; use auto, offset or table"
                ),
            });
        }
        forced => (forced, "asked for"),
    })
}

impl Translator {
    /// What `translation` needs, for a heap of so many pages.
    ///
    /// # Errors
    /// `TranslationUnavailable`, and as Vulkan's, where the table cannot be made.
    pub fn new(translation: Translation, device: &Arc<Device>, pages: usize) -> Result<Self> {
        Ok(match translation {
            Translation::Auto | Translation::Identity => Translator::Identity,
            Translation::Offset => Translator::Offset(OnceLock::new()),
            Translation::Table => Translator::Table(Table::new(device, pages)?),
        })
    }

    /// Takes note that the device has `segment`, which lies in the heap that starts at `base`, at `address`.
    ///
    /// # Errors
    /// `TranslationUnavailable` where that does not go with what kernels were, or will be, made for.
    pub fn note(&self, base: u64, segment: Span, address: DeviceAddr, device: &str) -> Result<()> {
        let offset = address.0.wrapping_sub(segment.start);
        let unavailable = |translation, expected: u64| Error::TranslationUnavailable {
            translation,
            device: device.into(),
            reason: format!(
                "the segment of the heap at {:#x} is at {address:?}, {expected:#x} was expected to be added; use table",
                segment.start
            ),
        };
        match self {
            Translator::Identity if offset != 0 => Err(unavailable("identity", 0)),
            Translator::Identity => Ok(()),
            Translator::Offset(shared) => match *shared.get_or_init(|| offset) {
                expected if expected == offset => Ok(()),
                expected => Err(unavailable("offset", expected)),
            },
            Translator::Table(table) => {
                table.set(segment.units(base, PAGE), address);
                Ok(())
            }
        }
    }

    /// Whether every segment must be shown before the first kernel is lowered.
    pub fn is_eager(&self) -> bool {
        matches!(self, Translator::Offset(_))
    }

    /// How kernels are lowered for the heap that starts at `base`; `None` where they run untouched.
    pub fn lowering(&self, base: u64) -> Option<vksvm_spirv::Translation> {
        match self {
            Translator::Identity => None,
            // Importing every segment has set it, before any kernel is loaded.
            Translator::Offset(shared) => {
                let offset = shared.get().copied().unwrap_or(0);
                Some(vksvm_spirv::Translation::Offset(vksvm_spirv::Offset(offset)))
            }
            Translator::Table(table) => Some(table_lowering(table, base)),
        }
    }

    /// What it takes, for the reasons that a program is told.
    pub fn cost(&self) -> String {
        match self {
            Translator::Identity => String::new(),
            Translator::Offset(shared) => format!("; shaders add {:#x}", shared.get().copied().unwrap_or(0)),
            Translator::Table(table) => table_cost(table),
        }
    }
}

/// How kernels are lowered to look pages up in `table`, for the heap that starts at `base`.
pub(super) fn table_lowering(table: &Table, base: u64) -> vksvm_spirv::Translation {
    vksvm_spirv::Translation::Table(vksvm_spirv::Table {
        base,
        pages: table.pages() as u64,
        page_shift: PAGE.trailing_zeros(),
        entries: table.address.0,
    })
}

/// What a table takes, for the reasons that a program is told.
pub(super) fn table_cost(table: &Table) -> String {
    format!("; {} entries at {:?}, {} KiB in all", table.pages() + 1, table.address, table.bytes() >> 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::mapping::Backing;

    fn found(offsets: [u64; 2]) -> Findings {
        Findings { backing: Backing::Memfd, offsets, follows_release: true }
    }

    #[test]
    fn auto_takes_what_is_certain() {
        let auto = |offsets, segments| choose(Translation::Auto, &found(offsets), segments, "D").unwrap().0;
        assert_eq!(auto([0, 0], 9), Translation::Identity);
        assert_eq!(auto([4096, 4096], 1), Translation::Offset);
        assert_eq!(auto([4096, 8192], 1), Translation::Offset);
        assert_eq!(auto([4096, 4096], 2), Translation::Table);
        assert_eq!(auto([0, 4096], 2), Translation::Table);
    }

    #[test]
    fn what_is_asked_for_is_done_or_refused() {
        let asked = |translation, offsets| choose(translation, &found(offsets), 3, "D").map(|(t, _)| t);
        assert_eq!(asked(Translation::Table, [0, 0]), Ok(Translation::Table));
        assert_eq!(asked(Translation::Offset, [1 << 20, 0]), Ok(Translation::Offset));
        assert_eq!(asked(Translation::Identity, [0, 0]), Ok(Translation::Identity));
        let error = asked(Translation::Identity, [0, 4096]).unwrap_err();
        assert!(error.to_string().contains("0x1000"), "{error}");
    }

    #[test]
    fn segments_must_go_with_what_kernels_are_made_for() {
        let segment = |i: u64| Span { start: i << 21, end: (i + 1) << 21 };
        let note = |t: &Translator, i, address| t.note(0, segment(i), DeviceAddr(address), "D").is_ok();
        let t = Translator::Identity;
        assert!(note(&t, 3, 3 << 21) && !note(&t, 3, (3 << 21) + 64));
        let t = Translator::Offset(OnceLock::new());
        assert!(note(&t, 1, 64) && note(&t, 2, (1 << 21) + 64) && !note(&t, 3, 1 << 21));
        let offset = 64u64.wrapping_sub(1 << 21);
        let lowering = vksvm_spirv::Translation::Offset(vksvm_spirv::Offset(offset));
        assert_eq!(t.lowering(0), Some(lowering));
    }
}
