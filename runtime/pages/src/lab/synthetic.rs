//! Programs as their traces would be: for tests and for tuning.

use crate::{
    pages::Want,
    policy::{Advised, Costs, DeviceModel},
    trace::{Event, Header, Trace, What},
};
use std::ops::Range;

/// Steele and Vigna's splitmix64: the same numbers each time.
pub(crate) struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// One of the numbers below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// A program in the making.
#[derive(Default)]
pub(super) struct Program {
    events: Vec<Event>,
    /// Pages given out so far.
    pages: usize,
    at: u64,
}

impl Program {
    /// Memory of its own, from a block's start on if it is large.
    pub fn allocate(&mut self, pages: usize) -> Range<usize> {
        if pages >= 32 {
            self.pages = self.pages.next_multiple_of(32);
        }
        let start = self.pages;
        self.pages += pages;
        start..self.pages
    }

    /// A launch that reads and writes these.
    pub fn launch(&mut self, kernel: u64, reads: &[Range<usize>], writes: &[Range<usize>]) {
        let want = |write| move |pages: &Range<usize>| Want { pages: pages.clone(), write };
        let wants: Vec<Want> = reads.iter().map(want(false)).chain(writes.iter().map(want(true))).collect();
        let mix = |hash: u64, want: &Want| {
            let word = (want.pages.start as u64) << 33 | (want.pages.end as u64) << 1 | u64::from(want.write);
            Random(hash ^ word).next()
        };
        let signature = wants.iter().fold(kernel, mix);
        self.push(What::Launch { signature, wants: wants.into() });
    }

    /// The CPU goes through pages in order; faults bring home twice as much each time.
    pub fn cpu(&mut self, pages: Range<usize>, write: bool) {
        let (mut page, mut served) = (pages.start, 1);
        while page < pages.end {
            let now = served.min(pages.end - page).min(32 - page % 32);
            self.push(What::Touch { page, pages: now, write });
            (page, served) = (page + now, 2 * served);
        }
    }

    fn push(&mut self, what: What) {
        self.at += 250;
        self.events.push(Event { at: self.at, what });
    }

    /// The trace. Its heap is what the program works on.
    pub fn trace(self) -> Trace {
        let header = Header {
            pages: self.pages,
            page_bytes: 65536,
            budget: self.pages,
            in_place: true,
            model: DeviceModel::Pcie4,
            costs: Costs::PCIE4,
        };
        Trace { header, events: self.events }
    }
}

/// `pages` in so many equal parts.
fn part(pages: &Range<usize>, parts: usize, number: usize) -> Range<usize> {
    let at = |number: usize| pages.start + pages.len() * number / parts;
    at(number)..at(number + 1)
}

/// Reads the same data in the same order, again and again.
pub(super) fn scan(periods: usize) -> Trace {
    let mut p = Program::default();
    let data = p.allocate(32 * 32);
    for _ in 0..periods {
        (0..32).for_each(|i| p.launch(1, &[part(&data, 32, i)], &[]));
    }
    p.trace()
}

/// Two grids: one is made of the other and of its neighbours' edges, strip by strip, and then they change places.
pub(super) fn ping_pong(periods: usize) -> Trace {
    let mut p = Program::default();
    let grids = [p.allocate(16 * 28), p.allocate(16 * 28)];
    for period in 0..periods {
        let (from, to) = (&grids[period % 2], &grids[(period + 1) % 2]);
        for i in 0..16 {
            let strip = part(from, 16, i);
            let around = strip.start.saturating_sub(1).max(from.start)..(strip.end + 1).min(from.end);
            p.launch(1, &[around], &[part(to, 16, i)]);
        }
    }
    p.trace()
}

/// A hot vector times a cold matrix, in parts that do not end where blocks do; then the result becomes the vector.
pub(super) fn hot_cold(periods: usize) -> Trace {
    let mut p = Program::default();
    let (values, columns) = (p.allocate(32 * 21), p.allocate(32 * 11));
    let (x, y) = (p.allocate(12), p.allocate(12));
    for _ in 0..periods {
        for i in 0..32 {
            p.launch(1, &[part(&values, 32, i), part(&columns, 32, i), x.clone()], &[part(&y, 12, i * 12 / 32)]);
        }
        p.launch(2, std::slice::from_ref(&y), std::slice::from_ref(&x));
        p.cpu(y.start..y.start + 1, false);
    }
    p.trace()
}

