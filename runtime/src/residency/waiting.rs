//! Faults that cannot be served at once: threads that wait for launches in signal handlers, and faults that are parked.
//!
//! A signal handler must not call Vulkan, and the service thread must not wait. Both hand what they wait for over, to memory that
//! exists already, and threads of ours do the rest: one waits for launches ([`Points`]), one serves what was parked ([`Lot`]),
//! and one fetches what a scan will touch next ([`Bell`]).

use std::sync::{
    Condvar, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

/// Points that somebody in service waits for.
#[derive(Default)]
pub(super) struct Points {
    state: Mutex<Wanted>,
    /// For the thread that waits for launches.
    work: Condvar,
    /// For those who wait for it.
    ended: Condvar,
}

#[derive(Default)]
struct Wanted {
    /// The largest.
    point: u64,
    /// Somebody has asked since the thread looked.
    asked: bool,
    stop: bool,
}

impl Points {
    /// Waits, in service, until `reached` gives `point` or more.
    pub fn wait(&self, point: u64, reached: impl Fn() -> u64) {
        let mut wanted = self.raise(point);
        while reached() < point {
            wanted = self.ended.wait(wanted).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Has the thread wait for a point. In service.
    pub fn want(&self, point: u64) {
        drop(self.raise(point));
    }

    fn raise(&self, point: u64) -> MutexGuard<'_, Wanted> {
        let mut wanted = lock(&self.state);
        wanted.point = wanted.point.max(point);
        wanted.asked = true;
        self.work.notify_one();
        wanted
    }

    /// The thread: as long as a point is wanted that is not reached it takes a `step` towards it, after each of which whoever
    /// waits looks again. Steps wait for one submission at a time, so that who waits for less does not wait for more. There is
    /// one step for each time that somebody asks, since the point may have been reached just before.
    pub fn run(&self, reached: impl Fn() -> u64, step: impl Fn(u64)) {
        loop {
            let mut wanted = lock(&self.state);
            while !wanted.stop && !wanted.asked && wanted.point <= reached() {
                // Somebody else may have seen the point reached since the last step: whoever waits for it must look.
                self.ended.notify_all();
                wanted = self.work.wait(wanted).unwrap_or_else(PoisonError::into_inner);
            }
            if wanted.stop {
                return;
            }
            wanted.asked = false;
            let point = wanted.point;
            drop(wanted);
            step(point);
            // Whoever has looked already waits by now, or holds the lock until it does.
            drop(lock(&self.state));
            self.ended.notify_all();
        }
    }

    pub fn stop(&self) {
        lock(&self.state).stop = true;
        self.work.notify_one();
    }
}

/// Wakes a thread that does something when there is something to do.
#[derive(Default)]
pub(super) struct Bell {
    state: Mutex<Rung>,
    work: Condvar,
}

#[derive(Default)]
struct Rung {
    rung: bool,
    stop: bool,
}

impl Bell {
    /// In service.
    pub fn ring(&self) {
        lock(&self.state).rung = true;
        self.work.notify_one();
    }

    /// The thread: does it once after each time that somebody rang, or after several.
    pub fn run(&self, work: impl Fn()) {
        loop {
            let mut state = lock(&self.state);
            while !state.stop && !state.rung {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.stop {
                return;
            }
            state.rung = false;
            drop(state);
            work();
        }
    }

    pub fn stop(&self) {
        lock(&self.state).stop = true;
        self.work.notify_one();
    }
}

/// Most faults that are parked at once. A thread has one fault at a time.
const ROOM: usize = 4096;

/// A CPU touch that waits to be served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parked {
    /// Counted from the heap's start.
    pub page: usize,
    pub write: bool,
}

/// Faults that are parked until something changes.
pub(super) struct Lot {
    state: Mutex<Places>,
    work: Condvar,
    /// A fault was served.
    left: Condvar,
    /// How many there are, to be read without the lock.
    count: AtomicUsize,
}

struct Places {
    parked: Box<[Place; ROOM]>,
    len: usize,
    /// Something has changed since the thread looked.
    changed: bool,
    stop: bool,
}

#[derive(Clone, Copy, Default)]
struct Place {
    fault: Parked,
    /// It was parked once more since the thread began to serve it: the page may have been taken away again.
    again: bool,
}

impl Default for Lot {
    fn default() -> Self {
        let parked = Box::new([Place::default(); ROOM]);
        let places = Places { parked, len: 0, changed: false, stop: false };
        Lot { state: Mutex::new(places), work: Condvar::new(), left: Condvar::new(), count: AtomicUsize::new(0) }
    }
}

impl Lot {
    /// Parks a fault, in service: it will be served. False where there is no room.
    pub fn park(&self, fault: Parked) -> bool {
        self.enter(fault).is_some()
    }

    /// Parks a fault, in service, and returns when it was served. False where there is no room.
    pub fn park_and_wait(&self, fault: Parked) -> bool {
        let Some(mut places) = self.enter(fault) else { return false };
        while places.find(fault).is_some() {
            places = self.left.wait(places).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    fn enter(&self, fault: Parked) -> Option<MutexGuard<'_, Places>> {
        let mut places = lock(&self.state);
        match places.find(fault) {
            Some(at) => places.parked[at].again = true,
            None => {
                let at = places.len;
                *places.parked.get_mut(at)? = Place { fault, again: false };
                places.len += 1;
                self.count.store(places.len, SeqCst);
            }
        }
        places.changed = true;
        self.work.notify_one();
        Some(places)
    }

    /// Something has changed that parked faults may have waited for. In service. Costs next to nothing where there are none.
    pub fn kick(&self) {
        if self.count.load(SeqCst) > 0 {
            lock(&self.state).changed = true;
            self.work.notify_one();
        }
    }

    /// The thread: tries to `serve` each parked fault whenever something has changed; those that it cannot stay.
    pub fn run(&self, serve: impl Fn(Parked) -> bool) {
        loop {
            let mut places = lock(&self.state);
            while !places.stop && !places.changed {
                places = self.work.wait(places).unwrap_or_else(PoisonError::into_inner);
            }
            if places.stop {
                return;
            }
            places.changed = false;
            let mut at = 0;
            while at < places.len {
                places.parked[at].again = false;
                let fault = places.parked[at].fault;
                drop(places);
                let served = serve(fault);
                places = lock(&self.state);
                if served && !places.parked[at].again {
                    // Only this thread takes any out, so it is where it was.
                    places.len -= 1;
                    let last = places.len;
                    places.parked.swap(at, last);
                    self.count.store(last, SeqCst);
                    self.left.notify_all();
                } else if !served {
                    at += 1;
                }
            }
        }
    }

    pub fn stop(&self) {
        lock(&self.state).stop = true;
        self.work.notify_one();
    }
}

impl Places {
    fn find(&self, fault: Parked) -> Option<usize> {
        self.parked[..self.len].iter().position(|place| place.fault == fault)
    }
}

/// No panic happens under these locks; where one did, who serves faults aborts.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
