//! A benchmark's result as a table row and as JSON.

use crate::measure::{Pair, Summary};
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
    /// Its name on the command line.
    pub name: &'static str,
    /// Unit of value and floor.
    pub unit: Unit,
    /// The two sides.
    pub pair: Pair,
    /// The largest ratio allowed; without one the row is only reported.
    pub bound: Option<f64>,
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

    fn verdict(&self) -> &'static str {
        match self.bound {
            None => "reported",
            Some(bound) if self.ratio() <= bound => "within bound",
            Some(_) => "MISSED",
        }
    }

    /// Prints the table's head.
    pub fn print_head() {
        println!(
            "{:<24} {:>28} {:>28} {:>7} {:>6}  {:<12} rounds",
            "benchmark", "vksvm (quartiles)", "floor (quartiles)", "ratio", "bound", "verdict"
        );
    }

    /// Prints the row.
    pub fn print(&self) {
        let side = |s: &Summary| {
            let unit = self.unit;
            format!("{:.2} {} ({:.2}-{:.2})", unit.of(s.median), unit.name(), unit.of(s.low), unit.of(s.high))
        };
        let bound = self.bound.map_or("-".into(), |b| format!("{b:.2}"));
        let moving = if self.pair.settled { "" } else { ", medians still moving" };
        println!(
            "{:<24} {:>28} {:>28} {:>7.3} {:>6}  {:<12} {}{moving}",
            self.name,
            side(&self.pair.ours),
            side(&self.pair.floor),
            self.ratio(),
            bound,
            self.verdict(),
            self.pair.rounds
        );
    }
}

/// Writes `[{"name","value","unit","floor","ratio","bound"}]`; a row without a bound has `null` there.
pub fn write_json(rows: &[Row], path: &Path) -> Result<()> {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "name": row.name,
                "value": row.unit.of(row.pair.ours.median),
                "unit": row.unit.name(),
                "floor": row.unit.of(row.pair.floor.median),
                "ratio": row.ratio(),
                "bound": row.bound,
            })
        })
        .collect();
    let text = serde_json::to_string_pretty(&rows)? + "\n";
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
