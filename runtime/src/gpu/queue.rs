//! Launch order: points, barriers, grouping, failures. Rules 1 to 3 of ARCHITECTURE.md are kept here.
//!
//! Launches are numbered by *points* under one lock, in issue order, and submitted in that order. Where the queue is
//! idle a launch is submitted at once; else it joins the *pending* group, which goes out when it is full, when someone
//! waits, or when the queue runs dry (the [`super::reaper`] sees to that). Submissions end in the order they were made,
//! so one number, the timeline's counter, tells which points were reached.
//!
//! A launch that conflicts with an earlier one on lent memory is ordered after it by a barrier. A barrier orders all
//! that was recorded before it, so `ordered` (the last point that lies before a barrier) tells whether one is needed.
//! What the host has waited for counts as a conflict, too: a host wait does not make device writes visible to later
//! submissions by itself.
//!
//! A group that cannot be submitted never runs: its points count as reached, its scopes and handles learn why.

mod wait;

use super::plan::{Batch, Dispatch, QueueDevice, Step};
use crate::{
    error::{Error, Result},
    trace::{Entry, Trace},
};
use smallvec::SmallVec;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

/// How launches are grouped, waited for and watched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueOptions {
    /// Most launches in a group.
    pub group: usize,
    /// How long a wait polls before it blocks.
    pub spin: Duration,
    /// Launches that run longer are reported.
    pub launch_limit: Option<Duration>,
}

/// The launch queue of one `Svm`.
pub(crate) struct Queue {
    device: Arc<dyn QueueDevice>,
    options: QueueOptions,
    trace: Trace,
    state: Mutex<State>,
    /// Wakes the reaper: something is pending, wanted or to be watched.
    pub(super) work: Condvar,
    /// The last point handed out.
    issued: AtomicU64,
    /// The highest timeline value that was read.
    done: AtomicU64,
    /// The highest point that the program was told has ended: its memory may have been given back or used again.
    acknowledged: AtomicU64,
    any_failed: AtomicBool,
}

#[derive(Default)]
pub(super) struct State {
    pub pending: Vec<Step>,
    /// Submitted, not known to have ended; in order of points.
    flights: VecDeque<Step>,
    /// Signals of the submissions that these belong to, with what the watch needs.
    pub submissions: VecDeque<Submission>,
    /// The last point before a barrier.
    ordered: u64,
    /// Points that never ran, by runs, and why.
    failed: Vec<Failed>,
    /// The device's loss, and what had ended before it.
    lost: Option<(Error, u64)>,
    pub jobs: Vec<(u64, Job)>,
    /// For the log.
    pub report: Option<String>,
    pub reaper: ReaperState,
    pub launches: u64,
    pub slow_launches: u64,
    /// Most launches that there were at once without being known to have ended.
    deepest: usize,
}

/// What the queue counts.
pub(crate) struct Counts {
    /// Launches so far.
    pub launches: u64,
    /// Those reported as slow.
    pub slow: u64,
    /// Those not yet known to have ended.
    pub in_flight: usize,
    /// The most that these ever were.
    pub deepest: usize,
}

/// Runs once its point has been reached, without the queue's lock.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

pub(super) struct Submission {
    pub signal: u64,
    /// When it became the oldest one, the earliest that it can have begun to run.
    pub head_since: Instant,
    pub reported: bool,
}

struct Failed {
    first: u64,
    last: u64,
    error: Error,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ReaperState {
    /// Sleeps until it is woken.
    #[default]
    Parked,
    /// Sleeps for a while: activity was seen lately, so that launches need not wake it for the watch alone.
    Napping,
    Awake,
    Stopping,
}

impl Queue {
    pub fn new(device: Arc<dyn QueueDevice>, options: QueueOptions) -> Self {
        Queue {
            device,
            options,
            trace: Trace::default(),
            state: Mutex::default(),
            work: Condvar::new(),
            issued: AtomicU64::new(0),
            done: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            any_failed: AtomicBool::new(false),
        }
    }

