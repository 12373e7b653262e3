//! The map: how much of each row was where, and used how often, in each column of time.

use super::super::{
    Recording,
    ranges::{Ranges, Row},
    timeline::{Happens, Place, Step},
};
use std::ops::Range;

/// Columns of time: as many as a laptop's screen shows well, four pixels each.
pub(super) const COLUMNS: usize = 240;

/// The columns that a time is divided into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    start: u64,
    /// Nanoseconds in a column.
    pub width: f64,
}

impl Columns {
    pub fn of(time: &Range<u64>) -> Self {
        Columns { start: time.start, width: (time.end - time.start).max(1) as f64 / COLUMNS as f64 }
    }

    /// Where a moment lies, in columns from the first one's start; what lies outside counts as at the edge.
    fn place(&self, at: u64) -> f64 {
        (at.saturating_sub(self.start) as f64 / self.width).min(COLUMNS as f64)
    }

    /// The column that a moment lies in.
    pub fn of_time(&self, at: u64) -> usize {
        (self.place(at) as usize).min(COLUMNS - 1)
    }
}

/// A quantity in each column of a row, which is added for stretches of time. Adding costs the same however long they are: what a
/// stretch adds to all columns between its ends is noted where it begins and ends, and summed up at last.
#[derive(Clone)]
pub(super) struct Track {
    inside: Vec<f64>,
    onwards: Vec<f64>,
}

impl Track {
    pub fn new() -> Self {
        Track { inside: vec![0.0; COLUMNS], onwards: vec![0.0; COLUMNS + 1] }
    }

    /// Adds `amount` between two moments: to each column as much of it as is the stretch's share of the column.
    pub fn add(&mut self, columns: &Columns, time: Range<u64>, amount: f64) {
        let (from, to) = (columns.place(time.start), columns.place(time.end));
        let (first, last) = (from as usize, to as usize);
        if first >= last {
            if let Some(column) = self.inside.get_mut(first) {
                *column += amount * (to - from).max(0.0);
            }
            return;
        }
        self.inside[first] += amount * (first as f64 + 1.0 - from);
        self.onwards[first + 1] += amount;
        self.onwards[last] -= amount;
        if let Some(column) = self.inside.get_mut(last) {
            *column += amount * (to - last as f64);
        }
    }

    /// Adds all of `amount` to every column that a stretch touches.
    pub fn mark(&mut self, columns: &Columns, time: Range<u64>, amount: f64) {
        let (first, last) = (columns.of_time(time.start), columns.of_time(time.end.max(time.start)));
        self.onwards[first] += amount;
        self.onwards[last + 1] -= amount;
    }

    /// What came together in each column.
    pub fn sums(&self) -> Vec<f64> {
        let mut running = 0.0;
        let sum = |(inside, onwards): (&f64, &f64)| {
            running += onwards;
            inside + running
        };
        self.inside.iter().zip(&self.onwards).map(sum).collect()
    }
}

/// What is drawn of one row.
pub(super) struct Cells {
    /// Pages with the device alone, on average over the column.
    pub device: Vec<f64>,
    /// Pages with both.
    pub both: Vec<f64>,
    /// Times that a page was used by launches, added up.
    pub uses: Vec<f64>,
    /// CPU faults.
    pub faults: Vec<f64>,
}

struct Tracks {
    device: Track,
    both: Track,
    uses: Track,
    faults: Track,
}

/// Draws the rows.
pub(super) fn draw(recording: &Recording, ranges: &Ranges, rows: &[Row], columns: &Columns) -> Vec<Cells> {
    let time = recording.time();
    let new = |_: &Row| Tracks { device: Track::new(), both: Track::new(), uses: Track::new(), faults: Track::new() };
    let mut tracks: Vec<Tracks> = rows.iter().map(new).collect();
    let row_of = |page: usize| {
        let at = rows.partition_point(|row| row.pages.end <= page);
        rows.get(at).filter(|row| row.pages.contains(&page)).map(|_| at)
    };
    let extent = ranges.extent();
    // Where each page is, and since when.
    let mut since: Vec<(Place, u64)> = vec![(Place::Host, time.start); extent.len()];
    let mut settle = |page: usize, place: Place, time: Range<u64>| {
        let Some(row) = row_of(page) else { return };
        match place {
            Place::Host => {}
            Place::Both => tracks[row].both.add(columns, time, 1.0),
            Place::Device => tracks[row].device.add(columns, time, 1.0),
        }
    };
    recording.follow(extent.clone(), |step| {
        let (place, from) = &mut since[step.page - extent.start];
        if step.after != *place {
            settle(step.page, *place, *from..step.at.max(*from));
            (*place, *from) = (step.after, step.at.max(*from));
        }
    });
    for (page, (place, from)) in extent.clone().zip(since) {
        settle(page, place, from..time.end.max(from));
    }
    for launch in &recording.launches {
        let [start, end] = launch.ran.unwrap_or([launch.issued; 2]);
        for used in &launch.uses {
            let mut at = used.pages.start;
            while let Some(row) = row_of(at).filter(|_| at < used.pages.end) {
                let to = rows[row].pages.end.min(used.pages.end);
                tracks[row].uses.mark(columns, start..end, (to - at) as f64);
                at = to;
            }
        }
    }
    for fault in &recording.faults {
        if let Some(row) = row_of(fault.page) {
            tracks[row].faults.mark(columns, fault.at..fault.at, 1.0);
        }
    }
    let cells = |tracks: Tracks| Cells {
        device: tracks.device.sums(),
        both: tracks.both.sums(),
        uses: tracks.uses.sums(),
        faults: tracks.faults.sums(),
    };
    tracks.into_iter().map(cells).collect()
}

/// Whether a step changes what is in device memory, by how many pages.
pub(super) fn change(step: &Step) -> i64 {
    let there = |place: Place| i64::from(place != Place::Host);
    match step.happens {
        Happens::Touched { .. } => 0,
        _ => there(step.after) - there(step.before),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_shared_out_among_columns() {
        let columns = Columns::of(&(1000..1000 + 10 * COLUMNS as u64));
        let mut track = Track::new();
        track.add(&columns, 1015..1042, 2.0);
        track.add(&columns, 1001..1004, 10.0);
        let sums = track.sums();
        let close = |at: usize, value: f64| assert!((sums[at] - value).abs() < 1e-9, "column {at}: {}", sums[at]);
        [3.0, 1.0, 2.0, 2.0, 0.4, 0.0].into_iter().enumerate().for_each(|(at, value)| close(at, value));
        let mut whole = Track::new();
        whole.add(&columns, 0..u64::MAX, 1.0);
        assert!(whole.sums().iter().all(|sum| (sum - 1.0).abs() < 1e-9));
    }

    #[test]
    fn marks_count_in_every_column_that_they_touch() {
        let columns = Columns::of(&(0..10 * COLUMNS as u64));
        let mut track = Track::new();
        track.mark(&columns, 9..21, 1.0);
        track.mark(&columns, 10..10, 5.0);
        assert_eq!(track.sums()[..4], [1.0, 6.0, 1.0, 0.0]);
        track.mark(&columns, u64::MAX..u64::MAX, 1.0);
        assert_eq!(track.sums()[COLUMNS - 1], 1.0, "what lies outside counts as at the edge");
    }
}
