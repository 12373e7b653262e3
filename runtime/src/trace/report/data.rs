//! What the page draws, as it lies in the page.

use super::{
    super::{
        Direction, Hinted, Launch, Recording, Used,
        ranges::{Ranges, Row, Shown},
        timeline::Step,
    },
    account,
    findings::{self, Finding},
    groups,
    map::{self, COLUMNS, Columns, Track},
};
use crate::{Stats, addr::PAGE};
use serde::Serialize;
use std::collections::BTreeMap;

/// All of it. Times are in ns from the first event, amounts in bytes.
#[derive(Serialize)]
pub(super) struct Data {
    pub title: String,
    pub device: String,
    pub placement: &'static str,
    pub budget_bytes: u64,
    pub page_bytes: u64,
    pub duration_ns: u64,
    /// Nanoseconds in a column.
    pub column_ns: f64,
    pub columns: usize,
    pub ranges: Vec<RangeData>,
    pub groups: Vec<GroupData>,
    pub rows: Vec<RowData>,
    /// What the largest digit of `RowData::used` stands for: so many uses of each page in a column, or more.
    pub most_uses: f64,
    pub kernels: Vec<KernelData>,
    /// Kernel's number, start, length, pages read, pages written, pages of these in place, launches that this stands for.
    pub launches: Vec<[u64; 7]>,
    pub moved: Vec<MovedData>,
    pub hints: Vec<HintData>,
    /// Faults in each column: reads, writes.
    pub faults: [Vec<u64>; 2],
    /// Device memory in use, on average over a column.
    pub occupancy: Vec<u64>,
    pub findings: Vec<Finding>,
    pub stats: Stats,
    pub lost: u64,
    pub clock_within_ns: u64,
}

#[derive(Serialize)]
pub(super) struct RangeData {
    pub name: String,
    pub address: String,
    pub bytes: u64,
}

/// What happened to the ranges of one name.
#[derive(Serialize)]
pub(super) struct GroupData {
    pub name: String,
    pub ranges: usize,
    pub bytes: u64,
    pub to_device_bytes: u64,
    pub to_host_bytes: u64,
    pub faults: u64,
    pub launches: u64,
    pub in_place_pages: u64,
}

/// A row of the map. Each column is a character.
#[derive(Serialize)]
pub(super) struct RowData {
    pub range: usize,
    pub address: String,
    pub pages: usize,
    /// Share of the pages that only the device had, in 32nds: `0` to `9`, `a` to `w`.
    pub device: String,
    /// Share of the pages that both had.
    pub both: String,
    /// How much launches used the pages, `0` to `9`, by the square root.
    pub used: String,
    /// Columns with CPU faults, and how many.
    pub faults: Vec<[u64; 2]>,
}

#[derive(Serialize)]
pub(super) struct KernelData {
    pub name: String,
    pub launches: u64,
    /// Those whose time is known.
    pub timed: u64,
    pub ns: u64,
}

#[derive(Serialize)]
pub(super) struct MovedData {
    /// `device` or `host`.
    pub to: &'static str,
    pub cause: &'static str,
    pub bytes: u64,
    /// In each column.
    pub columns: Vec<u64>,
}

#[derive(Serialize)]
pub(super) struct HintData {
    pub name: &'static str,
    pub at_ns: u64,
    /// The range that it begins in.
    pub range: Option<usize>,
    pub bytes: u64,
}

/// Launches that are drawn one by one; of more, those of one kernel in one column are one bar.
const LAUNCHES: usize = 6000;

/// Hints that are drawn: of more nobody could tell one from another.
const HINTS: usize = 2000;

impl Data {
    pub fn of(recording: &Recording) -> Self {
        let time = recording.time();
        let columns = Columns::of(&time);
        let ranges = Ranges::of(recording);
        let tallies = account::of(recording, &ranges);
        let rows = ranges.rows();
        let (rows, most_uses) = rows_data(recording, &ranges, &rows, &columns);
        let about = &recording.about;
        let range = |range: &Shown| RangeData {
            name: range.name.clone(),
            address: format!("{:#x}", recording.address(range.pages.start)),
            bytes: bytes(range.pages.len() as u64),
        };
        let groups = groups::of(recording, &ranges, &tallies);
        let group = |group: &groups::Group<'_>| GroupData {
            name: group.shown.name.clone(),
            ranges: group.ranges,
            bytes: bytes(group.pages),
            to_device_bytes: bytes(group.tally.to_device),
            to_host_bytes: bytes(group.tally.to_host),
            faults: group.tally.faults,
            launches: group.launches,
            in_place_pages: group.tally.in_place,
        };
        Data {
            title: recording.title.clone(),
            device: about.capabilities.device.clone(),
            placement: about.capabilities.placement.name(),
            budget_bytes: about.capabilities.device_budget_bytes,
            page_bytes: PAGE as u64,
            duration_ns: time.end - time.start,
            column_ns: columns.width,
            columns: COLUMNS,
            findings: findings::of(recording, &groups),
            ranges: ranges.all().iter().map(range).collect(),
            groups: groups.iter().map(group).collect(),
            rows,
            most_uses,
            kernels: kernels(recording),
            launches: launches(recording, &columns),
            moved: moved(recording, &columns),
            hints: hints(recording, &ranges),
            faults: faults(recording, &columns),
            occupancy: occupancy(recording, &ranges, &columns),
            stats: about.stats,
            lost: recording.lost(),
            clock_within_ns: about.clock.within(),
        }
    }
}

fn bytes(pages: u64) -> u64 {
    pages * PAGE as u64
}

