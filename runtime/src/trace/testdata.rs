//! Recordings made by hand, for tests.

use super::{About, Cause, Clock, Entry, Hint, Reading, Recording, log::Contents, names::Given, recording::Parts};
use crate::{
    Backing, Capabilities, Placement, Stats, Translation,
    addr::{PAGE, Span},
};
use std::collections::HashMap;

/// Where the heap is.
pub(super) const HEAP: u64 = 0x7000_0000_0000;

/// Device memory.
pub(super) const BUDGET: u64 = 64 << 20;

/// Something that happens, a microsecond after what happened before.
#[derive(Default)]
pub(super) struct Script {
    pub entries: Vec<Entry>,
    /// As the counters have it.
    pub device_peak_bytes: u64,
    names: Given,
    now: u64,
    points: u64,
}

impl Script {
    fn tick(&mut self) -> u64 {
        self.now += 1000;
        self.now
    }

    /// An allocation with a name.
    pub fn allocation(&mut self, first: usize, pages: usize, name: &str) {
        let at = self.tick();
        self.entries.push(Entry::Allocated { first, pages, at });
        if !name.is_empty() {
            let start = HEAP + (first * PAGE) as u64;
            let span = Span { start, end: start + (pages * PAGE) as u64 };
            self.names.regions.push(super::names::NamedRegion { span, name: name.into(), since: at });
        }
    }

    pub fn hint(&mut self, first: usize, pages: usize, hint: Hint) {
        let at = self.tick();
        self.entries.push(Entry::Hinted { hint, first, pages, thread: 7, at });
    }

    pub fn free(&mut self, first: usize, pages: usize) {
        let at = self.tick();
        self.entries.push(Entry::Freed { first, pages, at });
    }

    /// A launch, of a kernel of this name, that has ended.
    pub fn launch(&mut self, kernel: &str, uses: &[(usize, usize, bool, bool)]) {
        let known = self.names.kernels.iter().position(|name| name == kernel);
        let kernel = known.unwrap_or_else(|| {
            self.names.kernels.push(kernel.into());
            self.names.kernels.len() - 1
        }) as u32;
        self.points += 1;
        let (point, at) = (self.points, self.tick());
        self.entries.push(Entry::Launched { point, kernel, thread: 7, at });
        for (first, pages, write, in_place) in uses.iter().copied() {
            self.entries.push(Entry::Used { point, first, pages, write, in_place });
        }
        let ticks = [self.tick(), self.tick()];
        self.entries.push(Entry::Ran { point, ticks });
    }

    pub fn arrives(&mut self, first: usize, pages: usize, cause: Cause) {
        let [since, at] = [self.tick(), self.tick()];
        self.entries.push(Entry::ToDevice { first, pages, cause, since, at });
    }

    /// Copied home; the device keeps no copy.
    pub fn comes_home(&mut self, first: usize, pages: usize, cause: Cause) {
        let [since, at] = [self.tick(), self.tick()];
        self.entries.push(Entry::ToHost { first, pages, cause, since, at });
        self.left(first, pages, cause);
    }

    pub fn left(&mut self, first: usize, pages: usize, cause: Cause) {
        let at = self.tick();
        self.entries.push(Entry::Left { first, pages, cause, at });
    }

    /// A CPU touch that brings so many pages home.
    pub fn fault(&mut self, page: usize, write: bool, pages: usize) {
        let since = self.tick();
        self.comes_home(page, pages, Cause::Fault);
        let at = self.tick();
        self.entries.push(Entry::Faulted { page, write, thread: 8, since, at });
    }

    /// What a program would get.
    pub fn recording(self, lost: u64) -> Recording {
        let clock = Clock { readings: vec![Reading { ticks: 0, host: 0, within: 10 }], tick_ns: 1.0, bits: 64 };
        let about = About {
            capabilities: capabilities(),
            stats: Stats {
                bytes_to_device: 12345,
                device_peak_bytes: self.device_peak_bytes,
                launches: self.points,
                ..Stats::default()
            },
            heap: Span { start: HEAP, end: HEAP + (1 << 32) },
            clock,
            costs: Some((vksvm_pages::DeviceModel::Pcie4, vksvm_pages::Costs::PCIE4)),
            threads: HashMap::from([(7, "main".into())]),
        };
        Recording::new(Parts { contents: Contents { entries: self.entries, lost }, names: self.names, about })
    }
}

fn capabilities() -> Capabilities {
    Capabilities {
        device: "a <device>".into(),
        driver: "a driver".into(),
        vulkan: "1.3.0".into(),
        is_cpu: false,
        placement: Placement::Discrete,
        translation: Translation::Table,
        faults: "userfaultfd",
        backing: Backing::Memfd,
        device_budget_bytes: BUDGET,
        in_place: true,
        reasons: vec![],
        probes: vec![],
        heap_bytes: 1 << 32,
        segment_bytes: 1 << 32,
        page_bytes: PAGE as u64,
        max_argument_bytes: 128,
        max_groups: [65535; 3],
        max_workgroup: [1024; 3],
        max_workgroup_invocations: 1024,
        max_shared_bytes: 32768,
        timestamps: true,
    }
}
