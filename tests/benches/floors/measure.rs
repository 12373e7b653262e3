//! Interleaved measuring of two sides of the same work, until the ratio of their medians holds still.

use anyhow::Result;
use std::time::{Duration, Instant};

/// How long to go on measuring.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Rounds between two looks at the medians; a round runs each side once.
    pub batch: usize,
    /// Stop here even if the medians still move.
    pub limit: Duration,
}

/// The last this many looks must agree.
const LOOKS: usize = 5;
/// Looks agree when the ratio of the medians varies by no more than this.
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
    /// Whether the medians held still, or the limit was hit.
    pub settled: bool,
}

impl Pair {
    /// The same for one of the `steps` that each round takes.
    pub fn per_step(mut self, steps: usize) -> Self {
        for side in [&mut self.ours, &mut self.floor] {
            for seconds in [&mut side.median, &mut side.low, &mut side.high] {
                *seconds /= steps as f64;
            }
        }
        self
    }
}

/// Runs the two sides in turn, changing which goes first each round; each returns how long its measured part took.
///
/// The first batch warms caches, allocators and clocks up and does not count. Stopping looks only at whether the ratio still
/// moves, never at what it is.
pub fn interleaved(
    effort: Effort,
    mut ours: impl FnMut() -> Result<Duration>,
    mut floor: impl FnMut() -> Result<Duration>,
) -> Result<Pair> {
    let start = Instant::now();
    let (mut ours_took, mut floor_took) = (Vec::new(), Vec::new());
    let mut looks: Vec<f64> = Vec::new();
    let mut warm = false;
    loop {
        for round in 0..effort.batch {
            if round % 2 == 0 {
                ours_took.push(ours()?.as_secs_f64());
                floor_took.push(floor()?.as_secs_f64());
            } else {
                floor_took.push(floor()?.as_secs_f64());
                ours_took.push(ours()?.as_secs_f64());
            }
        }
        if !warm {
            warm = true;
            ours_took.clear();
            floor_took.clear();
            continue;
        }
        let (a, b) = (Summary::of(&ours_took), Summary::of(&floor_took));
        looks.push(a.median / b.median);
        let recent = &looks[looks.len().saturating_sub(LOOKS)..];
        let (least, most) = recent.iter().fold((f64::MAX, f64::MIN), |(l, m), r| (l.min(*r), m.max(*r)));
        let settled = recent.len() == LOOKS && most - least <= AGREE * least;
        if settled || start.elapsed() > effort.limit {
            return Ok(Pair { ours: a, floor: b, rounds: ours_took.len(), settled });
        }
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
