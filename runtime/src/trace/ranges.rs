//! What memory is shown as: ranges with names, and the rows of the map that they take.

use super::{Allocation, Recording};
use std::ops::Range;

/// Neighbouring pages that are shown under one name.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub name: String,
    pub pages: Range<usize>,
    pub kind: Naming,
}

/// What kind of name a range has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// The program's.
    Given,
    /// Where it begins.
    Address,
    /// It is several allocations.
    Several,
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
        let mut ranges = allocated(recording);
        ranges.extend(between(&touched(recording), &ranges));
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

    /// The numbers of the ranges that have some of these pages.
    pub fn of_pages(&self, pages: &Range<usize>) -> impl Iterator<Item = usize> + use<> {
        let first = self.0.partition_point(|range| range.pages.end <= pages.start);
        first..self.0.partition_point(|range| range.pages.start < pages.end).max(first)
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

/// What of the allocations something happened to. Pages that several had, one after the other, are divided where one of them begins or
/// ends.
fn allocated(recording: &Recording) -> Vec<Shown> {
    let touched = recording.allocations.iter().filter_map(|allocation| Some((allocation.touched.clone()?, allocation)));
    let mut coming: Vec<(Range<usize>, &Allocation)> = touched.collect();
    let mut borders: Vec<usize> = coming.iter().flat_map(|(pages, _)| [pages.start, pages.end]).collect();
    borders.sort_unstable();
    borders.dedup();
    coming.sort_by_key(|(pages, _)| pages.start);
    let mut coming = coming.into_iter().peekable();
    let mut here: Vec<(Range<usize>, &Allocation)> = vec![];
    let mut found: Vec<(Vec<&str>, Range<usize>)> = vec![];
    for (from, to) in borders.iter().zip(borders.iter().skip(1)) {
        here.retain(|(pages, _)| pages.end > *from);
        let stays = !here.is_empty();
        while let Some(next) = coming.next_if(|(pages, _)| pages.start == *from) {
            here.push(next);
        }
        if here.is_empty() {
            continue;
        }
        here.sort_by_key(|(_, allocation)| allocation.from);
        let mut names: Vec<&str> = vec![];
        for name in here.iter().filter_map(|(_, allocation)| allocation.name.as_deref()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        match found.last_mut() {
            // A border that only an allocation of another time has.
            Some((known, pages)) if stays && *known == names => pages.end = *to,
            _ => found.push((names, *from..*to)),
        }
    }
    let shown = |(mut names, pages): (Vec<&str>, Range<usize>)| {
        let named = !names.is_empty();
        if names.len() > NAMES {
            names.truncate(NAMES);
            names.push("…");
        }
        let address = || format!("{:#x}", recording.address(pages.start));
        let kind = if named { Naming::Given } else { Naming::Address };
        Shown { name: if named { names.join(" / ") } else { address() }, pages, kind }
    };
    found.into_iter().map(shown).collect()
}

/// What was touched outside of the allocations of whole pages, which are in order: what small ones share.
fn between(touched: &[Range<usize>], known: &[Shown]) -> Vec<Shown> {
    let mut found = vec![];
    let mut small = |pages: Range<usize>| {
        if !pages.is_empty() {
            found.push(Shown { name: "small allocations".into(), pages, kind: Naming::Several });
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
            Some((last, count)) if last.kind != Naming::Given && range.kind != Naming::Given => {
                last.pages.end = range.pages.end;
                *count += 1;
            }
            _ => fewer.push((range, 1)),
        }
    }
    let named = |(range, count): (Shown, usize)| match count {
        1 => range,
        _ => Shown { name: format!("{count} allocations"), kind: Naming::Several, ..range },
    };
    fewer.into_iter().map(named).collect()
}
