//! What was read from the log, put together: launches with what they used, moves, faults, and what memory is called.

use super::{
    Cause, Clock, Entry, Hint,
    log::Contents,
    names::{Given, NamedRegion},
};
use crate::{
    Capabilities, Stats,
    addr::{PAGE, Span},
};
use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};
use vksvm_pages::{Costs, DeviceModel};

/// What happened on a heap, as far as it was logged: from [`Svm::recording`](crate::Svm::recording).
#[derive(Clone)]
pub struct Recording {
    pub(super) title: String,
    pub(super) about: About,
    /// Kernels' names, by number.
    pub(super) kernels: Vec<String>,
    /// All that was logged, in that order.
    pub(super) entries: Vec<Entry>,
    /// In the order of their points.
    pub(super) launches: Vec<Launch>,
    /// In the order in which they ended.
    pub(super) moves: Vec<Move>,
    pub(super) faults: Vec<Fault>,
    pub(super) hints: Vec<Hinted>,
    pub(super) allocations: Vec<Allocation>,
    lost: u64,
}

/// The heap and the device that a recording is about, when it was made.
#[derive(Clone)]
pub(crate) struct About {
    pub capabilities: Capabilities,
    pub stats: Stats,
    /// The heap's unified addresses.
    pub heap: Span,
    pub clock: Clock,
    /// What policy reckons with, in discrete placement.
    pub costs: Option<(DeviceModel, Costs)>,
    /// The names of threads that were alive, by their numbers.
    pub threads: HashMap<u32, String>,
}

/// What a recording is made from.
pub(super) struct Parts {
    pub contents: Contents,
    pub names: Given,
    pub about: About,
}

/// A launch. Times are in ns of the system's clock.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    pub point: u64,
    pub kernel: usize,
    pub thread: u32,
    pub issued: u64,
    /// When it began and ended, where the device has told.
    pub ran: Option<[u64; 2]>,
    pub uses: Vec<Used>,
}

/// Pages that a launch uses.
#[derive(Clone, Debug)]
pub(super) struct Used {
    pub pages: Range<usize>,
    pub write: bool,
    pub in_place: bool,
}

/// Where pages went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    ToDevice,
    ToHost,
    /// Nothing was copied; the device has no copy any more.
    Left,
}

/// Pages that were copied, or that left the device.
#[derive(Clone, Debug)]
pub(super) struct Move {
    pub direction: Direction,
    pub pages: Range<usize>,
    pub cause: Cause,
    pub since: u64,
    pub at: u64,
}

/// A CPU touch that was served.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub page: usize,
    pub write: bool,
    pub thread: u32,
    pub since: u64,
    pub at: u64,
    /// Pages that came home with it, or lost their device copies.
    pub pages: usize,
}

/// A hint of the program.
#[derive(Clone, Debug)]
pub(super) struct Hinted {
    pub hint: Hint,
    pub pages: Range<usize>,
    pub thread: u32,
    pub at: u64,
}

/// Whole pages that belong to one allocation.
#[derive(Clone, Debug)]
pub(super) struct Allocation {
    pub pages: Range<usize>,
    pub from: u64,
    /// `None` where it was still there.
    pub until: Option<u64>,
    /// The last that it was given.
    pub name: Option<String>,
    /// From the first to the last of its pages that launches, moves or faults had to do with.
    pub touched: Option<Range<usize>>,
}

impl Recording {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { contents: Contents { entries, lost }, names, about } = parts;
        let mut reader = Reader::new(&about.clock);
        entries.iter().for_each(|entry| reader.read(entry));
        let Reader { mut launches, moves, mut faults, hints, mut allocations, .. } = reader;
        launches.sort_by_key(|launch| launch.point);
        serve(&mut faults, &moves);
        names.regions.iter().for_each(|region| name(&mut allocations, region, about.heap));
        let title = String::from("a heap of vksvm");
        Recording { title, about, kernels: names.kernels, entries, launches, moves, faults, hints, allocations, lost }
    }

    /// What traces and reports call it; for instance the program and what it was asked to do.
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Events that are missing, since the log was full: see [`SvmBuilder::trace_events`](crate::SvmBuilder::trace_events).
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// The first and the last moment of what was logged.
    pub(super) fn time(&self) -> Range<u64> {
        let launches = self.launches.iter().flat_map(|launch| launch.ran.into_iter().flatten().chain([launch.issued]));
        // Frees at a program's end would only make the rest small.
        let moves = self.moves.iter().filter(|m| m.cause != Cause::Freed).flat_map(|m| [m.since, m.at]);
        let faults = self.faults.iter().flat_map(|fault| [fault.since, fault.at]);
        let all = launches.chain(moves).chain(faults);
        let (first, last) = all.fold((u64::MAX, 0), |(first, last), at| (first.min(at), last.max(at)));
        if first > last { 0..1 } else { first..last.max(first + 1) }
    }

    /// The unified address of a page.
    pub(super) fn address(&self, page: usize) -> u64 {
        self.about.heap.start + (page * PAGE) as u64
    }
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recording('{}', {} entries, {} lost)", self.title, self.entries.len(), self.lost)
    }
}

/// Goes through the entries.
struct Reader<'c> {
    clock: &'c Clock,
    launches: Vec<Launch>,
    /// Where the launch of a point is.
    points: HashMap<u64, usize>,
    moves: Vec<Move>,
    faults: Vec<Fault>,
    /// Of those, the ones that wait, by their page and whether they write.
    parked: HashMap<(usize, bool), Vec<usize>>,
    hints: Vec<Hinted>,
    allocations: Vec<Allocation>,
    /// Of those, the ones that are there, by their first page.
    live: BTreeMap<usize, usize>,
}