    /// Has it log when launches ran.
    pub fn traced(self, trace: &Trace) -> Self {
        Queue { trace: trace.clone(), ..self }
    }

    /// The log.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock can only come from an allocation failure, which aborts.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn options(&self) -> QueueOptions {
        self.options
    }

    /// Issues a launch. `after` tells the last point that it conflicts with; `record` notes its own point; both run
    /// under the queue's lock, so that launches of several threads on the same memory are ordered as they are issued.
    pub fn launch(&self, dispatch: Dispatch, after: impl FnOnce() -> u64, record: impl FnOnce(u64)) -> Result<u64> {
        let mut s = self.lock();
        s.alive()?;
        // Reading the timeline costs microseconds where the driver emulates it. Once a group is pending nobody here needs
        // to know: the reaper sends it out when the queue runs dry.
        if s.pending.is_empty() && !s.submissions.is_empty() {
            self.progress(&mut s)?;
        }
        let before = self.issued.load(SeqCst);
        let point = before + 1;
        let barrier = after().max(self.acknowledged.load(SeqCst)) > s.ordered;
        if barrier {
            s.ordered = before;
        }
        self.issued.store(point, SeqCst);
        s.pending.push(Step { point, barrier, dispatch });
        s.deepest = s.deepest.max(s.pending.len() + s.flights.len());
        if s.submissions.is_empty() || s.pending.len() >= self.options.group {
            self.flush(&mut s, None, Some(point))?;
        }
        s.launches += 1;
        record(point);
        let wanted = match s.reaper {
            ReaperState::Parked => !s.pending.is_empty() || self.options.launch_limit.is_some(),
            ReaperState::Napping => !s.pending.is_empty(),
            ReaperState::Awake | ReaperState::Stopping => false,
        };
        if wanted {
            self.work.notify_one();
        }
        Ok(point)
    }

