//! Prefetches: asked for by any thread, carried out by one of the heap's, in their order.

use crate::error::Result;
use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};
use vksvm_pages::{Moved, Side};

/// What is to be moved.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub pages: Range<usize>,
    pub to: Side,
    /// Launches that were made ready when it was asked for: later ones have the last word.
    pub launches: u64,
}

/// A prefetch that was asked for.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    outcome: Mutex<Option<Result<Moved>>>,
    over: Condvar,
}

impl Asked {
    /// Waits for its end.
    ///
    /// # Errors
    /// As the system's and Vulkan's.
    pub fn wait(&self) -> Result<Moved> {
        let mut outcome = lock(&self.outcome);
        loop {
            match &*outcome {
                Some(done) => return done.clone(),
                None => outcome = self.over.wait(outcome).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Whether it has ended.
    pub fn is_done(&self) -> bool {
        lock(&self.outcome).is_some()
    }

    fn end(&self, done: Result<Moved>) {
        *lock(&self.outcome) = Some(done);
        self.over.notify_all();
    }
}

/// Those that wait for their turn.
#[derive(Default)]
pub(super) struct Prefetches {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<(Job, Arc<Asked>)>,
    stop: bool,
}

impl Prefetches {
    /// Enters one.
    pub fn ask(&self, job: Job) -> Arc<Asked> {
        let asked = Arc::new(Asked::default());
        lock(&self.state).jobs.push_back((job, asked.clone()));
        self.changed.notify_one();
        asked
    }

    /// The thread: carries them out until it is stopped. Those that are left then have moved nothing.
    pub fn run(&self, carry_out: impl Fn(Job) -> Result<Moved>) {
        loop {
            let mut state = lock(&self.state);
            while state.jobs.is_empty() && !state.stop {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.stop {
                state.jobs.drain(..).for_each(|(_, asked)| asked.end(Ok(Moved::default())));
                return;
            }
            let Some((job, asked)) = state.jobs.pop_front() else { continue };
            drop(state);
            asked.end(carry_out(job));
        }
    }

    pub fn stop(&self) {
        lock(&self.state).stop = true;
        self.changed.notify_one();
    }
}

/// No panic happens under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_order_and_none_is_forgotten() {
        let prefetches = Arc::new(Prefetches::default());
        let job = |first| Job { pages: first..first + 1, to: Side::Host, launches: 0 };
        let asked: Vec<_> = (0..4).map(|first| prefetches.ask(job(first))).collect();
        assert!(asked.iter().all(|asked| !asked.is_done()));
        let seen = Mutex::new(vec![]);
        std::thread::scope(|s| {
            s.spawn(|| {
                prefetches.run(|job| {
                    lock(&seen).push(job.pages.start);
                    if job.pages.start == 2 {
                        // What is left is not carried out any more.
                        prefetches.stop();
                    }
                    Ok(Moved { moved: job.pages.start, there: 0 })
                })
            });
            let moved: Vec<_> = asked.iter().map(|asked| asked.wait().unwrap().moved).collect();
            assert_eq!(moved, [0, 1, 2, 0]);
        });
        assert_eq!(*lock(&seen), [0, 1, 2]);
    }
}