impl<'c> Reader<'c> {
    fn new(clock: &'c Clock) -> Self {
        Reader {
            clock,
            launches: vec![],
            points: HashMap::new(),
            moves: vec![],
            faults: vec![],
            parked: HashMap::new(),
            hints: vec![],
            allocations: vec![],
            live: BTreeMap::new(),
        }
    }

    fn read(&mut self, entry: &Entry) {
        if let Some(pages) = entry.touches() {
            self.touch(pages);
        }
        let mut moved = |direction, first, pages, cause, since, at| {
            self.moves.push(Move { direction, pages: first..first + pages, cause, since, at });
        };
        match *entry {
            Entry::Launched { point, kernel, thread, at } => {
                self.points.insert(point, self.launches.len());
                let kernel = kernel as usize;
                self.launches.push(Launch { point, kernel, thread, issued: at, ran: None, uses: vec![] });
            }
            Entry::Used { point, first, pages, write, in_place } => {
                if let Some(launch) = self.launch(point) {
                    launch.uses.push(Used { pages: first..first + pages, write, in_place });
                }
            }
            Entry::Ran { point, ticks } => {
                let [start, end] = ticks.map(|ticks| self.clock.host(ticks));
                let ran = start.zip(end).map(|(start, end)| [start, end.max(start)]);
                if let Some(launch) = self.launch(point) {
                    launch.ran = ran;
                }
            }
            Entry::ToDevice { first, pages, cause, since, at } => {
                moved(Direction::ToDevice, first, pages, cause, since, at)
            }
            Entry::ToHost { first, pages, cause, since, at } => {
                moved(Direction::ToHost, first, pages, cause, since, at)
            }
            Entry::Left { first, pages, cause, at } => moved(Direction::Left, first, pages, cause, at, at),
            Entry::Faulted { page, write, thread, since, at } => {
                self.faults.push(Fault { page, write, thread, since, at, pages: 1 })
            }
            Entry::Parked { page, write, thread, at } => {
                self.parked.entry((page, write)).or_default().push(self.faults.len());
                self.faults.push(Fault { page, write, thread, since: at, at, pages: 1 });
            }
            Entry::Unparked { page, write, at } => {
                for waiting in self.parked.remove(&(page, write)).into_iter().flatten() {
                    self.faults[waiting].at = at.max(self.faults[waiting].since);
                }
            }
            Entry::Allocated { first, pages, at } => {
                let pages = first..first + pages;
                match self.live.get(&first) {
                    // It has grown or shrunk where it is.
                    Some(known) => self.allocations[*known].pages = pages,
                    None => {
                        self.live.insert(first, self.allocations.len());
                        self.allocations.push(Allocation { pages, from: at, until: None, name: None, touched: None });
                    }
                }
            }
            Entry::Freed { first, at, .. } => {
                if let Some(known) = self.live.remove(&first) {
                    self.allocations[known].until = Some(at);
                }
            }
            Entry::Hinted { hint, first, pages, thread, at } => {
                self.hints.push(Hinted { hint, pages: first..first + pages, thread, at });
            }
            Entry::Bouncing { .. } => {}
        }
    }

    fn touch(&mut self, pages: Range<usize>) {
        for (_, known) in self.live.range(..pages.end).rev() {
            let allocation = &mut self.allocations[*known];
            // They do not overlap, so those before this one end before it, too.
            if allocation.pages.end <= pages.start {
                break;
            }
            let here = pages.start.max(allocation.pages.start)..pages.end.min(allocation.pages.end);
            allocation.touched = Some(match &allocation.touched {
                Some(known) => known.start.min(here.start)..known.end.max(here.end),
                None => here,
            });
        }
    }

    fn launch(&mut self, point: u64) -> Option<&mut Launch> {
        self.points.get(&point).map(|at| &mut self.launches[*at])
    }
}

/// Finds out how many pages came with each fault: those that moved for a fault, meanwhile, and with the touched page among them.
fn serve(faults: &mut [Fault], moves: &[Move]) {
    let mut served: Vec<&Move> =
        moves.iter().filter(|m| m.cause == Cause::Fault && m.direction != Direction::ToDevice).collect();
    served.sort_by_key(|m| m.at);
    for fault in faults {
        let from = served.partition_point(|m| m.at < fault.since);
        let meanwhile = served[from..].iter().take_while(|m| m.at <= fault.at);
        let with = meanwhile.filter(|m| m.pages.contains(&fault.page));
        fault.pages = with.map(|m| m.pages.len()).max().unwrap_or(1);
    }
}

/// Gives a name to the allocation that has pages in a region and was there at the time. Small ones share their pages, and are taken for
/// all of them.
fn name(allocations: &mut Vec<Allocation>, region: &NamedRegion, heap: Span) {
    let NamedRegion { span, name, since } = region;
    let pages = span.units(heap.start, PAGE);
    let overlaps = |a: &Allocation| a.pages.start < pages.end && pages.start < a.pages.end;
    let then = |a: &Allocation| a.from <= *since && a.until.is_none_or(|until| *since < until);
    let mut found = false;
    for allocation in allocations.iter_mut().filter(|a| then(a) && overlaps(a)) {
        allocation.name = Some(name.clone());
        found = true;
    }
    if !found && !pages.is_empty() {
        let touched = Some(pages.clone());
        allocations.push(Allocation { pages, from: *since, until: None, name: Some(name.clone()), touched });
    }
}
