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
    /// Mebibytes.
    MiB,
}

/// What a benchmark must not exceed.
#[derive(Clone, Copy)]
pub enum Bound {
    /// So many times the floor.
    Ratio(f64),
    /// So much, in the row's unit.
    Figure(f64),
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
            Unit::MiB => "MiB",
        }
    }

    /// Seconds, or bytes, in this unit.
    fn of(self, value: f64) -> f64 {
        value
            * match self {
                Unit::Ns => 1e9,
                Unit::Us => 1e6,
                Unit::Ms => 1e3,
                Unit::MiB => 1.0 / (1 << 20) as f64,
            }
    }
}

impl Row {
    fn ratio(&self) -> f64 {
        self.pair.ours.median / self.pair.floor.median
    }

    /// What a round came to, as the figure that is reported.
    fn figure(&self, value: f64) -> f64 {
        self.benchmark.unit.of(value) / self.benchmark.steps as f64
    }

    fn verdict(&self) -> &'static str {
        let within = match self.benchmark.bound {
            None => return "reported",
            // Noise that swallowed a side leaves no ratio.
            _ if !self.ratio().is_normal() => false,
            Some(Bound::Ratio(bound)) => self.ratio() <= bound,
            Some(Bound::Figure(bound)) => self.figure(self.pair.ours.median) <= bound,
        };
        if within { "within bound" } else { "MISSED" }
    }

    /// Prints the table's head.
    pub fn print_head() {
        println!(
            "{:<32} {:>32} {:>32} {:>7} {:>7}  {:<12} rounds (sessions)",
            "benchmark", "vksvm (quartiles)", "floor (quartiles)", "ratio", "bound", "verdict"
        );
    }

    /// Prints the row.
    pub fn print(&self) {
        let side = |s: &Summary| {
            let [median, low, high] = [s.median, s.low, s.high].map(|value| self.figure(value));
            format!("{median:.2} {} ({low:.2}-{high:.2})", self.benchmark.unit.name())
        };
        let unit = self.benchmark.unit.name();
        let bound = match self.benchmark.bound {
            None => "-".into(),
            Some(Bound::Ratio(bound)) => format!("{bound:.2}"),
            Some(Bound::Figure(bound)) => format!("{bound:.0} {unit}"),
        };
        let moving = if self.pair.settled || self.benchmark.limit.is_zero() { "" } else { ", medians still moving" };
        println!(
            "{:<32} {:>32} {:>32} {:>7.3} {:>7}  {:<12} {} ({}){moving}",
            self.benchmark.name,
            side(&self.pair.ours),
            side(&self.pair.floor),
            self.ratio(),
            bound,
            self.verdict(),
            self.pair.rounds,
            self.pair.sessions
        );
        for (name, ours, floor) in self.parts() {
            let name = format!("  {name}");
            println!("{name:<32} {:>32} {:>32} {:>7.3}", side(ours), side(floor), ours.median / floor.median);
        }
    }

    /// The parts, the largest ratio first; none where there is only the whole.
    fn parts(&self) -> Vec<&(String, Summary, Summary)> {
        let mut parts: Vec<_> = self.pair.parts.iter().filter(|(name, ..)| !name.is_empty()).collect();
        parts.sort_by(|a, b| (b.1.median / b.2.median).total_cmp(&(a.1.median / a.2.median)));
        parts
    }

    /// The row as JSON, then its parts, as rows without a bound.
    fn json(&self) -> impl Iterator<Item = serde_json::Value> {
        let row = |name: String, ours: &Summary, floor: &Summary, bound: Option<f64>| {
            json!({
                "name": name,
                "value": self.figure(ours.median),
                "unit": self.benchmark.unit.name(),
                "floor": self.figure(floor.median),
                "ratio": ours.median / floor.median,
                "bound": bound,
            })
        };
        let bound = match self.benchmark.bound {
            // A bound on the figure is one on the ratio, too: that to the floor of the same run.
            Some(Bound::Figure(bound)) => Some(bound / self.figure(self.pair.floor.median)),
            Some(Bound::Ratio(bound)) => Some(bound),
            None => None,
        };
        let whole = row(self.benchmark.name.into(), &self.pair.ours, &self.pair.floor, bound);
        let name = self.benchmark.name;
        let parts =
            self.parts().into_iter().map(move |(part, ours, floor)| row(format!("{name}/{part}"), ours, floor, None));
        [whole].into_iter().chain(parts.collect::<Vec<_>>())
    }
}

/// Writes `[{"name","value","unit","floor","ratio","bound"}]`; a row without a bound has `null` there. The bound is on the ratio; one
/// on the figure is written as the ratio that it allows.
pub fn write_json(rows: &[Row], path: &Path) -> Result<()> {
    let rows: Vec<_> = rows.iter().flat_map(Row::json).collect();
    let text = serde_json::to_string_pretty(&rows)? + "\n";
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
