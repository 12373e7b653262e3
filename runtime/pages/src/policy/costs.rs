//! What it costs to copy a page and to use it in place, on a device.

/// Nanoseconds. A page is one of 64 KiB, all of whose bytes are used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    /// Copying a page to the device.
    pub copy_in: u32,
    /// Copying it back.
    pub copy_out: u32,
    /// What each run of pages costs to copy, besides.
    pub copy_start: u32,
    /// A launch reads a page that is with the host.
    pub in_place_read: u32,
    /// A launch writes one.
    pub in_place_write: u32,
    /// A launch reads or writes a page that is with the device.
    pub local: u32,
    /// Serving a CPU fault, without the copying.
    pub fault: u32,
}

/// Which costs are reckoned with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceModel {
    /// Those that were measured on the device at hand. On a device that is the CPU both sides are the same memory.
    Measured,
    /// A card behind 16 lanes of PCI Express 3.
    Pcie3,
    /// A card behind 16 lanes of PCI Express 4.
    Pcie4,
}

impl DeviceModel {
    /// Every one.
    pub const ALL: [DeviceModel; 3] = [DeviceModel::Measured, DeviceModel::Pcie3, DeviceModel::Pcie4];

    /// As it is called on command lines and in traces.
    pub fn name(self) -> &'static str {
        match self {
            DeviceModel::Measured => "measured",
            DeviceModel::Pcie3 => "pcie3",
            DeviceModel::Pcie4 => "pcie4",
        }
    }

    /// The model of a name.
    pub fn named(name: &str) -> Option<DeviceModel> {
        DeviceModel::ALL.into_iter().find(|model| model.name() == name)
    }

    /// Its costs; `None` where they are to be measured.
    pub fn costs(self) -> Option<Costs> {
        match self {
            DeviceModel::Measured => None,
            DeviceModel::Pcie3 => Some(Costs::PCIE3),
            DeviceModel::Pcie4 => Some(Costs::PCIE4),
        }
    }
}

/// Nanoseconds for a page at so many megabytes (10^6 bytes) a second.
const fn page_at(megabytes: u64) -> u32 {
    (65_536_000 / megabytes) as u32
}

impl Costs {
    /// A Tesla P100 behind PCI Express 3: copies of pinned memory at 12,151 MB/s to the device and 12,891 MB/s back, and 443,838
    /// MB/s within it, as CUDA's bandwidthTest printed them for one (github.com/mpicbg-scicomp/gearshifft, pull request 82, 2017).
    ///
    /// In place, kernels whose accesses are merged and aligned get nearly all that the link carries (EMOGI: Min et al., PVLDB
    /// 14(2), 2020); others are slower by what they waste. So a use in place is taken to cost what a copy costs. `fault` is no
    /// matter of the card: it is what this library needs for a fault that a signal handler serves, as measured on a small virtual
    /// machine.
    pub const PCIE3: Costs = Costs {
        copy_in: page_at(12_151),
        copy_out: page_at(12_891),
        copy_start: 1_300,
        in_place_read: page_at(12_151),
        in_place_write: page_at(12_891),
        local: page_at(443_838),
        fault: 20_000,
    };

    /// An A100 behind PCI Express 4: 24.81 GB/s to the device and 25 GB/s back, as nvbandwidth printed them for one with 80 GB
    /// (forums.developer.nvidia.com, thread 352186), whose memory does 2,039 GB/s by its data sheet. `copy_start`: pieces of
    /// 4 KiB that were copied by a call each came to 3.2 GB/s (github.com/zartbot/gfd, its README), that is 1.3 µs a call. The rest
    /// as in [`Costs::PCIE3`]: EMOGI's authors saw the speed in place grow with the link.
    pub const PCIE4: Costs = Costs {
        copy_in: page_at(24_810),
        copy_out: page_at(25_000),
        copy_start: 1_300,
        in_place_read: page_at(24_810),
        in_place_write: page_at(25_000),
        local: page_at(2_039_000),
        fault: 20_000,
    };

    /// What a launch pays that uses a page in place: `reads` and `writes` are how often it does so with each byte.
    pub(super) fn in_place(&self, reads: u32, writes: u32) -> f32 {
        reads as f32 * self.in_place_read as f32 + writes as f32 * self.in_place_write as f32
    }

    /// What it pays for a page that is with the device.
    pub(super) fn local(&self, reads: u32, writes: u32) -> f32 {
        (reads + writes) as f32 * self.local as f32
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_those_of_their_sources() {
        // 64 KiB at 12.151 GB/s, at 24.81 GB/s, and at 2,039 GB/s.
        assert_eq!((Costs::PCIE3.copy_in, Costs::PCIE4.copy_in, Costs::PCIE4.local), (5393, 2641, 32));
        assert_eq!(4096.0 / 3.2, 1280.0, "nanoseconds for 4 KiB");
        for model in DeviceModel::ALL {
            assert_eq!(DeviceModel::named(model.name()), Some(model));
            assert_eq!(model.costs().is_none(), model == DeviceModel::Measured);
        }
        assert_eq!(DeviceModel::named("PCIe5"), None);
    }
}
