//! What a policy has noted of a block. Half a kilobyte for 2 MiB, and only of blocks that launches reach or hints name.

use super::{advice::Advice, guard::Guard, heat::Heat, history::Turn, uses::Uses};
use crate::mask::{Mask, PAGES};

/// Launches for which a CPU write of a page is remembered. While it is, a CPU read takes the page away from the device, too: the
/// CPU will most likely write it next, and would fault again. Each time that it is forgotten costs such a fault if it is still
/// true, and while it is not true any more, each read costs a copy of the page.
const WRITES_REMEMBERED: u8 = 8;

/// Uses since the page left the device after which it is forgotten how long it stayed there. A page that is used in place is
/// touched by the CPU without anybody's notice, so nothing else would ever tell that the CPU has lost interest; trying costs
/// about as much as ten uses in place behind PCI Express 4.
const TRIED_AGAIN: u8 = 200;

/// A fraction of a use, in which [`Notes::stays`] counts.
const PARTS: u8 = 16;

/// What is known of a block, other than where its pages are.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// What the program says.
    pub advice: Advice,
    /// Pages that launches have used since they were freed last.
    pub(super) seen: Mask,
    pub(super) uses: Uses,
    pub(super) guard: Guard,
    heat: Heat,
    /// Launches that have used each page since it came to the device last, or left it.
    stay: [u8; PAGES],
    /// How many launches used a page while it was with the device, where a CPU touch ended that: the mean over the last times, in
    /// [`PARTS`]; 0 where it never was.
    stays: [u8; PAGES],
    /// Pages that were prefetched and no launch has used since.
    prefetched: Mask,
    /// The launch after which the last of them came.
    pub(super) prefetched_at: u64,
    /// Launches for which the CPU's last write of a page is still remembered.
    written: [u8; PAGES],
    /// A CPU touch brings pages home, which are to be told by [`Notes::left`].
    homing: bool,
}

impl Notes {
    /// Pages are freed: what is known of them is void, and what the program said as well.
    pub fn freed(&mut self, pages: Mask) {
        self.advice.clear(pages);
        self.seen -= pages;
        self.prefetched -= pages;
        self.heat.clear(pages);
        self.guard.clear(pages);
        for page in pages.iter() {
            (self.stay[page], self.stays[page], self.written[page]) = (0, 0, 0);
        }
        if self.seen.is_empty() {
            self.uses.clear();
            (self.advice.reads, self.advice.writes) = (0, 0);
        }
    }

    /// How hot a page is, from 0 (launches do not use it) to 1 (all do), when launch `number` comes ([`Turn::number`]).
    pub fn heat(&self, page: usize, number: u64) -> f32 {
        self.heat.of(page, number, self.advice.hot, self.advice.cold)
    }

    /// Pages that stay with the host because they bounce, at the time `now` in nanoseconds.
    pub fn bouncing(&self, now: u64) -> Mask {
        self.guard.staying(now)
    }

    /// Pages that launches have used since they were freed last.
    pub fn seen(&self) -> Mask {
        self.seen
    }

    /// A launch uses pages.
    pub(super) fn used(&mut self, turn: &Turn, all: Mask) {
        self.seen |= all;
        self.prefetched -= all;
        self.uses.push(turn.number);
        self.heat.warm(all, turn.number);
        for page in all.iter() {
            self.stay[page] = self.stay[page].saturating_add(1);
            if self.stay[page] > TRIED_AGAIN {
                self.stays[page] = 0;
            }
            self.written[page] = self.written[page].saturating_sub(1);
        }
    }

    /// Pages came to the device.
    pub(super) fn arrived(&mut self, pages: Mask, prefetched: bool, now: u64) {
        self.guard.arrived(pages, now);
        // The launch that has them come has used them already.
        pages.iter().for_each(|page| self.stay[page] = u8::from(!prefetched));
        if prefetched {
            self.prefetched |= pages;
        }
    }

    /// Pages left the device. Returns how many were prefetched in vain.
    pub(super) fn left(&mut self, pages: Mask) -> u32 {
        if std::mem::take(&mut self.homing) {
            for page in (pages - self.prefetched).iter() {
                let stay = self.stay[page].min(u8::MAX / PARTS) * PARTS;
                let known = self.stays[page];
                // Half of it is the last one. Never 0, which says that nothing is known.
                self.stays[page] = if known == 0 { stay } else { known.midpoint(stay) }.max(1);
            }
        }
        pages.iter().for_each(|page| self.stay[page] = 0);
        let wasted = self.prefetched & pages;
        self.prefetched -= pages;
        wasted.count() as u32
    }

