//! A device that carries out what the queue submits as badly as the rules let it: launches between two barriers in any
//! order, as late as it can, with a timeline that lags. It keeps everything that it was given.
//!
//! A launch of the fake mixes its number and all words that it was declared to touch into those that it may write, so
//! that a launch which ran too early, too late, or twice leaves other words than [`mix`] computes.
//!
//! # Safety
//! The fake reads and writes the spans that launches declare, when it carries them out. That the memory is still lent
//! then is the very thing under test; the heap stays mapped for as long as the `Svm` lives, so that a mistake shows as
//! wrong words.
#![allow(unsafe_code)]

use fastrand::Rng;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use vksvm::{
    Error, Result,
    seam::{Batch, QueueDevice, Span, Use, WrapQueue},
};

/// What became of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Submitted; whether it was carried out yet.
    Submitted { done: bool },
    /// Refused with its group.
    Refused,
}

/// A launch as it was submitted.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub number: u32,
    pub point: u64,
    pub barrier: bool,
    pub uses: Vec<Use>,
    /// Which submission it came in.
    pub batch: usize,
    done: bool,
}

/// How the fake behaves.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    pub seed: u64,
    /// Percent of submissions that are refused.
    pub refuse: u32,
    /// Whether it carries out more than it is waited for, and lets the timeline be seen to move.
    pub eager: bool,
}

pub struct Fake {
    /// Kept alive for what belongs to it; nothing is submitted to it.
    _real: Arc<dyn QueueDevice>,
    state: Mutex<State>,
}

struct State {
    habits: Habits,
    rng: Rng,
    steps: Vec<Recorded>,
    /// Signal of each submission, and how many steps there were at its end.
    signals: Vec<(u64, usize)>,
    refused: HashSet<u32>,
    by_number: HashMap<u32, usize>,
    /// Steps before this one are all done.
    prefix: usize,
    last_point: u64,
    /// What the timeline was last seen at.
    shown: u64,
    /// The last point that a wait was successful for.
    waited: u64,
    refuse_next: bool,
    problems: Vec<String>,
}

/// Where a wrapper puts the fake that it makes.
pub type Slot = Arc<Mutex<Option<Arc<Fake>>>>;

/// The number that a launch carries in its grid.
pub fn number(groups: [u32; 3]) -> u32 {
    groups[0] + (groups[1] - 1) * 60_000
}

/// The grid that carries `number`.
pub fn grid(number: u32) -> vksvm::Grid {
    vksvm::Grid::groups([(number - 1) % 60_000 + 1, (number - 1) / 60_000 + 1, 1])
}

/// What launch `number` leaves in the `index`th word that it may write, where `old` was; `sum` is [`summed`].
pub fn mix(sum: u32, old: u32, index: usize) -> u32 {
    (sum ^ old.rotate_left(7)).wrapping_mul(0x9e37_79b1).wrapping_add(index as u32)
}

/// All the words that launch `number` was declared to touch, in order.
pub fn summed(number: u32, words: impl Iterator<Item = u32>) -> u32 {
    words.fold(number, |sum, word| (sum.rotate_left(5) ^ word).wrapping_mul(0x85eb_ca6b))
}

impl Fake {
    /// The fake, once an `Svm` was opened with the wrapper.
    pub fn wrapper(habits: Habits) -> (Arc<WrapQueue>, Slot) {
        let slot = Arc::new(Mutex::new(None));
        let fill = slot.clone();
        let wrap = move |real: Arc<dyn QueueDevice>| -> Arc<dyn QueueDevice> {
            let fake = Arc::new(Fake { _real: real, state: Mutex::new(State::new(habits)) });
            *fill.lock().unwrap_or_else(PoisonError::into_inner) = Some(fake.clone());
            fake
        };
        (Arc::new(wrap), slot)
    }

    /// What became of launch `number`; `None` while it was not handed over.
    pub fn fate(&self, number: u32) -> Option<Fate> {
        self.state().fate(number)
    }

    /// [`Fake::fate`] of several, at one moment.
    pub fn fates(&self, numbers: impl Iterator<Item = Option<u32>>) -> Vec<Option<Fate>> {
        let s = self.state();
        numbers.map(|number| number.and_then(|number| s.fate(number))).collect()
    }

    /// The launch as it was submitted.
    pub fn recorded(&self, number: u32) -> Option<Recorded> {
        let s = self.state();
        s.by_number.get(&number).map(|&at| s.steps[at].clone())
    }

    /// All launches as they were submitted.
    pub fn steps(&self) -> Vec<Recorded> {
        self.state().steps.clone()
    }

    /// Refuses the next submission.
    pub fn refuse_next(&self) {
        self.state().refuse_next = true;
    }

    /// Carries out everything and lets the timeline show it.
    pub fn finish(&self) {
        let mut s = self.state();
        let all = s.steps.len();
        s.carry_out_until(all);
        s.shown = s.signals.last().map_or(0, |(signal, _)| *signal);
    }

