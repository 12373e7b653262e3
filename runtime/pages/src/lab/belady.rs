//! Belady's optimum: the page that is used last goes.
//!
//! A launch needs all of its pages at once, and pages are all of one size, so dropping the page whose next use is the furthest
//! away, among those that the launch does not need, still fetches as few pages as there can be: the usual exchange of one choice
//! for another goes through unchanged. What a page's next use is, is as seen by the device: a CPU write in between makes the
//! device's copy worthless, and such a page counts as never used again. A CPU read does not: whoever moves least lets both have the
//! page.
//!
//! It goes page by page, though eviction goes by blocks: the bound is that of what could be done at all.

use super::{Outcome, Room};
use crate::{
    mask::PAGES,
    pages::{Want, parts},
    trace::{Side, Trace, What},
};
use std::{collections::BTreeSet, ops::Range};

/// No launch uses it again while the device's copy is worth anything.
const NEVER: u32 = u32::MAX;

/// A launch's pages.
struct Uses {
    /// Page, whether it may be written, and the number of the launch that uses the page next.
    pages: Vec<(usize, bool, u32)>,
}

/// What is with the device.
struct Residents {
    /// When each page is used next; `None` where it is not with the device.
    next: Vec<Option<u32>>,
    stale: Vec<bool>,
    /// The same, in the order of next use.
    order: BTreeSet<(u32, usize)>,
}

/// The fewest pages that can be moved to the device for this program.
pub(super) fn replay(trace: &Trace, room: &Room) -> Outcome {
    let heap = trace.header.pages;
    let plan = plan(trace, room.budget);
    let mut out = Outcome::default();
    let mut residents = Residents { next: vec![None; heap], stale: vec![false; heap], order: BTreeSet::new() };
    let mut launches = plan.iter();
    for event in &trace.events {
        match &event.what {
            What::Launch { .. } => {
                let Some(uses) = launches.next() else { break };
                if uses.pages.len() > room.budget {
                    out.refused += 1;
                } else {
                    residents.launch(uses, room, &mut out);
                }
            }
            What::Touch { page, pages, write } => residents.touch(*page..page + pages, *write, room, &mut out),
            What::Free { pages } | What::Discard { pages } => {
                let gone = pages.clone().filter(|page| residents.remove(*page)).count();
                out.dropped += gone as u64;
                out.left += gone as u64;
                pages.clone().for_each(|page| residents.stale[page] = false);
            }
            // Nothing that is said of pages changes what is best.
            What::Prefetch { pages, to: Side::Host } => {
                let stale: Vec<usize> = pages.clone().filter(|page| residents.stale[*page]).collect();
                residents.copy_out(&stale, room, &mut out);
            }
            What::Prefetch { .. } | What::Advise { .. } | What::Expect { .. } => (),
        }
    }
    out
}

/// The launches, in order.
fn plan(trace: &Trace, budget: usize) -> Vec<Uses> {
    let mut next = vec![NEVER; trace.header.pages];
    let mut number = trace.events.iter().filter(|event| matches!(event.what, What::Launch { .. })).count();
    let mut launches = vec![];
    for event in trace.events.iter().rev() {
        match &event.what {
            What::Launch { wants, .. } => {
                number -= 1;
                let mut pages = pages(wants);
                // One that cannot run uses nothing.
                if pages.len() <= budget {
                    for (page, _, then) in &mut pages {
                        *then = std::mem::replace(&mut next[*page], number as u32);
                    }
                }
                launches.push(Uses { pages });
            }
            What::Touch { page, write: true, .. } => next[*page] = NEVER,
            What::Free { pages } | What::Discard { pages } => next[pages.clone()].fill(NEVER),
            _ => (),
        }
    }
    launches.reverse();
    launches
}

/// The pages of a launch, each once, and which of them it may write.
fn pages(wants: &[Want]) -> Vec<(usize, bool, u32)> {
    let of = |part: crate::block::Part| {
        part.all.iter().map(move |page| (part.block * PAGES + page, part.write.has(page), NEVER))
    };
    parts(wants.iter()).into_iter().flat_map(of).collect()
}

/// How many runs of pages that follow each other there are.
fn runs(pages: &[usize]) -> usize {
    usize::from(!pages.is_empty()) + pages.windows(2).filter(|pair| pair[0] + 1 != pair[1]).count()
}

impl Residents {
    fn launch(&mut self, uses: &Uses, room: &Room, out: &mut Outcome) {
        out.launches += 1;
        let missing: Vec<usize> =
            uses.pages.iter().map(|(page, ..)| *page).filter(|page| self.next[*page].is_none()).collect();
        let mut gone = vec![];
        while self.order.len() + missing.len() > room.budget {
            // Never one of its own, which are used now, sooner than any other: that many fit.
            let Some((_, page)) = self.order.last().copied() else { break };
            self.remove(page);
            gone.push(page);
        }
        let (stale, clean): (Vec<usize>, Vec<usize>) = gone.into_iter().partition(|page| self.stale[*page]);
        out.dropped += clean.len() as u64;
        out.left += (clean.len() + stale.len()) as u64;
        self.copy_out(&stale, room, out);
        out.misses += missing.len() as u64;
        out.pay_copy(&room.costs, true, missing.len(), runs(&missing));
        for (page, write, next) in &uses.pages {
            self.remove(*page);
            self.next[*page] = Some(*next);
            self.order.insert((*next, *page));
            self.stale[*page] |= write;
            out.pay_use(&room.costs, true, *write);
        }
        out.peak = out.peak.max(self.order.len());
    }

    fn touch(&mut self, pages: Range<usize>, write: bool, room: &Room, out: &mut Outcome) {
        let page = pages.start;
        let faults = if write { self.next[page].is_some() } else { self.stale[page] };
        if !faults {
            return;
        }
        out.pay_fault(&room.costs);
        let stale: Vec<usize> = pages.filter(|page| self.stale[*page]).collect();
        let copied = self.stale[page];
        self.copy_out(&stale, room, out);
        // What is served along with a write was not written, as far as is known.
        if write && self.remove(page) {
            out.left += 1;
            out.dropped += u64::from(!copied);
        }
    }

    /// Pages come home; they may stay with the device as well.
    fn copy_out(&mut self, pages: &[usize], room: &Room, out: &mut Outcome) {
        let mut pages = pages.to_vec();
        pages.sort_unstable();
        out.pay_copy(&room.costs, false, pages.len(), runs(&pages));
        pages.into_iter().for_each(|page| self.stale[page] = false);
    }

    /// The page is not with the device any more. Whether it was.
    fn remove(&mut self, page: usize) -> bool {
        let next = self.next[page].take();
        next.is_some_and(|next| self.order.remove(&(next, page)))
    }
}