    /// Submits what is pending, in two batches where `split` lies inside: who waits for it need not wait for the rest.
    /// On failure everybody concerned is told, but for the launch `told`, whose caller gets the error itself.
    pub(super) fn flush(&self, s: &mut State, split: Option<u64>, told: Option<u64>) -> Result<()> {
        let Some(last) = s.pending.last().map(|step| step.point) else { return Ok(()) };
        let cut = split.map_or(s.pending.len(), |point| s.pending.partition_point(|step| step.point <= point));
        let mut signals: SmallVec<[u64; 2]> = SmallVec::new();
        let result = {
            let (head, tail) = s.pending.split_at(if cut == 0 { s.pending.len() } else { cut });
            let mut batches: SmallVec<[Batch<'_>; 2]> = SmallVec::new();
            for steps in [head, tail] {
                let Some(end) = steps.last() else { continue };
                signals.push(end.point);
                batches.push(Batch { steps, signal: end.point });
            }
            // After a loss jobs may have given their memory back already: what was pending must not start any more.
            s.alive().and_then(|()| self.device.submit(&batches, self.done.load(SeqCst)))
        };
        match result {
            Ok(()) => {
                let now = Instant::now();
                let new = signals.into_iter().map(|signal| Submission { signal, head_since: now, reported: false });
                s.submissions.extend(new);
                let State { pending, flights, .. } = s;
                flights.extend(pending.drain(..));
                Ok(())
            }
            Err(error) => {
                let first = s.pending[0].point;
                // The barriers among them are gone, too: the next conflict needs one of its own.
                s.ordered = 0;
                for step in s.pending.drain(..).filter(|step| told != Some(step.point)) {
                    step.dispatch.owners.iter().for_each(|owner| owner.fail(&error));
                }
                match s.failed.last_mut() {
                    Some(f) if f.last + 1 == first && f.error == error => f.last = last,
                    _ => s.failed.push(Failed { first, last, error: error.clone() }),
                }
                self.any_failed.store(true, SeqCst);
                self.note_loss(s, &error);
                Err(error)
            }
        }
    }

    /// Reads the timeline and lets go of what has ended.
    pub(super) fn progress(&self, s: &mut State) -> Result<()> {
        let reached = self.device.counter().inspect_err(|error| self.note_loss(s, error))?;
        self.reached(s, reached);
        Ok(())
    }

    fn reached(&self, s: &mut State, reached: u64) {
        self.done.fetch_max(reached, SeqCst);
        while let Some(step) = s.flights.pop_front_if(|step| step.point <= reached) {
            self.tell_time(&step);
        }
        let before = s.submissions.len();
        while s.submissions.front().is_some_and(|submission| submission.signal <= reached) {
            s.submissions.pop_front();
        }
        if s.submissions.len() != before
            && let Some(head) = s.submissions.front_mut()
        {
            head.head_since = Instant::now();
        }
    }

    /// Logs when a launch ran that has ended. Where the device does not tell, as when it is lost, the log lacks it.
    fn tell_time(&self, step: &Step) {
        if self.trace.is_on()
            && let Some(timer) = &step.dispatch.timer
            && let Ok(ticks) = timer.stamps()
        {
            self.trace.note(|| Entry::Ran { point: step.point, ticks });
        }
    }

    fn note_loss(&self, s: &mut State, error: &Error) {
        if matches!(error, Error::DeviceLost { .. }) && s.lost.is_none() {
            s.lost = Some((error.clone(), self.done.load(SeqCst)));
            // The reaper logs it, without the lock: a subscriber is user code and may ask this library.
            s.report = Some(error.to_string());
            self.work.notify_one();
            self.any_failed.store(true, SeqCst);
        }
    }

    /// Runs `job` once `point` has been reached, on the reaper's thread.
    pub fn when_done(&self, point: u64, job: Job) {
        let mut s = self.lock();
        s.jobs.push((point, job));
        self.work.notify_one();
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        let mut s = self.lock();
        if !s.submissions.is_empty() && s.lost.is_none() {
            let _ = self.progress(&mut s);
        }
        let in_flight = s.pending.len() + s.flights.len();
        Counts { launches: s.launches, slow: s.slow_launches, in_flight, deepest: s.deepest }
    }

    pub(super) fn device(&self) -> &dyn QueueDevice {
        &*self.device
    }

    /// Jobs whose point was reached, all of them on a lost device, taken out.
    pub(super) fn ready(&self, s: &mut State) -> Vec<Job> {
        let done = self.done.load(SeqCst);
        let all = s.lost.is_some();
        let points: Vec<bool> = s.jobs.iter().map(|(point, _)| all || s.runs_until(*point) <= done).collect();
        let mut at = points.iter();
        let ready = s.jobs.extract_if(.., |_| at.next().copied().unwrap_or(false));
        ready.inspect(|(point, _)| _ = self.acknowledged.fetch_max(*point, SeqCst)).map(|(_, job)| job).collect()
    }

    /// The report of the oldest submission, once, where it has run for longer than the limit.
    pub(super) fn watch(&self, s: &mut State) -> Option<String> {
        let limit = self.options.launch_limit?;
        let head = s.submissions.front_mut()?;
        let running = head.head_since.elapsed();
        if head.reported || running < limit {
            return None;
        }
        head.reported = true;
        let signal = head.signal;
        s.slow_launches += 1;
        let mut names: Vec<_> =
            s.flights.iter().take_while(|step| step.point <= signal).map(|step| step.dispatch.name()).collect();
        names.dedup();
        Some(format!(
            "kernel {} has been running for {running:.1?}, longer than the limit of {limit:?}",
            names.join(", ")
        ))
    }
}

impl State {
    /// The point to wait for so that `point` and all before it have ended: the last one up to it that was not failed.
    fn runs_until(&self, mut point: u64) -> u64 {
        for failed in self.failed.iter().rev() {
            if (failed.first..=failed.last).contains(&point) {
                point = failed.first - 1;
            }
        }
        point
    }

    /// The loss of the device, if it is lost.
    fn alive(&self) -> Result<()> {
        self.lost.as_ref().map_or(Ok(()), |(lost, _)| Err(lost.clone()))
    }

    pub fn is_lost(&self) -> bool {
        self.lost.is_some()
    }
}
