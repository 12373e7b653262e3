//! The service thread of a queue: submits the pending group when the queue runs dry, runs what waits for a point
//! (wakers, buffers of dropped launches), reports launches that run too long.
//!
//! It sleeps while there is nothing of the kind. Launches wake it only to hand it a pending group, or once after it
//! has found the queue unused for a whole nap; a program that launches and waits in a loop never does.

use super::queue::{Job, Queue, ReaperState, State};
use crate::{
    error::{Error, Result},
    os::{exit::before_exit, threads},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

/// The thread's handle; stops and joins it when dropped.
pub(crate) struct Reaper {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

/// The longest wait on the device before the world is looked at again: bounds how late a stop is noticed.
const TICK: Duration = Duration::from_millis(100);

impl Reaper {
    pub fn start(queue: &Arc<Queue>) -> Result<Self> {
        let service = queue.clone();
        let thread = threads::start("vksvm-reaper", move || {
            run(&service);
            // Where this thread has dropped the last handle, the device goes with the queue.
            before_exit(|| drop(service));
        })?;
        Ok(Reaper { queue: queue.clone(), thread: Some(thread) })
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        self.queue.lock().reaper = ReaperState::Stopping;
        self.queue.work.notify_one();
        let Some(thread) = self.thread.take() else { return };
        // The last handle of an Svm may go with a dropped launch's buffers, on the reaper's own thread.
        if thread.thread().id() != std::thread::current().id() {
            let _ = thread.join();
        }
    }
}

fn run(queue: &Queue) {
    let mut s = queue.lock();
    // Points issued when the last nap began.
    let mut seen = 0;
    loop {
        if let Err(error) = queue.progress(&mut s)
            && !matches!(error, Error::DeviceLost { .. })
        {
            s.report = Some(format!("reading the timeline: {error}"));
        }
        let reports = [queue.watch(&mut s), s.report.take()];
        if reports.iter().any(Option::is_some) {
            // A subscriber is user code and may ask this library: not under the lock.
            drop(s);
            reports.iter().flatten().for_each(|text| tracing::warn!("{text}"));
            s = queue.lock();
        }
        if (s.submissions.is_empty() || s.is_lost()) && !s.pending.is_empty() {
            // A failure is kept for those who wait for these launches.
            let _ = queue.flush(&mut s, None, None);
        }
        if s.is_lost() && !s.jobs.is_empty() {
            // Jobs give memory back.
            queue.device().quiesce();
        }
        let ready = queue.ready(&mut s);
        if !ready.is_empty() {
            drop(s);
            ready.into_iter().for_each(run_job);
            s = queue.lock();
            continue;
        }
        let stopping = s.reaper == ReaperState::Stopping;
        let waiting = !s.pending.is_empty() || !s.jobs.is_empty();
        match s.submissions.front().map(|submission| submission.signal) {
            Some(signal) if waiting && !s.is_lost() => {
                if !stopping {
                    s.reaper = ReaperState::Awake;
                }
                drop(s);
                if queue.device().wait(signal, TICK).is_err() {
                    // Out of memory or lost: the next reading of the timeline tells; do not spin on it.
                    std::thread::yield_now();
                }
                s = queue.lock();
            }
            _ if stopping => return,
            _ => s = sleep(queue, s, &mut seen),
        }
    }
}

/// Naps while the queue is in use and watched, parks otherwise.
fn sleep<'q>(queue: &'q Queue, mut s: MutexGuard<'q, State>, seen: &mut u64) -> MutexGuard<'q, State> {
    let active = *seen != s.launches || !s.submissions.is_empty();
    *seen = s.launches;
    match queue.options().launch_limit.filter(|_| active && !s.is_lost()) {
        Some(limit) => {
            s.reaper = ReaperState::Napping;
            s = queue.work.wait_timeout(s, limit / 4).unwrap_or_else(PoisonError::into_inner).0;
        }
        None => {
            s.reaper = ReaperState::Parked;
            s = queue.work.wait(s).unwrap_or_else(PoisonError::into_inner);
        }
    }
    if s.reaper != ReaperState::Stopping {
        s.reaper = ReaperState::Awake;
    }
    s
}

/// A job drops what users handed in, whose `Drop` may panic; that must not end the thread that others wait for.
fn run_job(job: Job) {
    if catch_unwind(AssertUnwindSafe(job)).is_err() {
        tracing::error!("a value owned by a launch panicked while it was dropped");
    }
}