    /// The CPU touches a page that the device has.
    pub(super) fn touched(&mut self, page: usize, write: bool, home: bool) {
        self.homing = home;
        if home {
            self.heat.touched(page);
        }
        if write && let Some(written) = self.written.get_mut(page) {
            *written = WRITES_REMEMBERED;
        }
    }

    /// Pages that the CPU has not written lately, as far as is known: it may have while they were with the host.
    pub(super) fn read_only(&self) -> Mask {
        Mask::ALL.filter(|page| self.written[page] == 0)
    }

    /// Pages that came to the device before a launch asked for them, and that none has used since.
    pub fn unused(&self) -> Mask {
        self.prefetched
    }

    /// How many launches use a page, once it is with the device, until the CPU takes it back. `None` where it never did.
    pub(super) fn stays(&self, page: usize) -> Option<f32> {
        (self.stays[page] > 0).then(|| f32::from(self.stays[page]) / f32::from(PARTS))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn stays_are_learned_where_the_cpu_ends_them() {
        let mut notes = Notes::default();
        let page = Mask::page(4);
        let mut number = 0;
        let mut stay = |notes: &mut Notes, uses: usize, by_cpu: bool| {
            for first in (0..uses).map(|i| i == 0) {
                number += 1;
                notes.used(&Turn::plain(number, 0), page);
                if first {
                    notes.arrived(page, false, 0);
                }
            }
            if by_cpu {
                notes.touched(4, false, true);
            }
            notes.left(page);
        };
        stay(&mut notes, 3, false);
        assert_eq!(notes.stays(4), None, "eviction says nothing of the program");
        stay(&mut notes, 2, true);
        assert_eq!(notes.stays(4), Some(2.0));
        stay(&mut notes, 4, true);
        assert_eq!(notes.stays(4), Some(3.0));
        (0..9).for_each(|_| stay(&mut notes, 1, true));
        assert!(notes.stays(4).is_some_and(|stays| stays < 1.1));
        stay(&mut notes, 100, true);
        assert!(notes.stays(4).is_some_and(|stays| (7.0..9.0).contains(&stays)), "it is bounded: {notes:?}");
        // In place from now on.
        (200..400).for_each(|number| notes.used(&Turn::plain(number, 0), page));
        assert!(notes.stays(4).is_some());
        notes.used(&Turn::plain(400, 0), page);
        assert_eq!(notes.stays(4), None, "it is time for another try");
    }

    #[test]
    fn prefetches_are_used_or_wasted() {
        let mut notes = Notes::default();
        notes.arrived(Mask::range(0..8), true, 0);
        notes.used(&Turn::plain(1, 0), Mask::range(0..3));
        assert_eq!(notes.left(Mask::range(2..5)), 2);
        assert_eq!(notes.left(Mask::range(2..5)), 0, "each is counted once");
        notes.freed(Mask::ALL);
        assert_eq!(notes.left(Mask::ALL), 0);
    }

    #[test]
    fn a_write_is_remembered_for_some_launches() {
        let mut notes = Notes::default();
        notes.touched(9, true, true);
        assert_eq!(notes.read_only(), !Mask::page(9));
        (1..=u64::from(WRITES_REMEMBERED)).for_each(|number| notes.used(&Turn::plain(number, 0), Mask::ALL));
        assert_eq!(notes.read_only(), Mask::ALL);
        notes.touched(PAGES, true, false);
    }

    #[test]
    fn nothing_is_known_of_what_was_freed() {
        let mut notes = Notes::default();
        notes.used(&Turn::plain(1, 0), Mask::range(0..2));
        notes.advice.hot = Mask::ALL;
        notes.freed(Mask::page(0));
        assert_eq!((notes.seen(), notes.uses.count(), notes.advice.hot), (Mask::page(1), 1, !Mask::page(0)));
        assert!(notes.heat(1, 1) > 0.0);
        notes.freed(Mask::page(1));
        assert_eq!((notes.seen(), notes.uses.count(), notes.heat(1, 1)), (Mask::NONE, 0, 0.0));
    }
}
