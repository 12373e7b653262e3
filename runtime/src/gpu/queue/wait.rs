//! Waiting: for a point, for what uses some memory, for everything.

use super::Queue;
use crate::{
    addr::Span,
    error::{Error, Result},
};
use std::{
    sync::atomic::Ordering::SeqCst,
    time::{Duration, Instant},
};

/// The longest that a step of waiting takes: bounds how late a stop of the waiting thread is noticed.
const TICK: Duration = Duration::from_millis(100);

impl Queue {
    /// `is_done` without errors: a lost device has ended every launch, any other error passes.
    pub fn has_ended(&self, point: u64) -> bool {
        self.is_done(point).unwrap_or_else(|error| matches!(error, Error::DeviceLost { .. }))
    }

    /// Whether the launch has ended, or never started.
    pub fn is_done(&self, point: u64) -> Result<bool> {
        if self.done.load(SeqCst) < point {
            let mut s = self.lock();
            s.alive()?;
            self.progress(&mut s)?;
            if self.done.load(SeqCst) < s.runs_until(point) {
                return Ok(false);
            }
        }
        self.acknowledged.fetch_max(point, SeqCst);
        Ok(true)
    }

    /// Waits for a point; what is pending goes out first.
    ///
    /// # Errors
    /// `Timeout` after `limit`; `NotStarted` where the launch could not be submitted; as Vulkan's.
    pub fn wait(&self, point: u64, limit: Option<Duration>) -> Result<()> {
        let mut target = point;
        if self.done.load(SeqCst) < point {
            let mut s = self.lock();
            s.alive()?;
            if s.pending.first().is_some_and(|step| step.point <= point) {
                // Where this fails the points have failed, which is reported below.
                let _ = self.flush(&mut s, Some(point), None);
            }
            target = s.runs_until(point);
            drop(s);
            self.block(target, limit).inspect_err(|error| self.note_loss(&mut self.lock(), error))?;
            self.done.fetch_max(target, SeqCst);
        }
        self.acknowledged.fetch_max(target, SeqCst);
        self.outcome(point)
    }

    /// Polls for a while, then blocks.
    fn block(&self, target: u64, limit: Option<Duration>) -> Result<()> {
        let start = Instant::now();
        loop {
            if self.done.load(SeqCst) >= target || self.device.counter()? >= target {
                return Ok(());
            }
            if start.elapsed() >= limit.map_or(self.options.spin, |limit| limit.min(self.options.spin)) {
                break;
            }
            // A device that computes on the CPU may need this very processor to finish: not giving way costs the whole
            // spin and a wake-up (87 µs for 30 on lavapipe). Where nobody waits for it, this returns at once.
            std::thread::yield_now();
        }
        loop {
            let left = limit.map_or(Duration::MAX, |limit| limit.saturating_sub(start.elapsed()));
            if self.device.wait(target, left)? {
                return Ok(());
            }
            if limit.is_some_and(|limit| start.elapsed() >= limit) {
                return Err(Error::Timeout { waited: start.elapsed() });
            }
        }
    }

    fn outcome(&self, point: u64) -> Result<()> {
        if !self.any_failed.load(SeqCst) {
            return Ok(());
        }
        let s = self.lock();
        match (s.failed.iter().find(|f| (f.first..=f.last).contains(&point)), &s.lost) {
            (Some(failed), _) => Err(Error::NotStarted { cause: Box::new(failed.error.clone()) }),
            (None, Some((lost, ended))) if point > *ended => Err(lost.clone()),
            _ => Ok(()),
        }
    }

    /// `wait` for those who give memory back: when it returns, the launch does not run, whatever the result.
    pub fn settle(&self, point: u64) -> Result<()> {
        let result = self.wait(point, None);
        if !matches!(result, Ok(()) | Err(Error::NotStarted { .. })) {
            let mut s = self.lock();
            // What is pending up to the point must not start later.
            let _ = self.flush(&mut s, None, None);
            self.device.quiesce();
            let all = s.submissions.back().map_or(0, |submission| submission.signal);
            self.reached(&mut s, all);
            self.acknowledged.fetch_max(all, SeqCst);
        }
        result
    }

    /// Waits for the launches that were declared to touch `span`. On a lost device nothing touches it any more.
    pub fn settle_span(&self, span: Span) {
        if self.done.load(SeqCst) >= self.issued.load(SeqCst) {
            return;
        }
        let point = {
            let s = self.lock();
            let steps = s.flights.iter().chain(&s.pending).rev();
            let mut using = steps.filter(|step| step.dispatch.uses.iter().any(|u| u.span.overlaps(span)));
            using.next().map(|step| step.point)
        };
        if let Some(point) = point
            && let Err(error) = self.settle(point)
        {
            tracing::warn!("freeing memory that a launch uses: {error}");
        }
    }

    /// The last point known to be reached. Nobody is asked.
    pub fn known(&self) -> u64 {
        self.done.load(SeqCst)
    }

    /// The last point that is reached; all there will ever be once nothing runs on a lost device.
    pub fn poll(&self) -> u64 {
        let mut s = self.lock();
        let _ = self.progress(&mut s);
        if s.is_lost() {
            self.device.quiesce();
            return u64::MAX;
        }
        self.known()
    }

    /// A step of waiting for `point`: sees to it that it is submitted, and waits for the oldest submission to end, or a while.
    /// Whether the launch has ended by now, however that came about. For those who wait for several points at once.
    pub fn step_towards(&self, point: u64) -> bool {
        let mut s = self.lock();
        // A failure that passes shows as a launch that has not ended yet.
        let _ = self.progress(&mut s);
        if s.pending.first().is_some_and(|step| step.point <= point) {
            let _ = self.flush(&mut s, Some(point), None);
        }
        if s.is_lost() {
            self.device.quiesce();
            return true;
        }
        if self.known() >= s.runs_until(point) {
            self.acknowledged.fetch_max(point, SeqCst);
            return true;
        }
        let next = s.submissions.front().map(|submission| submission.signal);
        drop(s);
        match next.map(|signal| self.device.wait(signal, TICK)) {
            Some(Ok(_)) => {}
            Some(Err(_)) | None => std::thread::yield_now(),
        }
        false
    }

    /// The names of the kernels that may be running, for a message; where that can be told without waiting.
    pub fn running(&self) -> String {
        let Ok(s) = self.state.try_lock() else { return "a kernel".into() };
        let mut names: Vec<_> = s.flights.iter().map(|step| step.dispatch.name()).collect();
        names.dedup();
        format!("kernel {}", names.join(", "))
    }

    /// Waits for every launch issued so far.
    pub fn wait_all(&self) -> Result<()> {
        match self.wait(self.issued.load(SeqCst), None) {
            // Whoever issued the launch has been told.
            Err(Error::NotStarted { .. }) => Ok(()),
            result => result,
        }
    }

    /// Submits what is pending and waits for everything, for good.
    pub fn close(&self) {
        // Whatever the result, nothing runs now, and nobody is left to be told.
        let _ = self.settle(self.issued.load(SeqCst));
    }
}
