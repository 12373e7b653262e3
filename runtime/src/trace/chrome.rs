//! A recording as Perfetto and `chrome://tracing` read it: the Trace Event Format, JSON.
//!
//! The format has events of a process and a thread, which viewers draw as tracks. Here the processes are the device, the moves and the CPU;
//! a track has events that do not overlap, so what overlaps on one (copies by several threads, kernels side by side) gets another.

use super::{Cause, Direction, Recording, ranges::Ranges, timeline::Place};
use crate::addr::PAGE;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    io::{self, Write},
};

/// The file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'r> {
    display_time_unit: &'static str,
    other_data: Other<'r>,
    trace_events: Vec<Event<'r>>,
}

#[derive(Serialize)]
struct Other<'r> {
    title: &'r str,
    device: &'r str,
    lost_events: u64,
}

/// One event; field names are the format's. Times are in µs from the first event.
#[derive(Serialize)]
struct Event<'r> {
    name: &'r str,
    /// `X` has a length, `i` none, `C` is a counter's value, `M` names something.
    ph: &'static str,
    ts: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    pid: u32,
    tid: u32,
    /// How far up an instant is drawn: its track.
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'static str>,
    args: Args<'r>,
}

/// What viewers show of an event.
#[derive(Default, Serialize)]
struct Args<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    point: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pages: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_place_pages: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
}

const DEVICE: u32 = 1;
const MOVES: u32 = 2;
const CPU: u32 = 3;

/// Between the numbers of a thread's tracks: Linux numbers threads below this.
const LANE: u32 = 1 << 22;

/// Writes it.
pub(super) fn write(recording: &Recording, to: &mut dyn Write) -> io::Result<()> {
    let ranges = Ranges::of(recording);
    let mut tracks = Tracks { start: recording.time().start, ends: BTreeMap::new(), events: vec![] };
    tracks.kernels(recording);
    tracks.moves(recording, &ranges);
    tracks.faults(recording, &ranges);
    tracks.hints(recording, &ranges);
    tracks.occupancy(recording, &ranges);
    let mut events = tracks.names(recording);
    // What begins at one moment begins with what lasts longest.
    tracks.events.sort_by(|a, b| a.ts.total_cmp(&b.ts).then(b.dur.unwrap_or(0.0).total_cmp(&a.dur.unwrap_or(0.0))));
    events.append(&mut tracks.events);
    let other_data =
        Other { title: &recording.title, device: &recording.about.capabilities.device, lost_events: recording.lost() };
    serde_json::to_writer(to, &File { display_time_unit: "ms", other_data, trace_events: events })?;
    Ok(())
}

struct Tracks<'r> {
    start: u64,
    /// When the last event of each track ends, by its process, its number and its lane.
    ends: BTreeMap<(u32, u32), Vec<u64>>,
    events: Vec<Event<'r>>,
}

impl<'r> Tracks<'r> {
    fn kernels(&mut self, recording: &'r Recording) {
        let mut launches: Vec<_> = recording.launches.iter().filter_map(|launch| Some((launch, launch.ran?))).collect();
        launches.sort_by_key(|(_, [start, _])| *start);
        for (launch, time) in launches {
            let name = recording.kernels.get(launch.kernel).map_or("kernel", String::as_str);
            let pages = |in_place: bool| {
                let of = launch.uses.iter().filter(|used| !in_place || used.in_place);
                Some(of.map(|used| used.pages.len() as u64).sum())
            };
            let args =
                Args { point: Some(launch.point), pages: pages(false), in_place_pages: pages(true), ..Args::default() };
            self.slice(DEVICE, 1, time, name, args);
        }
        for launch in &recording.launches {
            let args = Args { point: Some(launch.point), ..Args::default() };
            self.instant(CPU, launch.thread, launch.issued, "launch", args);
        }
    }

    fn moves(&mut self, recording: &'r Recording, ranges: &'r Ranges) {
        let mut moves: Vec<_> = recording.moves.iter().collect();
        moves.sort_by_key(|m| m.since);
        for m in moves {
            let track = track_of(m.direction, m.cause);
            let args = at(recording, ranges, m.pages.start, m.pages.len());
            match m.direction {
                Direction::Left => self.instant(MOVES, track, m.at, m.cause.name(), args),
                _ => self.slice(MOVES, track, [m.since.min(m.at), m.at], m.cause.name(), args),
            }
        }
    }

    fn faults(&mut self, recording: &'r Recording, ranges: &'r Ranges) {
        let mut faults: Vec<_> = recording.faults.iter().collect();
        faults.sort_by_key(|fault| fault.since);
        for fault in faults {
            let name = if fault.write { "write fault" } else { "read fault" };
            let args = Args { pages: Some(fault.pages as u64), ..at(recording, ranges, fault.page, fault.pages) };
            self.slice(CPU, fault.thread, [fault.since, fault.at], name, args);
        }
    }

