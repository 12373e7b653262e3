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
