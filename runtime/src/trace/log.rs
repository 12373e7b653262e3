//! The log that all threads write, in signal handlers, too: a slot is taken with one addition, filled, and published.
//!
//! Nothing is ever taken out or written over, so what was published stays as it is, and who reads meets no lock either. What does not
//! fit is counted. Memory is used as far as it was written: the system gives out zeroed pages on first touch.
//!
//! # Safety
//! Zero bytes are valid atomics: that is all that the one `unsafe` here rests on.
#![allow(unsafe_code)]

use super::entry::{Entry, WORDS};
use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

/// An entry's words.
type Slot = [AtomicU64; WORDS];

/// The most entries that a log may have: 768 MiB of them.
pub(crate) const MOST: usize = 16 << 20;

pub(super) struct Log {
    slots: Box<[Slot]>,
    /// Slots that were asked for; beyond the last one nothing is written.
    next: AtomicUsize,
}

/// What a log holds.
pub(super) struct Contents {
    /// In the order in which their slots were taken.
    pub entries: Vec<Entry>,
    /// How many more there would be had there been room.
    pub lost: u64,
}

impl Log {
    /// A log with room for so many entries.
    pub fn new(entries: usize) -> Self {
        let slots = Box::new_zeroed_slice(entries.min(MOST));
        // SAFETY: zero is a value of every atomic in the slots.
        let slots = unsafe { slots.assume_init() };
        Log { slots, next: AtomicUsize::new(0) }
    }

    /// Writes an entry, in service, too: neither allocates nor waits.
    pub fn push(&self, entry: Entry) {
        let at = self.next.fetch_add(1, Relaxed);
        let Some([head, rest @ ..]) = self.slots.get(at) else { return };
        let [first, words @ ..] = entry.pack();
        for (slot, word) in rest.iter().zip(words) {
            slot.store(word, Relaxed);
        }
        head.store(first, Release);
    }

    /// What was written so far. An entry that is just being written is left out.
    pub fn contents(&self) -> Contents {
        let asked = self.next.load(Acquire);
        let entries = self.slots.iter().take(asked).filter_map(|slot| {
            // Once the first word is there the others are.
            let head = slot[0].load(Acquire);
            let mut words = [0; WORDS];
            words.iter_mut().zip(slot).for_each(|(word, from)| *word = from.load(Relaxed));
            words[0] = head;
            (head != 0).then(|| Entry::unpack(words)).flatten()
        });
        Contents { entries: entries.collect(), lost: asked.saturating_sub(self.slots.len()) as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn numbered(writer: u64, number: u64) -> Entry {
        Entry::Ran { point: writer, ticks: [number, number ^ writer] }
    }

    #[test]
    fn threads_write_and_nothing_is_lost_or_torn_while_others_read() {
        const EACH: u64 = 2000;
        let log = Log::new(4 * EACH as usize);
        let check = |entries: &[Entry]| {
            let mut last = [None; 4];
            for entry in entries {
                let Entry::Ran { point, ticks: [number, check] } = *entry else { panic!("{entry:?}") };
                assert_eq!(check, number ^ point, "torn");
                let last = &mut last[point as usize];
                assert!(*last < Some(number), "a writer's entries are in its order");
                *last = Some(number);
            }
        };
        thread::scope(|s| {
            for writer in 0..4 {
                let log = &log;
                s.spawn(move || (0..EACH).for_each(|number| log.push(numbered(writer, number))));
            }
            for _ in 0..20 {
                check(&log.contents().entries);
            }
        });
        let Contents { entries, lost } = log.contents();
        check(&entries);
        assert_eq!((entries.len() as u64, lost), (4 * EACH, 0));
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let log = Log::new(3);
        (0..3).for_each(|number| log.push(numbered(0, number)));
        assert_eq!(log.contents().lost, 0);
        (3..10).for_each(|number| log.push(numbered(0, number)));
        let Contents { entries, lost } = log.contents();
        assert_eq!(entries, [0, 1, 2].map(|number| numbered(0, number)));
        assert_eq!(lost, 7);
    }
}