    fn hints(&mut self, recording: &'r Recording, ranges: &'r Ranges) {
        for hint in &recording.hints {
            let args = at(recording, ranges, hint.pages.start, hint.pages.len());
            self.instant(CPU, hint.thread, hint.at, hint.hint.name(), args);
        }
    }

    /// Device memory in use, whenever it changes.
    fn occupancy(&mut self, recording: &Recording, ranges: &Ranges) {
        let (mut pages, mut values) = (0_u64, vec![]);
        recording.follow(ranges.extent(), |step| {
            let there = |place: Place| u64::from(place != Place::Host);
            let now = pages + there(step.after) - there(step.before);
            if now != pages {
                pages = now;
                values.push((step.at, pages));
            }
        });
        // Pages that move together are one change.
        values.dedup_by(|next, before| {
            let together = next.0 == before.0;
            if together {
                before.1 = next.1;
            }
            together
        });
        for (at, pages) in values {
            let args = Args { bytes: Some(pages * PAGE as u64), ..Args::default() };
            let ts = self.micros(at);
            self.events.push(Event {
                name: "device memory",
                ph: "C",
                ts,
                dur: None,
                pid: DEVICE,
                tid: 0,
                s: None,
                args,
            });
        }
    }

    /// What lasts; called in the order of beginnings.
    fn slice(&mut self, pid: u32, track: u32, [from, to]: [u64; 2], name: &'r str, args: Args<'r>) {
        let ends = self.ends.entry((pid, track)).or_default();
        let lane = ends.iter().position(|end| *end <= from).unwrap_or(ends.len());
        match ends.get_mut(lane) {
            Some(end) => *end = to,
            None => ends.push(to),
        }
        let tid = track.wrapping_add(lane as u32 * LANE);
        let (ts, dur) = (self.micros(from), Some((to - from) as f64 / 1e3));
        self.events.push(Event { name, ph: "X", ts, dur, pid, tid, s: None, args });
    }

    fn instant(&mut self, pid: u32, tid: u32, at: u64, name: &'r str, args: Args<'r>) {
        // A track that has nothing else has a name, too.
        self.ends.entry((pid, tid)).or_insert_with(|| vec![0]);
        let ts = self.micros(at);
        self.events.push(Event { name, ph: "i", ts, dur: None, pid, tid, s: Some("t"), args });
    }

    fn micros(&self, at: u64) -> f64 {
        at.saturating_sub(self.start) as f64 / 1e3
    }

    /// The names of processes and tracks.
    fn names(&self, recording: &Recording) -> Vec<Event<'r>> {
        let meta = |name, pid, tid, args| Event { name, ph: "M", ts: 0.0, dur: None, pid, tid, s: None, args };
        let device = format!("device {}", recording.about.capabilities.device);
        let mut events = vec![];
        for (pid, name) in [(DEVICE, device), (MOVES, "pages moved".into()), (CPU, "CPU".into())] {
            events.push(meta("process_name", pid, 0, Args { name: Some(name), ..Args::default() }));
            events.push(meta("process_sort_index", pid, 0, Args { sort_index: Some(pid), ..Args::default() }));
        }
        for ((pid, track), lanes) in &self.ends {
            let name = match *pid {
                DEVICE => "kernels".into(),
                MOVES => track_name(*track),
                _ => match recording.about.threads.get(track) {
                    Some(name) => format!("{name} ({track})"),
                    None => format!("thread {track}"),
                },
            };
            for lane in 0..lanes.len() as u32 {
                let tid = track.wrapping_add(lane * LANE);
                events.push(meta("thread_name", *pid, tid, Args { name: Some(name.clone()), ..Args::default() }));
            }
        }
        events
    }
}

fn at<'r>(recording: &Recording, ranges: &'r Ranges, page: usize, pages: usize) -> Args<'r> {
    Args {
        pages: Some(pages as u64),
        bytes: Some((pages * PAGE) as u64),
        range: ranges.of_page(page).map(|range| ranges.all()[range].name.as_str()),
        address: Some(format!("{:#x}", recording.address(page))),
        ..Args::default()
    }
}

const DIRECTIONS: [(Direction, &str); 3] =
    [(Direction::ToDevice, "to device"), (Direction::ToHost, "to host"), (Direction::Left, "left")];

fn track_of(direction: Direction, cause: Cause) -> u32 {
    let direction = DIRECTIONS.iter().position(|(known, _)| *known == direction).unwrap_or(0);
    1 + (direction * Cause::ALL.len() + cause as usize) as u32
}

fn track_name(track: u32) -> String {
    let at = (track - 1) as usize;
    let (direction, cause) = (at / Cause::ALL.len(), Cause::ALL[at % Cause::ALL.len()]);
    format!("{}: {}", DIRECTIONS[direction].1, cause.name())
}
