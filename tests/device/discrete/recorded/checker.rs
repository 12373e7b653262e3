//! What must hold of a record, told from the record alone: nothing here knows how pages are moved, or when.

use super::tape::Item;
use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};
use vksvm::{PAGE, seam::Event};

/// What was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A page is copied to the device only while the CPU cannot write it (law 1).
    CopiedWhileWritable,
    /// A page that launches use is not moved, and the CPU gets no access to it that disturbs them (law 2).
    MovedInUse,
    /// The CPU never gets access to bytes that are out of date (laws 2 and 4).
    OutOfDate,
    /// What the device has written is copied back before it is forgotten.
    Lost,
    /// A launch finds each page that it uses, with the page's own content (law 10).
    NotThere,
    /// No two pages share a slot.
    SharedSlot,
    /// The CPU cannot write what a launch reads in device memory, nor touch what it writes (law 7).
    NotTaken,
    /// The pages of a launch are those of what it was declared to use.
    OtherPages,
}

/// A rule that was not kept, and by what.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub rule: Rule,
    pub text: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Access {
    /// None.
    Revoked,
    /// It may read.
    Protected,
    #[default]
    Open,
}

/// Where launches find a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Entry {
    #[default]
    Nowhere,
    InPlace,
    Slot(u32),
}

#[derive(Clone, Copy, Debug, Default)]
struct Page {
    access: Access,
    entry: Entry,
    /// Launches that use it, and those of them that write it: not ended, as far as anybody knew.
    users: u32,
    writers: u32,
    copying_in: bool,
    copying_out: bool,
    /// A launch has written it in device memory since it was last copied.
    dirty: bool,
    freed: bool,
}

/// Runs of pages, and whether they are written.
type Uses = Vec<(Range<usize>, bool)>;

#[derive(Default)]
struct Checker {
    pages: Vec<Page>,
    /// Whose content a slot has.
    content: HashMap<u32, usize>,
    /// Which page leads to it.
    leads: HashMap<u32, usize>,
    /// What launches use, by their points: from the whole record, since a launch may be submitted before it is known to be issued.
    uses: BTreeMap<u64, Uses>,
    live: BTreeMap<u64, ()>,
    ended: u64,
    /// The heap's first address, once a launch has told it.
    base: Option<u64>,
    problems: Vec<Problem>,
    at: usize,
}

/// What the record has of each kind, so that a test can tell that it has any.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub copies_in: usize,
    pub copies_out: usize,
    pub launches: usize,
    pub entries: usize,
    pub in_place: usize,
}

/// Every rule that was broken, in order.
pub fn problems(items: &[Item]) -> Vec<Problem> {
    let mut checker = Checker::default();
    for item in items {
        if let Item::Page(Event::Issued { point, first, pages, write }) = item {
            checker.uses.entry(*point).or_default().push((*first..first + pages, *write));
        }
    }
    for (at, item) in items.iter().enumerate() {
        checker.at = at;
        checker.take(item);
    }
    checker.problems
}

pub fn counts(items: &[Item]) -> Counts {
    let mut counts = Counts::default();
    for item in items {
        match item {
            Item::Page(Event::CopiedIn { pages, .. }) => counts.copies_in += pages,
            Item::Page(Event::CopiedOut { pages, .. }) => counts.copies_out += pages,
            Item::Page(Event::PointedAt { pages, .. }) => counts.entries += pages,
            Item::Page(Event::PointedHome { pages, in_place: true, .. }) => counts.in_place += pages,
            Item::Submitted { .. } => counts.launches += 1,
            _ => {}
        }
    }
    counts
}

impl Checker {
    fn broken(&mut self, rule: Rule, page: usize, what: &str) {
        let (at, state) = (self.at, *self.page(page));
        let text = format!("entry {at}: page {page} {what}: {state:?}");
        self.problems.push(Problem { rule, text });
    }

    fn page(&mut self, page: usize) -> &mut Page {
        if self.pages.len() <= page {
            self.pages.resize(page + 1, Page::default());
        }
        &mut self.pages[page]
    }

