//! Owns the plan by which tests make calls fail: Vulkan's ([`crate::gpu::call`]) and the system's ([`crate::os::call`]).
//!
//! Asking it takes no lock and no memory, since some calls are made inside signal handlers: it is a table of fixed size.

use std::{
    marker::PhantomData,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI32, AtomicU64, Ordering},
    },
};

/// An enum of calls, counted from 0.
pub trait Named: Copy {
    /// How many there are.
    const COUNT: usize;
    /// This one's number.
    fn index(self) -> usize;
}

/// Failures that are planned at one time; tests plan a few.
const ENTRIES: usize = 64;

/// Which calls fail, and how often each was made or failed.
#[derive(Debug)]
pub struct Plan<C> {
    seen: Box<[AtomicU64]>,
    failed: AtomicU64,
    entries: [Entry; ENTRIES],
    /// Held by whoever changes the entries' order, never by whoever asks.
    planning: Mutex<()>,
    calls: PhantomData<fn(C)>,
}

/// One planned failure. Free while its `times` are 0.
#[derive(Debug, Default)]
struct Entry {
    /// [`Turns`], packed so that one exchange decides who gets a failure.
    turns: AtomicU64,
    result: AtomicI32,
}

/// 8 bits for the call, 28 each for the numbers, which stay where they are at their greatest: that is for ever.
#[derive(Clone, Copy)]
struct Turns {
    call: usize,
    skip: u64,
    times: u64,
}

const NUMBER: u32 = 28;
const MOST: u64 = (1 << NUMBER) - 1;

impl Turns {
    fn unpack(word: u64) -> Self {
        Turns { call: (word >> (2 * NUMBER)) as usize, skip: (word >> NUMBER) & MOST, times: word & MOST }
    }

    fn pack(self) -> u64 {
        ((self.call as u64) << (2 * NUMBER)) | (self.skip.min(MOST) << NUMBER) | self.times.min(MOST)
    }
}

impl<C: Named> Default for Plan<C> {
    fn default() -> Self {
        const { assert!(C::COUNT <= 256) };
        Plan {
            seen: (0..C::COUNT).map(|_| AtomicU64::new(0)).collect(),
            failed: AtomicU64::new(0),
            entries: std::array::from_fn(|_| Entry::default()),
            planning: Mutex::new(()),
            calls: PhantomData,
        }
    }
}

impl<C: Named> Plan<C> {
    /// After `skip` more calls of `call`, the next `times` give `result` without being made. Of several plans for one call
    /// the oldest is followed.
    ///
    /// # Panics
    ///
    /// If 64 failures are planned already.
    pub fn fail(&self, call: C, skip: u64, times: u64, result: i32) {
        let _planning = self.planning.lock().unwrap_or_else(PoisonError::into_inner);
        let free = |entry: &Entry| Turns::unpack(entry.turns.load(Ordering::Relaxed)).times == 0;
        let next = self.entries.iter().rposition(|entry| !free(entry)).map_or(0, |last| last + 1);
        assert!(next < ENTRIES, "a plan has room for {ENTRIES} failures");
        let entry = &self.entries[next];
        entry.result.store(result, Ordering::Relaxed);
        entry.turns.store(Turns { call: call.index(), skip, times }.pack(), Ordering::Release);
    }

    /// Forgets what is still planned.
    pub fn clear(&self) {
        let _planning = self.planning.lock().unwrap_or_else(PoisonError::into_inner);
        self.entries.iter().for_each(|entry| entry.turns.store(0, Ordering::Relaxed));
    }

    /// How often `call` was asked for, made or not.
    pub fn seen(&self, call: C) -> u64 {
        self.seen[call.index()].load(Ordering::Relaxed)
    }

    /// How many calls the plan made fail.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Counts a call and says what it gives instead of being made.
    pub(crate) fn pick(&self, call: C) -> Option<i32> {
        self.seen[call.index()].fetch_add(1, Ordering::Relaxed);
        for entry in &self.entries {
            let mut word = entry.turns.load(Ordering::Acquire);
            loop {
                let now = Turns::unpack(word);
                if now.times == 0 || now.call != call.index() {
                    break;
                }
                let result = entry.result.load(Ordering::Relaxed);
                let less = |number| if number == MOST { MOST } else { number - 1 };
                let next = if now.skip > 0 {
                    Turns { skip: less(now.skip), ..now }
                } else {
                    Turns { times: less(now.times), ..now }
                };
                match entry.turns.compare_exchange(word, next.pack(), Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) if now.skip > 0 => return None,
                    Ok(_) => {
                        self.failed.fetch_add(1, Ordering::Relaxed);
                        return Some(result);
                    }
                    Err(other) => word = other,
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[derive(Clone, Copy)]
    enum Letter {
        A,
        B,
    }

    impl Named for Letter {
        const COUNT: usize = 2;

        fn index(self) -> usize {
            self as usize
        }
    }

    #[test]
    fn the_planned_calls_fail_and_no_others() {
        let plan = Plan::default();
        plan.fail(Letter::A, 2, 3, -7);
        let got: Vec<_> = (0..7).map(|_| plan.pick(Letter::A)).collect();
        assert_eq!(got, [None, None, Some(-7), Some(-7), Some(-7), None, None]);
        assert_eq!(plan.pick(Letter::B), None);
        assert_eq!((plan.seen(Letter::A), plan.seen(Letter::B), plan.failed()), (7, 1, 3));
    }

    #[test]
    fn plans_for_one_call_are_followed_in_order_and_can_be_forgotten() {
        let plan = Plan::default();
        plan.fail(Letter::B, 0, 1, 1);
        plan.fail(Letter::A, 0, 1, 2);
        plan.fail(Letter::A, 1, u64::MAX, 3);
        assert_eq!(plan.pick(Letter::B), Some(1));
        plan.fail(Letter::A, 0, 1, 4);
        assert_eq!([(); 4].map(|()| plan.pick(Letter::A)), [Some(2), None, Some(3), Some(3)]);
        plan.clear();
        assert_eq!(plan.pick(Letter::A), None);
        for _ in 0..1000 {
            plan.fail(Letter::A, 0, 1, 5);
            assert_eq!(plan.pick(Letter::A), Some(5));
        }
    }

    #[test]
    fn threads_share_the_planned_failures() {
        let (plan, got) = (Plan::default(), AtomicUsize::new(0));
        plan.fail(Letter::A, 1000, 500, 1);
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    let mine = (0..1000).filter(|_| plan.pick(Letter::A).is_some()).count();
                    got.fetch_add(mine, Ordering::Relaxed);
                });
            }
        });
        assert_eq!((got.into_inner(), plan.failed(), plan.seen(Letter::A)), (500, 500, 4000));
    }
}
