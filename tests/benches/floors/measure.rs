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

/// Median and spread of one side, in seconds or bytes.
#[derive(Clone, Copy)]
pub struct Summary {
    /// The median.
    pub median: f64,
    /// First quartile.
    pub low: f64,
    /// Third quartile.
    pub high: f64,
}

/// What was measured. Of a benchmark in parts a median or quartile is the geometric mean of the parts'.
pub struct Pair {
    /// vksvm's side.
    pub ours: Summary,
    /// The floor's side.
    pub floor: Summary,
    /// Rounds that count, of each part.
    pub rounds: usize,
    /// Sessions that they were measured in.
    pub sessions: usize,
    /// Whether the medians held still, or the limit was hit.
    pub settled: bool,
    /// Each part's name and two sides; one without a name where the benchmark has no parts.
    pub parts: Vec<(String, Summary, Summary)>,
}

/// One session's rounds, and those of the sessions before.
pub struct Rounds {
    batch: usize,
    session: usize,
    parts: Vec<Part>,
}

/// The rounds of one part of a benchmark: what each side took or moved, in seconds or bytes.
struct Part {
    name: String,
    ours: Vec<f64>,
    floor: Vec<f64>,
}

/// Runs `session` until the ratio of the medians over all rounds holds still.
///
/// Stopping looks only at whether the ratio still moves, never at what it is.
pub fn settle(effort: Effort, mut session: impl FnMut(&mut Rounds) -> Result<()>) -> Result<Pair> {
    let start = Instant::now();
    let mut rounds = Rounds { batch: effort.batch, session: 0, parts: Vec::new() };
    let mut looks: Vec<f64> = Vec::new();
    loop {
        session(&mut rounds)?;
        rounds.session += 1;
        let parts: Vec<_> =
            rounds.parts.iter().map(|p| (p.name.clone(), Summary::of(&p.ours), Summary::of(&p.floor))).collect();
        let ours = Summary::mean(parts.iter().map(|part| part.1));
        let floor = Summary::mean(parts.iter().map(|part| part.2));
        looks.push(ours.median / floor.median);
        let recent = &looks[looks.len().saturating_sub(LOOKS)..];
        let (least, most) = recent.iter().fold((f64::MAX, f64::MIN), |(l, m), r| (l.min(*r), m.max(*r)));
        let settled = recent.len() == LOOKS && most - least <= AGREE * least;
        let enough = rounds.session >= effort.sessions;
        if enough && (settled || start.elapsed() > effort.limit) {
            let count = rounds.parts.first().map_or(0, |part| part.ours.len());
            return Ok(Pair { ours, floor, rounds: count, sessions: rounds.session, settled, parts });
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
        ours: impl FnMut() -> Result<Duration>,
        floor: impl FnMut() -> Result<Duration>,
    ) -> Result<()> {
        self.interleave_part("", ours, floor)
    }

    /// As [`interleave`](Self::interleave), for one of several parts that the benchmark's figure is the mean of.
    pub fn interleave_part(
        &mut self,
        name: &str,
        mut ours: impl FnMut() -> Result<Duration>,
        mut floor: impl FnMut() -> Result<Duration>,
    ) -> Result<()> {
        let (session, batch) = (self.session, self.batch);
        let part = self.part(name);
        let warming = batch.div_ceil(4);
        for round in 0..warming + batch {
            let (a, b) = if (round + session).is_multiple_of(2) {
                let a = ours()?;
                (a, floor()?)
            } else {
                let b = floor()?;
                (ours()?, b)
            };
            if round >= warming {
                part.ours.push(a.as_secs_f64());
                part.floor.push(b.as_secs_f64());
            }
        }
        Ok(())
    }

    /// A round of a part whose figures were counted or computed: in bytes, or in seconds.
    pub fn count(&mut self, name: &str, ours: f64, floor: f64) {
        let part = self.part(name);
        part.ours.push(ours);
        part.floor.push(floor);
    }

    fn part(&mut self, name: &str) -> &mut Part {
        let at = self.parts.iter().position(|part| part.name == name).unwrap_or_else(|| {
            self.parts.push(Part { name: name.into(), ours: Vec::new(), floor: Vec::new() });
            self.parts.len() - 1
        });
        &mut self.parts[at]
    }
}

impl Summary {
    fn of(samples: &[f64]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |quarter: usize| sorted[(sorted.len() - 1) * quarter / 4];
        Summary { median: at(2), low: at(1), high: at(3) }
    }

    /// The geometric mean of each figure: that of the medians' ratios is the ratio of the medians' means.
    fn mean(all: impl ExactSizeIterator<Item = Summary> + Clone) -> Self {
        let count = all.len() as f64;
        let mean = |figure: fn(&Summary) -> f64| (all.clone().map(|s| figure(&s).ln()).sum::<f64>() / count).exp();
        Summary { median: mean(|s| s.median), low: mean(|s| s.low), high: mean(|s| s.high) }
    }
}
