//! A benchmark's result as a table row and as JSON.

use crate::{
    Benchmark,
    measure::{Pair, Summary},
};
use anyhow::{Context, Result};
use serde_json::json;
use std::path::Path;

/// The unit of a row's figures.
#[derive(Clone, Copy)]
pub enum Unit {
    /// Nanoseconds.
    Ns,
    /// Microseconds.
    Us,
    /// Milliseconds.
    Ms,
}

/// One benchmark's result.
pub struct Row {
    /// Which benchmark.
    pub benchmark: &'static Benchmark,
    /// The two sides.
    pub pair: Pair,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Unit::Ns => "ns",
            Unit::Us => "us",
            Unit::Ms => "ms",
        }
    }

    fn of(self, seconds: f64) -> f64 {
        seconds
            * match self {
                Unit::Ns => 1e9,
                Unit::Us => 1e6,
                Unit::Ms => 1e3,
            }
    }
}

impl Row {
    fn ratio(&self) -> f64 {
        self.pair.ours.median / self.pair.floor.median
    }

    /// A round's seconds as the figure that is reported.
    fn figure(&self, seconds: f64) -> f64 {
        self.benchmark.unit.of(seconds) / self.benchmark.steps as f64
    }

    fn verdict(&self) -> &'static str {
        match self.benchmark.bound {
            None => "reported",
            Some(bound) if self.ratio() <= bound => "within bound",
            Some(_) => "MISSED",
        }
    }

    /// Prints the table's head.
    pub fn print_head() {
        println!(
            "{:<32} {:>32} {:>32} {:>7} {:>6}  {:<12} rounds (sessions)",
            "benchmark", "vksvm (quartiles)", "floor (quartiles)", "ratio", "bound", "verdict"
        );
    }

    /// Prints the row.
    pub fn print(&self) {
        let side = |s: &Summary| {
            let [median, low, high] = [s.median, s.low, s.high].map(|seconds| self.figure(seconds));
            format!("{median:.2} {} ({low:.2}-{high:.2})", self.benchmark.unit.name())
        };
        let bound = self.benchmark.bound.map_or("-".into(), |b| format!("{b:.2}"));
        let moving = if self.pair.settled { "" } else { ", medians still moving" };
        println!(
            "{:<32} {:>32} {:>32} {:>7.3} {:>6}  {:<12} {} ({}){moving}",
            self.benchmark.name,
            side(&self.pair.ours),
            side(&self.pair.floor),
            self.ratio(),
            bound,
            self.verdict(),
            self.pair.rounds,
            self.pair.sessions
        );
    }
}

/// Writes `[{"name","value","unit","floor","ratio","bound"}]`; a row without a bound has `null` there.
pub fn write_json(rows: &[Row], path: &Path) -> Result<()> {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "name": row.benchmark.name,
                "value": row.figure(row.pair.ours.median),
                "unit": row.benchmark.unit.name(),
                "floor": row.figure(row.pair.floor.median),
                "ratio": row.ratio(),
                "bound": row.benchmark.bound,
            })
        })
        .collect();
    let text = serde_json::to_string_pretty(&rows)? + "\n";
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