    /// Broken rules of the interface between queue and device.
    pub fn problems(&self) -> Vec<String> {
        self.state().problems.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueDevice for Fake {
    fn submit(&self, batches: &[Batch<'_>], reached: u64) -> Result<()> {
        let mut s = self.state();
        let told = s.shown.max(s.waited);
        s.expect(!batches.is_empty(), || "a submission without batches".into());
        s.expect(reached <= told, || format!("told that {reached} was reached, where it was {told}"));
        let percent = s.habits.refuse;
        let refuse = s.rng.u32(0..100) < percent || std::mem::take(&mut s.refuse_next);
        for batch in batches {
            s.take(batch, refuse);
        }
        s.idle();
        if refuse { Err(Error::OutOfDeviceMemory { call: "the fake's submit" }) } else { Ok(()) }
    }

    fn counter(&self) -> Result<u64> {
        let mut s = self.state();
        s.idle();
        Ok(s.shown)
    }

    fn wait(&self, point: u64, timeout: Duration) -> Result<bool> {
        let mut s = self.state();
        s.idle();
        let Some(&(signal, end)) = s.signals.iter().find(|(signal, _)| *signal >= point) else {
            s.problems.push(format!("the host waits for point {point}, which nothing submitted signals"));
            return Ok(true);
        };
        if timeout < Duration::from_secs(1) && (!s.habits.eager || s.rng.bool()) {
            return Ok(s.shown >= point);
        }
        s.carry_out_until(end);
        s.waited = s.waited.max(point);
        // A wait may return before the counter is seen to move.
        if s.rng.bool() {
            s.shown = s.shown.max(signal);
        }
        Ok(true)
    }

    fn quiesce(&self) {
        self.finish();
    }
}

impl State {
    fn new(habits: Habits) -> Self {
        State {
            habits,
            rng: Rng::with_seed(habits.seed),
            steps: vec![],
            signals: vec![],
            refused: HashSet::new(),
            by_number: HashMap::new(),
            prefix: 0,
            last_point: 0,
            shown: 0,
            waited: 0,
            refuse_next: false,
            problems: vec![],
        }
    }

    fn fate(&self, number: u32) -> Option<Fate> {
        if self.refused.contains(&number) {
            return Some(Fate::Refused);
        }
        self.by_number.get(&number).map(|&at| Fate::Submitted { done: self.steps[at].done })
    }

    fn expect(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        if !holds {
            self.problems.push(problem());
        }
    }

    fn take(&mut self, batch: &Batch<'_>, refuse: bool) {
        let last = batch.steps.last().map(|step| step.point);
        self.expect(last == Some(batch.signal), || format!("signal {} after last point {last:?}", batch.signal));
        for step in batch.steps {
            let (number, before) = (number(step.dispatch.groups), self.last_point);
            self.expect(step.point > before, || format!("point {} after point {before}", step.point));
            self.last_point = self.last_point.max(step.point);
            let known = self.refused.contains(&number) || self.by_number.contains_key(&number);
            self.expect(!known, || format!("launch {number} was handed over twice"));
            if refuse {
                self.refused.insert(number);
                continue;
            }
            self.by_number.insert(number, self.steps.len());
            self.steps.push(Recorded {
                number,
                point: step.point,
                barrier: step.barrier,
                uses: step.dispatch.uses.to_vec(),
                batch: self.signals.len(),
                done: false,
            });
        }
        if !refuse {
            self.signals.push((batch.signal, self.steps.len()));
        }
    }

    /// What a device does while nobody waits: some launches, or none; and the timeline is seen to move, or not.
    fn idle(&mut self) {
        if !self.habits.eager {
            return;
        }
        for _ in 0..self.rng.usize(0..4) {
            self.carry_out_one(self.steps.len());
        }
        let ended = self.signals.iter().take_while(|(_, end)| *end <= self.prefix).map(|(signal, _)| *signal);
        let ended: Vec<u64> = ended.filter(|signal| *signal > self.shown).collect();
        if !ended.is_empty() && self.rng.bool() {
            self.shown = ended[self.rng.usize(0..ended.len())];
        }
    }

    /// Carries out the first `end` steps, and others in between where it likes to.
    fn carry_out_until(&mut self, end: usize) {
        while self.prefix < end {
            let limit = if self.habits.eager && self.rng.bool() { self.steps.len() } else { end };
            self.carry_out_one(limit);
        }
    }

    /// One of the steps that may run now: no barrier stands before it with an unfinished step before that.
    fn carry_out_one(&mut self, limit: usize) {
        let rest = self.steps[self.prefix..limit].iter().enumerate();
        let segment = rest.take_while(|(at, step)| *at == 0 || !step.barrier).map(|(at, step)| (at, step.done));
        let open: Vec<usize> = segment.filter(|(_, done)| !done).map(|(at, _)| at + self.prefix).collect();
        let Some(&last) = open.last() else { return };
        // The later ones first, mostly: a missing barrier shows soonest so.
        let at = if self.rng.bool() { last } else { open[self.rng.usize(0..open.len())] };
        carry_out(&self.steps[at]);
        self.steps[at].done = true;
        while self.steps.get(self.prefix).is_some_and(|step| step.done) {
            self.prefix += 1;
        }
    }
}

fn carry_out(step: &Recorded) {
    let words = step.uses.iter().flat_map(|u| addresses(u.span)).map(read);
    let sum = summed(step.number, words);
    let written = step.uses.iter().filter(|u| u.write).flat_map(|u| addresses(u.span));
    for (index, at) in written.enumerate() {
        write(at, mix(sum, read(at), index));
    }
}

/// The addresses of the words of a span.
pub fn addresses(span: Span) -> impl Iterator<Item = u64> {
    (span.start..span.end).step_by(4)
}

fn read(at: u64) -> u32 {
    let at = std::ptr::with_exposed_provenance::<u32>(at as usize);
    // SAFETY: a word of a declared span, see the module.
    unsafe { at.read_volatile() }
}

fn write(at: u64, word: u32) {
    let at = std::ptr::with_exposed_provenance_mut::<u32>(at as usize);
    // SAFETY: a word of a declared span, see the module.
    unsafe { at.write_volatile(word) };
}
