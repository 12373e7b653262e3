//! What a person sees: progress while workloads run, and the table at the end.

use anyhow::Error;
use comfy_table::{CellAlignment, LineStyle, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::{IsTerminal, stderr},
    path::PathBuf,
    time::Duration,
};
use vksvm::Capabilities;
use vksvm_samples::workloads::{Outcome, Workload, grouped};

/// Progress on standard error: a bar on a terminal, plain lines elsewhere, nothing beside JSON.
pub enum Display {
    Silent,
    Lines,
    Bar(ProgressBar),
}

impl Display {
    pub fn new(silent: bool, workloads: usize) -> Self {
        match (silent, stderr().is_terminal()) {
            (true, _) => Display::Silent,
            (_, false) => Display::Lines,
            _ => {
                let bar = ProgressBar::new(workloads as u64);
                // The template is a constant; a wrong one shows in the first run.
                if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {bar:24.cyan/dim} {pos}/{len}  {msg}")
                {
                    bar.set_style(style.progress_chars("━╸─"));
                }
                bar.enable_steady_tick(Duration::from_millis(100));
                Display::Bar(bar)
            }
        }
    }

    pub fn start(&self, workload: &str) {
        if let Display::Bar(bar) = self {
            bar.set_message(workload.to_string());
        }
    }

    pub fn step(&self, workload: &str, what: &str) {
        match self {
            Display::Silent => {}
            Display::Lines => eprintln!("{workload}: {what}"),
            Display::Bar(bar) => bar.set_message(format!("{workload}: {what}")),
        }
    }

    pub fn finish(&self, row: &Row) {
        match self {
            Display::Silent => {}
            Display::Lines => eprintln!("{}", row.line()),
            Display::Bar(bar) => {
                let mark = if row.problem.is_none() {
                    console::style("✓").green().for_stderr()
                } else {
                    console::style("✗").red().for_stderr()
                };
                bar.println(format!("{mark} {}", row.line()));
                bar.inc(1);
            }
        }
    }

    pub fn close(&self) {
        if let Display::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// A line of the table.
pub struct Row {
    workload: &'static str,
    cells: Option<[String; 4]>,
    summary: String,
    picture: Option<PathBuf>,
    problem: Option<String>,
}

impl Row {
    pub fn of(workload: &Workload, outcome: &Outcome) -> Self {
        let m = &outcome.measured;
        let size = format!("{} {}", grouped(outcome.size), workload.unit);
        Row {
            workload: workload.name,
            cells: Some([size, grouped(m.launches), time(m.kernel), time(m.wall)]),
            summary: outcome.summary.clone(),
            picture: outcome.picture.clone(),
            problem: outcome.check.clone().err(),
        }
    }

    pub fn failed(workload: &Workload, error: &Error) -> Self {
        let problem = Some(format!("{error:#}"));
        Row { workload: workload.name, cells: None, summary: String::new(), picture: None, problem }
    }

    pub fn workload(&self) -> &str {
        self.workload
    }

    /// Why the run did not come to a right result.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    fn line(&self) -> String {
        match &self.problem {
            None => format!("{:<10} {}", self.workload, self.summary),
            Some(problem) => format!("{:<10} {problem}", self.workload),
        }
    }
}

/// The table, the problems, the pictures and a closing line.
pub fn report(rows: &[Row], capabilities: &Capabilities) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    table.set_header(["workload", "size", "launches", "kernel time", "wall time", "verified"]);
    for row in rows {
        let verified = match (&row.cells, &row.problem) {
            (_, None) => "yes",
            (Some(_), Some(_)) => "NO",
            (None, Some(_)) => "error",
        };
        let cells = row.cells.clone().unwrap_or(["–"; 4].map(String::from));
        table.add_row([row.workload.to_string()].into_iter().chain(cells).chain([verified.to_string()]));
    }
    for column in 1..=4 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = format!("{table}\n");
    for row in rows {
        if let Some(problem) = &row.problem {
            text += &format!("{}: {problem}\n", row.workload);
        }
    }
    for picture in rows.iter().filter_map(|row| row.picture.as_ref()) {
        text += &format!("picture: {}\n", picture.display());
    }
    let right = rows.iter().filter(|row| row.problem.is_none()).count();
    let placement = format!("{:?}", capabilities.placement).to_lowercase();
    let translation = capabilities.translation.name();
    let all = rows.len();
    text + &format!(
        "{right} of {all} verified on {}, placement {placement}, translation {translation}\n",
        capabilities.device
    )
}

/// Four figures or so, with a unit.
fn time(time: Duration) -> String {
    match time.as_secs_f64() {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{:.2} ms", s * 1e3),
        s => format!("{:.0} µs", s * 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_fitting_units() {
        let shown = [17, 1_234, 2_345_678].map(|us| time(Duration::from_micros(us)));
        assert_eq!(shown, ["17 µs", "1.23 ms", "2.35 s"]);
    }
}
