//! What memory is shown as: ranges with names, and the rows of the map that they take.

use super::Recording;
use std::ops::Range;

/// Neighbouring pages that are shown under one name.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub name: String,
    pub pages: Range<usize>,
    /// Whether the program has named it, so that advice can do so.
    pub named: bool,
}

/// All memory that anything happened to, in the order of addresses.
pub(super) struct Ranges(Vec<Shown>);

/// A row of the map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The number of its range.
    pub range: usize,
    pub pages: Range<usize>,
}

/// Rows that fill a laptop's screen, four pixels each.
const ROWS: usize = 160;

/// Ranges that can be told apart beside them. Of more, those that the program has not named are put together with their neighbours.
const RANGES: usize = 40;

/// Names of allocations that had the same pages one after the other which are told.
const NAMES: usize = 3;

impl Ranges {
    pub fn of(recording: &Recording) -> Self {
        let touched = touched(recording);
        let mut ranges: Vec<Shown> = vec![];
        let mut names: Vec<Vec<&str>> = vec![];
        let mut allocations: Vec<_> = recording.allocations.iter().collect();
        allocations.sort_by_key(|allocation| allocation.pages.start);
        for allocation in allocations.into_iter().filter(|allocation| meets(&touched, &allocation.pages)) {
            let shares = ranges.last().is_some_and(|last| allocation.pages.start < last.pages.end);
            if !shares {
                ranges.push(Shown { name: String::new(), pages: allocation.pages.clone(), named: false });
                names.push(vec![]);
            }
            let (Some(range), Some(names)) = (ranges.last_mut(), names.last_mut()) else { continue };
            range.pages.end = range.pages.end.max(allocation.pages.end);
            if let Some(name) = allocation.name.as_deref().filter(|name| !names.contains(name)) {
                names.push(name);
            }
        }
        for (range, mut names) in ranges.iter_mut().zip(names) {
            range.named = !names.is_empty();
            if names.len() > NAMES {
                names.truncate(NAMES);
                names.push("…");
            }
            range.name = match range.named {
                true => names.join(" / "),
                false => format!("allocation at {:#x}", recording.address(range.pages.start)),
            };
        }
        ranges.extend(between(&touched, &ranges));
        ranges.sort_by_key(|range| range.pages.start);
        Ranges(together(ranges))
    }

    pub fn all(&self) -> &[Shown] {
        &self.0
    }

    /// The number of the range that has this page.
    pub fn of_page(&self, page: usize) -> Option<usize> {
        let at = self.0.partition_point(|range| range.pages.end <= page);
        self.0.get(at).filter(|range| range.pages.contains(&page)).map(|_| at)
    }

    /// From the first page to the last, with what lies between the ranges.
    pub fn extent(&self) -> Range<usize> {
        match (self.0.first(), self.0.last()) {
            (Some(first), Some(last)) => first.pages.start..last.pages.end,
            _ => 0..0,
        }
    }

    /// The map's rows: of as many pages each, a power of two, as keeps them few enough.
    pub fn rows(&self) -> Vec<Row> {
        let rows = |each: usize| self.0.iter().map(|range| range.pages.len().div_ceil(each)).sum::<usize>();
        let mut each = 1;
        while rows(each) > ROWS.max(self.0.len()) {
            each *= 2;
        }
        let of = |(range, shown): (usize, &Shown)| {
            let Range { start, end } = shown.pages;
            (start..end).step_by(each).map(move |at| Row { range, pages: at..end.min(at + each) })
        };
        self.0.iter().enumerate().flat_map(of).collect()
    }
}

/// The pages that anything happened to, as few ranges as there can be, in order.
fn touched(recording: &Recording) -> Vec<Range<usize>> {
    let used = recording.launches.iter().flat_map(|launch| launch.uses.iter().map(|used| used.pages.clone()));
    let moved = recording.moves.iter().map(|m| m.pages.clone());
    let faulted = recording.faults.iter().map(|fault| fault.page..fault.page + 1);
    let mut all: Vec<_> = used.chain(moved).chain(faulted).collect();
    all.sort_by_key(|pages| pages.start);
    let mut joined: Vec<Range<usize>> = vec![];
    for pages in all {
        match joined.last_mut() {
            Some(last) if pages.start <= last.end => last.end = last.end.max(pages.end),
            _ => joined.push(pages),
        }
    }
    joined
}

/// Whether `pages` has any of the ranges, which are in order.
fn meets(ranges: &[Range<usize>], pages: &Range<usize>) -> bool {
    let at = ranges.partition_point(|range| range.end <= pages.start);
    ranges.get(at).is_some_and(|range| range.start < pages.end)
}

/// What was touched outside of the allocations of whole pages, which are in order: what small ones share.
fn between(touched: &[Range<usize>], known: &[Shown]) -> Vec<Shown> {
    let mut found = vec![];
    let mut small = |pages: Range<usize>| {
        if !pages.is_empty() {
            found.push(Shown { name: "small allocations".into(), pages, named: false });
        }
    };
    for pages in touched {
        let mut at = pages.start;
        let from = known.partition_point(|range| range.pages.end <= at);
        for range in known[from..].iter().take_while(|range| range.pages.start < pages.end) {
            small(at..range.pages.start.max(at));
            at = at.max(range.pages.end);
        }
        small(at..pages.end.max(at));
    }
    found
}

/// Puts ranges without names together with their neighbours of the same kind, where there are too many.
fn together(ranges: Vec<Shown>) -> Vec<Shown> {
    if ranges.len() <= RANGES {
        return ranges;
    }
    let mut fewer: Vec<(Shown, usize)> = vec![];
    for range in ranges {
        match fewer.last_mut() {
            Some((last, count)) if !last.named && !range.named => {
                last.pages.end = range.pages.end;
                *count += 1;
            }
            _ => fewer.push((range, 1)),
        }
    }
    let named = |(range, count): (Shown, usize)| match count {
        1 => range,
        _ => Shown { name: format!("{count} allocations"), ..range },
    };
    fewer.into_iter().map(named).collect()
}