    fn take(&mut self, item: &Item) {
        match item {
            Item::Page(event) => self.event(*event),
            Item::Submitted { point, uses } => {
                self.declared(*point, uses);
                self.begin(*point);
                self.submitted(*point);
            }
            Item::Refused { point } => self.end(*point),
            Item::Ended { point } => {
                self.ended = self.ended.max(*point);
                while let Some((&first, ())) = self.live.first_key_value()
                    && first <= *point
                {
                    self.end(first);
                }
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Revoked { first, pages } => self.set(first..first + pages, Access::Revoked),
            Event::Protected { first, pages } => self.set(first..first + pages, Access::Protected),
            Event::Restore { first, pages } => self.give(first..first + pages, Access::Open),
            Event::Expose { first, pages } => self.give(first..first + pages, Access::Protected),
            Event::CopyIn { page, slot, pages } => each(page, slot, pages, |page, slot| self.copy_in(page, slot)),
            Event::CopiedIn { page, slot, pages } => each(page, slot, pages, |page, slot| {
                self.content.insert(slot, page);
                let page = self.page(page);
                (page.copying_in, page.dirty, page.freed) = (false, false, false);
            }),
            Event::CopyOut { page, slot, pages } => each(page, slot, pages, |page, slot| self.copy_out(page, slot)),
            Event::CopiedOut { page, slot, pages } => each(page, slot, pages, |page, _| {
                let page = self.page(page);
                (page.copying_out, page.dirty) = (false, false);
            }),
            Event::PointedAt { page, slot, pages } => each(page, slot, pages, |page, slot| self.point_at(page, slot)),
            Event::PointedHome { first, pages, in_place } => {
                let entry = if in_place { Entry::InPlace } else { Entry::Nowhere };
                (first..first + pages).for_each(|page| self.point_home(page, entry));
            }
            Event::Issued { point, .. } => {
                // It may have been submitted before, and have ended.
                if point > self.ended {
                    self.begin(point);
                }
            }
            Event::Freed { first, pages } => (first..first + pages).for_each(|page| self.page(page).freed = true),
        }
    }

    fn set(&mut self, pages: Range<usize>, access: Access) {
        pages.for_each(|page| self.page(page).access = access);
    }

    /// The CPU gets access.
    fn give(&mut self, pages: Range<usize>, access: Access) {
        for page in pages {
            let Page { entry, users, writers, copying_in, dirty, freed, .. } = *self.page(page);
            if copying_in && access == Access::Open {
                self.broken(Rule::CopiedWhileWritable, page, "is given to the CPU while it is copied to the device");
            }
            if let Entry::Slot(_) = entry {
                let disturbed = if access == Access::Open { users } else { writers };
                if disturbed > 0 {
                    self.broken(Rule::MovedInUse, page, "is given to the CPU while launches use it on the device");
                }
                if dirty && !freed {
                    self.broken(
                        Rule::OutOfDate,
                        page,
                        "is given to the CPU, and what the device has written is not there",
                    );
                }
            }
            self.page(page).access = access;
        }
    }

    fn copy_in(&mut self, page: usize, slot: u32) {
        let Page { access, entry, users, .. } = *self.page(page);
        if access == Access::Open {
            self.broken(Rule::CopiedWhileWritable, page, "is copied to the device while the CPU may write it");
        }
        if users > 0 {
            self.broken(Rule::MovedInUse, page, "is copied to the device while launches use it where it is");
        }
        if let Entry::Slot(_) = entry {
            self.broken(Rule::Lost, page, "is copied to the device, where it is already");
        }
        if let Some(other) = self.leads.get(&slot).copied() {
            self.broken(Rule::SharedSlot, page, &format!("is copied over page {other} in slot {slot}"));
        }
        // Until it is all there, the slot has nobody's content.
        self.content.remove(&slot);
        self.page(page).copying_in = true;
    }

    fn copy_out(&mut self, page: usize, slot: u32) {
        let Page { entry, writers, .. } = *self.page(page);
        if writers > 0 {
            self.broken(Rule::MovedInUse, page, "is copied from the device while launches write it");
        }
        if entry != Entry::Slot(slot) || self.content.get(&slot) != Some(&page) {
            self.broken(Rule::NotThere, page, &format!("is copied from slot {slot}, where it is not"));
        }
        self.page(page).copying_out = true;
    }

    fn point_at(&mut self, page: usize, slot: u32) {
        self.moved(page, Entry::Slot(slot));
        if let Some(other) = self.leads.insert(slot, page).filter(|other| *other != page) {
            self.broken(Rule::SharedSlot, page, &format!("leads to slot {slot}, as page {other} does"));
        }
        if self.content.get(&slot) != Some(&page) {
            self.broken(Rule::NotThere, page, &format!("leads to slot {slot}, into which it was not copied"));
        }
        self.page(page).entry = Entry::Slot(slot);
    }

    fn point_home(&mut self, page: usize, entry: Entry) {
        self.moved(page, entry);
        let Page { entry: before, dirty, freed, .. } = *self.page(page);
        if let Entry::Slot(slot) = before {
            if dirty && !freed {
                self.broken(Rule::Lost, page, "is forgotten, and what the device has written was not copied");
            }
            if self.leads.get(&slot) == Some(&page) {
                self.leads.remove(&slot);
            }
            self.content.remove(&slot);
        }
        let page = self.page(page);
        (page.entry, page.dirty) = (entry, false);
    }

    /// Launches in flight find the page where they were told that it is.
    fn moved(&mut self, page: usize, to: Entry) {
        let Page { entry, users, .. } = *self.page(page);
        if users > 0 && entry != to {
            self.broken(Rule::MovedInUse, page, &format!("leads to {to:?} from now on, while launches use it"));
        }
    }

    /// The pages that a launch is said to use are those of its declared bytes.
    fn declared(&mut self, point: u64, uses: &[vksvm::seam::Use]) {
        let own = self.uses.get(&point).cloned().unwrap_or_default();
        let addresses = || uses.iter().filter(|u| !u.span.is_empty());
        let Some(first) = own.iter().map(|(pages, _)| pages.start).min() else {
            if addresses().next().is_some() {
                self.broken(Rule::OtherPages, 0, &format!("and others: launch {point} is said to use none"));
            }
            return;
        };
        let Some(lowest) = addresses().map(|u| u.span.start / PAGE as u64).min() else { return };
        let base = *self.base.get_or_insert((lowest - first as u64) * PAGE as u64);
        let has = |uses: &Uses, page: usize, write: bool| {
            uses.iter().any(|(pages, w)| pages.contains(&page) && (*w || !write))
        };
        let declared: Uses = addresses().map(|u| (u.span.units(base, PAGE), u.write)).collect();
        for (pages, write) in &declared {
            for page in pages.clone().filter(|page| !has(&own, *page, *write)) {
                self.broken(Rule::OtherPages, page, &format!("is used by launch {point}, which is not said to"));
            }
        }
    }

    fn begin(&mut self, point: u64) {
        if self.live.insert(point, ()).is_none() {
            self.count(point, |number| number + 1);
        }
    }

    fn end(&mut self, point: u64) {
        if self.live.remove(&point).is_some() {
            self.count(point, |number| number - 1);
        }
    }

    fn count(&mut self, point: u64, change: fn(u32) -> u32) {
        let uses = self.uses.get(&point).cloned().unwrap_or_default();
        for (pages, write) in uses {
            for page in pages {
                let page = self.page(page);
                page.users = change(page.users);
                if write {
                    page.writers = change(page.writers);
                }
            }
        }
    }

    /// The launch may begin.
    fn submitted(&mut self, point: u64) {
        let uses = self.uses.get(&point).cloned().unwrap_or_default();
        for (pages, write) in uses {
            for page in pages {
                let Page { access, entry, copying_in, copying_out, .. } = *self.page(page);
                if copying_in || (copying_out && write) {
                    self.broken(Rule::MovedInUse, page, &format!("is being copied when launch {point} is submitted"));
                }
                match entry {
                    Entry::Nowhere => self.broken(Rule::NotThere, page, &format!("leads nowhere for launch {point}")),
                    Entry::InPlace => {}
                    Entry::Slot(slot) => {
                        if self.content.get(&slot) != Some(&page) {
                            self.broken(Rule::NotThere, page, &format!("is not in slot {slot} for launch {point}"));
                        }
                        let most = if write { Access::Revoked } else { Access::Protected };
                        if access > most {
                            self.broken(Rule::NotTaken, page, &format!("is still the CPU's for launch {point}"));
                        }
                        self.page(page).dirty |= write;
                    }
                }
            }
        }
    }
}

fn each(page: usize, slot: u32, pages: usize, mut f: impl FnMut(usize, u32)) {
    for i in 0..pages {
        f(page + i, slot + i as u32);
    }
}