fn rows_data(recording: &Recording, ranges: &Ranges, rows: &[Row], columns: &Columns) -> (Vec<RowData>, f64) {
    let cells = map::draw(recording, ranges, rows, columns);
    let per_page = |row: &Row, uses: f64| uses / row.pages.len() as f64;
    let all = rows.iter().zip(&cells).flat_map(|(row, cells)| cells.uses.iter().map(|uses| per_page(row, *uses)));
    let most = quantile(all.filter(|uses| *uses > TRACE).collect(), MUCH);
    let row_data = |(row, cells): (&Row, &map::Cells)| {
        let share = |pages: &f64| digit(32.0 * pages / row.pages.len() as f64, 32);
        let used = |uses: &f64| digit(9.0 * (per_page(row, *uses) / most.max(f64::MIN_POSITIVE)).sqrt(), 9);
        let faulted = cells.faults.iter().enumerate().map(|(at, faults)| [at as u64, faults.round() as u64]);
        RowData {
            range: row.range,
            address: format!("{:#x}", recording.address(row.pages.start)),
            pages: row.pages.len(),
            device: cells.device.iter().map(share).collect(),
            both: cells.both.iter().map(share).collect(),
            used: cells.uses.iter().map(used).collect(),
            faults: faulted.filter(|[_, faults]| *faults > 0).collect(),
        }
    };
    (rows.iter().zip(&cells).map(row_data).collect(), most)
}

/// What is used as much as that share of all that is used is drawn as used most: few pages that each launch uses would leave all
/// others pale.
const MUCH: f64 = 0.9;

/// Sums of fractions may leave such a trace of nothing.
const TRACE: f64 = 1e-6;

/// The value that is at least as large as this share of all.
fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * share) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// A number as a digit up to `most`. What is more than nothing is not zero.
fn digit(value: f64, most: u32) -> char {
    let value = if value < TRACE { 0 } else { (value.round() as u32).clamp(1, most) };
    char::from_digit(value, 36).unwrap_or('0')
}

fn kernels(recording: &Recording) -> Vec<KernelData> {
    let new = |name: &String| KernelData { name: name.clone(), launches: 0, timed: 0, ns: 0 };
    let mut kernels: Vec<KernelData> = recording.kernels.iter().map(new).collect();
    for launch in &recording.launches {
        let Some(kernel) = kernels.get_mut(launch.kernel) else { continue };
        kernel.launches += 1;
        if let Some([start, end]) = launch.ran {
            kernel.timed += 1;
            kernel.ns += end - start;
        }
    }
    kernels
}

fn launches(recording: &Recording, columns: &Columns) -> Vec<[u64; 7]> {
    let time = recording.time();
    let bar = |launch: &Launch| {
        let [start, end] = launch.ran.unwrap_or([launch.issued; 2]);
        let sum = |of: &dyn Fn(&Used) -> bool| -> u64 {
            launch.uses.iter().filter(|used| of(used)).map(|used| used.pages.len() as u64).sum()
        };
        let (read, written, in_place) = (sum(&|used| !used.write), sum(&|used| used.write), sum(&|used| used.in_place));
        [launch.kernel as u64, start.saturating_sub(time.start), end - start, read, written, in_place, 1]
    };
    let bars = recording.launches.iter().map(bar);
    if recording.launches.len() <= LAUNCHES {
        return bars.collect();
    }
    let mut fewer: BTreeMap<(u64, usize), [u64; 7]> = BTreeMap::new();
    for bar in bars {
        let [kernel, start, length, ..] = bar;
        let column = columns.of_time(time.start + start);
        let together = fewer.entry((kernel, column)).or_insert([kernel, start, 0, 0, 0, 0, 0]);
        together[2] = together[2].max((start + length).saturating_sub(together[1]));
        (3..7).for_each(|at| together[at] += bar[at]);
    }
    fewer.into_values().collect()
}

fn moved(recording: &Recording, columns: &Columns) -> Vec<MovedData> {
    let mut found = vec![];
    for (direction, cause, pages) in account::moved(recording).filter(|(_, _, pages)| *pages > 0) {
        let mut in_columns = vec![0; COLUMNS];
        for m in recording.moves.iter().filter(|m| m.direction == direction && m.cause == cause) {
            in_columns[columns.of_time(m.at)] += bytes(m.pages.len() as u64);
        }
        let to = if direction == Direction::ToDevice { "device" } else { "host" };
        found.push(MovedData { to, cause: cause.name(), bytes: bytes(pages), columns: in_columns });
    }
    found
}

fn hints(recording: &Recording, ranges: &Ranges) -> Vec<HintData> {
    let start = recording.time().start;
    let hint = |hint: &Hinted| HintData {
        name: hint.hint.name(),
        at_ns: hint.at.saturating_sub(start),
        range: ranges.of_page(hint.pages.start),
        bytes: bytes(hint.pages.len() as u64),
    };
    recording.hints.iter().take(HINTS).map(hint).collect()
}

fn faults(recording: &Recording, columns: &Columns) -> [Vec<u64>; 2] {
    let mut counts = [vec![0; COLUMNS], vec![0; COLUMNS]];
    for fault in &recording.faults {
        counts[usize::from(fault.write)][columns.of_time(fault.since)] += 1;
    }
    counts
}

fn occupancy(recording: &Recording, ranges: &Ranges, columns: &Columns) -> Vec<u64> {
    let time = recording.time();
    let (mut pages, mut since, mut track) = (0_i64, time.start, Track::new());
    recording.follow(ranges.extent(), |step: Step| {
        let change = map::change(&step);
        if change != 0 {
            let at = step.at.max(since);
            track.add(columns, since..at, pages as f64);
            (pages, since) = (pages + change, at);
        }
    });
    track.add(columns, since..time.end.max(since), pages as f64);
    track.sums().into_iter().map(|pages| (pages.max(0.0) * PAGE as f64) as u64).collect()
}
