//! Where each page was at which time, told from what was logged.

use super::{Cause, Entry, Recording};
use std::{collections::HashMap, ops::Range};

/// Where a page's content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Host,
    /// Both sides have it; neither writes.
    Both,
    Device,
}

/// What becomes of one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happens {
    /// A launch uses it.
    Used { write: bool, in_place: bool },
    /// It was copied to the device.
    Arrived(Cause),
    /// It was copied to the host.
    Copied,
    /// The device has no copy of it any more.
    Left(Cause),
    /// The CPU touched it, and was served.
    Touched { write: bool },
    /// Its memory was freed.
    Freed,
}

/// One page's change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub page: usize,
    pub at: u64,
    pub happens: Happens,
    /// Where it was until then.
    pub before: Place,
    /// Where it is from then on.
    pub after: Place,
}

impl Recording {
    /// Follows the pages of a range through all that was logged, in that order. All are with the host at first.
    pub(super) fn follow(&self, pages: Range<usize>, mut f: impl FnMut(Step)) {
        let mut places = vec![Place::Host; pages.len()];
        let mut step = |run: Range<usize>, at: u64, happens: Happens| {
            for page in run.start.max(pages.start)..run.end.min(pages.end) {
                let place = &mut places[page - pages.start];
                let before = *place;
                *place = after(before, happens);
                f(Step { page, at, happens, before, after: *place });
            }
        };
        let issued: HashMap<u64, u64> = self.launches.iter().map(|launch| (launch.point, launch.issued)).collect();
        for entry in &self.entries {
            match *entry {
                Entry::Used { point, first, pages, write, in_place } => {
                    let at = issued.get(&point).copied().unwrap_or(0);
                    step(first..first + pages, at, Happens::Used { write, in_place });
                }
                Entry::ToDevice { first, pages, cause, at, .. } => {
                    step(first..first + pages, at, Happens::Arrived(cause));
                }
                Entry::ToHost { first, pages, at, .. } => step(first..first + pages, at, Happens::Copied),
                Entry::Left { first, pages, cause, at } => step(first..first + pages, at, Happens::Left(cause)),
                Entry::Faulted { page, write, at, .. } | Entry::Parked { page, write, at, .. } => {
                    step(page..page + 1, at, Happens::Touched { write });
                }
                Entry::Freed { first, pages, at } => step(first..first + pages, at, Happens::Freed),
                Entry::Launched { .. }
                | Entry::Ran { .. }
                | Entry::Bouncing { .. }
                | Entry::Unparked { .. }
                | Entry::Hinted { .. }
                | Entry::Allocated { .. } => {}
            }
        }
    }
}

fn after(before: Place, happens: Happens) -> Place {
    match happens {
        Happens::Used { write: true, in_place: false } => Place::Device,
        // What it reads there is there.
        Happens::Used { write: false, in_place: false } if before == Place::Host => Place::Both,
        Happens::Arrived(_) | Happens::Copied => Place::Both,
        Happens::Left(_) | Happens::Freed => Place::Host,
        Happens::Used { .. } | Happens::Touched { .. } => before,
    }
}
