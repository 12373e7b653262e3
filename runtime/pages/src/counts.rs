//! Counts what happens to pages.

use crate::{
    mechanism::Mechanism,
    pages::Pages,
    sync::{AtomicU64, Ordering::Relaxed},
    watch::Cause,
};

/// Causes.
const CAUSES: usize = Cause::ALL.len();

#[derive(Default)]
pub(crate) struct Counters {
    faults: [AtomicU64; 2],
    to_device: [AtomicU64; CAUSES],
    to_host: [AtomicU64; CAUSES],
    pub evictions: AtomicU64,
    pub in_place: AtomicU64,
    pub ahead_used: AtomicU64,
    pub ahead_wasted: AtomicU64,
    pub bouncing: AtomicU64,
}

impl Counters {
    pub fn fault(&self, write: bool) {
        self.faults[usize::from(write)].fetch_add(1, Relaxed);
    }

    pub fn to_device(&self, cause: Cause, pages: usize) {
        self.to_device[cause as usize].fetch_add(pages as u64, Relaxed);
    }

    pub fn to_host(&self, cause: Cause, pages: usize) {
        self.to_host[cause as usize].fetch_add(pages as u64, Relaxed);
    }
}

/// Pages that were copied, by cause: in the order of [`Cause::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByCause([u64; CAUSES]);

impl ByCause {
    /// For this one.
    pub fn of(&self, cause: Cause) -> u64 {
        self.0[cause as usize]
    }

    /// For all of them.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    fn load(from: &[AtomicU64; CAUSES]) -> Self {
        ByCause(std::array::from_fn(|cause| from[cause].load(Relaxed)))
    }
}

/// What has happened so far, in events and pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// CPU reads that were served.
    pub read_faults: u64,
    /// CPU writes that were served.
    pub write_faults: u64,
    /// Pages copied to the device.
    pub to_device: ByCause,
    /// Pages copied back.
    pub to_host: ByCause,
    /// Pages that gave up their slot for others.
    pub evictions: u64,
    /// Pages that launches used with the host.
    pub in_place: u64,
    /// Pages that came to the device ahead of use, and that a launch has used there.
    pub ahead_used: u64,
    /// Those that have left it before any launch used them.
    pub ahead_wasted: u64,
    /// How often a page that went back and forth was kept with the host.
    pub bouncing: u64,
}

impl<M: Mechanism> Pages<M> {
    /// What has happened.
    pub fn counts(&self) -> Counts {
        let c = &self.counters;
        Counts {
            read_faults: c.faults[0].load(Relaxed),
            write_faults: c.faults[1].load(Relaxed),
            to_device: ByCause::load(&c.to_device),
            to_host: ByCause::load(&c.to_host),
            evictions: c.evictions.load(Relaxed),
            in_place: c.in_place.load(Relaxed),
            ahead_used: c.ahead_used.load(Relaxed),
            ahead_wasted: c.ahead_wasted.load(Relaxed),
            bouncing: c.bouncing.load(Relaxed),
        }
    }
}
