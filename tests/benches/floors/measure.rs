//! Interleaved measuring of two sides of the same work, in several sessions, until the ratio of their medians holds still.
//!
//! A session opens everything anew on both sides. What is decided once, by chance, and then stays for as long as a device or a
//! buffer lives (which processor a driver's threads settle on, which physical pages a buffer gets) would otherwise decide the
//! result: with one session the same program measured against itself came out anywhere between 0.7 and 1.4.

use anyhow::Result;
use std::time::{Duration, Instant};

/// How long to go on measuring.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Rounds in a session that count; a round runs each side once.
    pub batch: usize,
    /// Sessions, at the least.
    pub sessions: usize,
    /// No new session after this, even if the medians still move.
    pub limit: Duration,
}

/// The ratios after this many sessions must agree.
const LOOKS: usize = 5;
/// They agree when they differ by no more than this.
const AGREE: f64 = 0.01;

/// Median and spread of one side, in seconds.
#[derive(Clone, Copy)]
pub struct Summary {
    /// The median.
    pub median: f64,
    /// First quartile.
    pub low: f64,
    /// Third quartile.
    pub high: f64,
}

/// What was measured.
pub struct Pair {
    /// vksvm's side.
    pub ours: Summary,
    /// The floor's side.
    pub floor: Summary,
    /// Rounds that count.
    pub rounds: usize,
    /// Sessions that they were measured in.
    pub sessions: usize,
    /// Whether the medians held still, or the limit was hit.
    pub settled: bool,
}

/// One session's rounds, and those of the sessions before.
pub struct Rounds {
    batch: usize,
    session: usize,
    ours: Vec<f64>,
    floor: Vec<f64>,
}

/// Runs `session` until the ratio of the medians over all rounds holds still.
///
/// Stopping looks only at whether the ratio still moves, never at what it is.
pub fn settle(effort: Effort, mut session: impl FnMut(&mut Rounds) -> Result<()>) -> Result<Pair> {
    let start = Instant::now();
    let mut rounds = Rounds { batch: effort.batch, session: 0, ours: Vec::new(), floor: Vec::new() };
    let mut looks: Vec<f64> = Vec::new();
    loop {
        session(&mut rounds)?;
        rounds.session += 1;
        let (ours, floor) = (Summary::of(&rounds.ours), Summary::of(&rounds.floor));
        looks.push(ours.median / floor.median);
        let recent = &looks[looks.len().saturating_sub(LOOKS)..];
        let (least, most) = recent.iter().fold((f64::MAX, f64::MIN), |(l, m), r| (l.min(*r), m.max(*r)));
        let settled = recent.len() == LOOKS && most - least <= AGREE * least;
        let enough = rounds.session >= effort.sessions;
        if enough && (settled || start.elapsed() > effort.limit) {
            return Ok(Pair { ours, floor, rounds: rounds.ours.len(), sessions: rounds.session, settled });
        }
    }
}

impl Rounds {
    /// Which session it is, from 0.
    pub fn session(&self) -> usize {
        self.session
    }

    /// Runs the two sides in turn, changing which goes first each round; each returns how long its measured part took. A few
    /// rounds go ahead that do not count: they warm caches, allocators and threads up.
    pub fn interleave(
        &mut self,
        mut ours: impl FnMut() -> Result<Duration>,
        mut floor: impl FnMut() -> Result<Duration>,
    ) -> Result<()> {
        let warming = self.batch.div_ceil(4);
        for round in 0..warming + self.batch {
            let (a, b) = if (round + self.session).is_multiple_of(2) {
                let a = ours()?;
                (a, floor()?)
            } else {
                let b = floor()?;
                (ours()?, b)
            };
            if round >= warming {
                self.ours.push(a.as_secs_f64());
                self.floor.push(b.as_secs_f64());
            }
        }
        Ok(())
    }
}

impl Summary {
    fn of(samples: &[f64]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |quarter: usize| sorted[(sorted.len() - 1) * quarter / 4];
        Summary { median: at(2), low: at(1), high: at(3) }
    }
}