/// Ranks are made of ranks over a graph's edges, part by part: all of the old ones are read by each part, which makes some of the
/// new.
pub(super) fn ranks(periods: usize) -> Trace {
    let mut p = Program::default();
    let vectors = [p.allocate(32), p.allocate(32)];
    let degrees = p.allocate(32);
    let edges: Vec<_> = (0..16).map(|_| (p.allocate(32), p.allocate(3))).collect();
    let loose = p.allocate(1);
    for period in 0..periods {
        let (now, next) = (&vectors[period % 2], &vectors[(period + 1) % 2]);
        for (i, (source, row)) in edges.iter().enumerate() {
            let reads = [source.clone(), row.clone(), part(&degrees, 16, i), now.clone()];
            p.launch(1, &reads, &[part(next, 16, i), loose.clone()]);
        }
        p.cpu(loose.clone(), false);
    }
    p.trace()
}

/// Points in parts, a few centres that the CPU computes anew each time from what the launches say of each point.
pub(super) fn clusters(periods: usize) -> Trace {
    let mut p = Program::default();
    let (points, labels, centres) = (p.allocate(24 * 40), p.allocate(24 * 2), p.allocate(1));
    for _ in 0..periods {
        (0..24).for_each(|i| p.launch(1, &[part(&points, 24, i), centres.clone()], &[part(&labels, 24, i)]));
        p.cpu(labels.clone(), false);
        p.cpu(centres.clone(), true);
    }
    p.trace()
}

/// A table in shards; requests come by shard, some shards are asked for much more often than others, and the CPU writes requests
/// and reads answers.
pub(super) fn zipf(launches: usize) -> Trace {
    let mut p = Program::default();
    let (table, requests, answers) = (p.allocate(32 * 32), p.allocate(2), p.allocate(2));
    let mut random = Random(7);
    // A shard's weight is the reciprocal of its rank.
    let weights: Vec<u64> = (1..=32).map(|rank| 1_000_000 / rank).collect();
    let total = weights.iter().sum();
    for _ in 0..launches {
        let mut left = random.below(total);
        let rank = weights.iter().position(|weight| {
            let here = left < *weight;
            left = left.wrapping_sub(*weight);
            here
        });
        // Neighbours in rank are no neighbours in memory.
        let shard = rank.unwrap_or_default() * 13 % 32;
        p.cpu(requests.clone(), true);
        p.launch(1, std::slice::from_ref(&requests), &[part(&table, 32, shard), answers.clone()]);
        p.cpu(answers.clone(), false);
    }
    p.trace()
}

/// CPU and device take turns with one page, which the program wants with the device or does not care about.
pub(super) fn bounce(turns: usize, wants_device: bool) -> Trace {
    let mut p = Program::default();
    let page = p.allocate(1);
    if wants_device {
        p.push(What::Advise { what: Advised::PrefersDevice, pages: page.clone(), on: true });
    }
    for _ in 0..turns {
        p.launch(1, &[], std::slice::from_ref(&page));
        p.cpu(page.clone(), true);
    }
    p.trace()
}

/// What is worked on changes from time to time, and some of it comes again.
pub(super) fn phases(phases: usize) -> Trace {
    let mut p = Program::default();
    let sets = [p.allocate(12 * 32), p.allocate(12 * 32), p.allocate(12 * 32)];
    let common = p.allocate(64);
    for phase in 0..phases {
        let set = &sets[phase % 3];
        for _ in 0..8 {
            (0..12).for_each(|i| p.launch(phase as u64 % 3, &[part(set, 12, i), common.clone()], &[]));
        }
    }
    p.trace()
}

/// No order at all.
pub(super) fn random(launches: usize) -> Trace {
    let mut p = Program::default();
    let data = p.allocate(32 * 32);
    let mut random = Random(3);
    for _ in 0..launches {
        let at = random.below(32) as usize;
        p.launch(1, &[part(&data, 32, at)], &[]);
    }
    p.trace()
}
