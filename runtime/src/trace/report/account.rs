//! What became of the pages of each range: what was moved for how much use, and what had to be moved again.

use super::super::{
    Cause, Direction, Recording,
    ranges::Ranges,
    timeline::{Happens, Step},
};

/// What happened to a range, in pages where nothing else is said. A page that went twice counts twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub to_device: u64,
    pub to_host: u64,
    /// Came by prefetch, hinted or along with others.
    pub prefetched: u64,
    /// Of those, what left before a launch used it.
    pub unread: u64,
    /// Was evicted after a single launch had used it.
    pub used_once: u64,
    /// Came back to the device after an eviction, without the CPU having touched it.
    pub refetched: u64,
    /// Was copied home by an eviction and then came back so.
    pub written_back: u64,
    /// Came back to the device after the CPU had fetched it home, each time but the first.
    pub bounced: u64,
    /// Had been copied home for that.
    pub bounced_home: u64,
    /// Uses in device memory, by launches.
    pub used: u64,
    /// Uses in place, by launches.
    pub in_place: u64,
    /// Pages that were used in place so often that a copy would have paid, each once.
    pub in_place_often: u64,
    /// Their uses.
    pub in_place_often_uses: u64,
    /// Most uses in place of one page.
    pub in_place_most: u64,
    /// CPU faults, in events.
    pub faults: u64,
    /// Pages that came home with them.
    pub fault_pages: u64,
    /// What they took, in ns, added up over threads.
    pub fault_ns: u64,
    /// Whether the program has said where it should be, or how it is used.
    pub advised: bool,
}

impl Tally {
    /// Adds what happened to another range.
    pub fn add(&mut self, other: &Tally) {
        for (sum, more) in [
            (&mut self.to_device, other.to_device),
            (&mut self.to_host, other.to_host),
            (&mut self.prefetched, other.prefetched),
            (&mut self.unread, other.unread),
            (&mut self.used_once, other.used_once),
            (&mut self.refetched, other.refetched),
            (&mut self.written_back, other.written_back),
            (&mut self.bounced, other.bounced),
            (&mut self.bounced_home, other.bounced_home),
            (&mut self.used, other.used),
            (&mut self.in_place, other.in_place),
            (&mut self.in_place_often, other.in_place_often),
            (&mut self.in_place_often_uses, other.in_place_often_uses),
            (&mut self.faults, other.faults),
            (&mut self.fault_pages, other.fault_pages),
            (&mut self.fault_ns, other.fault_ns),
        ] {
            *sum += more;
        }
        self.in_place_most = self.in_place_most.max(other.in_place_most);
        self.advised |= other.advised;
    }
}

/// Uses in place of one page from which a copy to the device would have paid: over a bus, reading a page in place costs about what copying it
/// does, and nobody knows beforehand; so a few more.
const OFTEN: u32 = 8;

/// What is known of a page while it is followed.
#[derive(Clone, Copy, Default)]
struct Past {
    /// Launches that used it since it came to the device.
    uses: u32,
    came_by: Option<Cause>,
    left_by: Option<Left>,
    /// Whether it was copied home since it came.
    copied: bool,
    in_place: u32,
    rounds: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    /// For others.
    Evicted {
        copied: bool,
    },
    /// The CPU touched it, or was about to.
    Fetched {
        copied: bool,
    },
    Otherwise,
}

/// A tally for each range.
pub(super) fn of(recording: &Recording, ranges: &Ranges) -> Vec<Tally> {
    let mut tallies = vec![Tally::default(); ranges.all().len()];
    let extent = ranges.extent();
    let mut pasts = vec![Past::default(); extent.len()];
    recording.follow(extent.clone(), |step| {
        if let Some(range) = ranges.of_page(step.page) {
            account(&mut tallies[range], &mut pasts[step.page - extent.start], &step);
        }
    });
    for (page, past) in extent.zip(&pasts) {
        if let Some(range) = ranges.of_page(page) {
            let tally = &mut tallies[range];
            tally.in_place_most = tally.in_place_most.max(past.in_place.into());
            if past.in_place >= OFTEN {
                tally.in_place_often += 1;
                tally.in_place_often_uses += u64::from(past.in_place);
            }
        }
    }
    for fault in &recording.faults {
        if let Some(range) = ranges.of_page(fault.page) {
            let tally = &mut tallies[range];
            tally.faults += 1;
            tally.fault_pages += fault.pages as u64;
            tally.fault_ns += fault.at - fault.since;
        }
    }
    for hint in recording.hints.iter().filter(|hint| hint.hint.is_advice()) {
        ranges.of_pages(&hint.pages).for_each(|range| tallies[range].advised = true);
    }
    tallies
}

fn account(tally: &mut Tally, past: &mut Past, step: &Step) {
    match step.happens {
        Happens::Used { in_place: true, .. } => {
            past.in_place += 1;
            tally.in_place += 1;
        }
        Happens::Used { in_place: false, .. } => {
            past.uses += 1;
            tally.used += 1;
        }
        Happens::Arrived(cause) => {
            tally.to_device += 1;
            if matches!(cause, Cause::Prefetch | Cause::Along) {
                tally.prefetched += 1;
            }
            match past.left_by {
                Some(Left::Evicted { copied }) => {
                    tally.refetched += 1;
                    tally.written_back += u64::from(copied);
                }
                Some(Left::Fetched { copied }) => {
                    past.rounds += 1;
                    let again = past.rounds > 1;
                    tally.bounced += u64::from(again);
                    tally.bounced_home += u64::from(again && copied);
                }
                Some(Left::Otherwise) | None => {}
            }
            *past = Past { uses: 0, came_by: Some(cause), left_by: None, copied: false, ..*past };
        }
        Happens::Copied => {
            tally.to_host += 1;
            past.copied = true;
        }
        Happens::Left(cause) => {
            if past.uses == 0 && matches!(past.came_by, Some(Cause::Prefetch | Cause::Along)) {
                tally.unread += 1;
            }
            if past.uses == 1 && cause == Cause::Eviction {
                tally.used_once += 1;
            }
            past.left_by = Some(match cause {
                Cause::Eviction => Left::Evicted { copied: past.copied },
                Cause::Fault | Cause::FetchAhead => Left::Fetched { copied: past.copied },
                _ => Left::Otherwise,
            });
            (past.came_by, past.copied) = (None, false);
        }
        // What the CPU has had in its hands was not evicted in vain.
        Happens::Touched { .. } => {
            if let Some(Left::Evicted { copied }) = past.left_by {
                past.left_by = Some(Left::Fetched { copied });
            }
        }
        Happens::Freed => *past = Past { in_place: past.in_place, ..Past::default() },
    }
}

/// Bytes that went each way for each cause, from the moves alone.
pub(super) fn moved(recording: &Recording) -> impl Iterator<Item = (Direction, Cause, u64)> {
    Cause::ALL.into_iter().flat_map(move |cause| {
        [Direction::ToDevice, Direction::ToHost].into_iter().map(move |direction| {
            let of = recording.moves.iter().filter(|m| m.cause == cause && m.direction == direction);
            (direction, cause, of.map(|m| m.pages.len() as u64).sum())
        })
    })
}
