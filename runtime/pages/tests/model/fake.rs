//! A machine with a page of two words: one that only the CPU writes, one that only the device writes. They share every page, so
//! that a page which is copied at the wrong time loses one of them.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Mutex, MutexGuard},
};
use vksvm_pages::{Mechanism, Move, Side, Slot, Snapshot, Want};

/// The one error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failing;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Content {
    cpu: u32,
    device: u32,
}

/// What is in memory that nobody wrote.
const POISON: Content = Content { cpu: 0xdead_beef, device: 0xdead_beef };

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Access {
    Nothing,
    Reads,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Nowhere,
    Host,
    Device(Slot),
}

struct Launch {
    point: u64,
    wants: Vec<Want>,
}

impl Launch {
    fn uses(&self, page: usize) -> bool {
        self.wants.iter().any(|want| want.pages.contains(&page))
    }
}

struct State {
    host: Vec<Content>,
    /// Pages without memory.
    holes: Vec<bool>,
    access: Vec<Access>,
    table: Vec<Place>,
    slots: Vec<Content>,
    limit: usize,
    /// What each page's words should be once all launches have ended.
    expected: Vec<Content>,
    /// In issue order.
    flying: VecDeque<Launch>,
    issued: u64,
    /// What the device has reached, and what is known of it.
    ended: u64,
    reached: u64,
    fail_after: Option<usize>,
    failed: bool,
    ever_failed: bool,
}

/// The machine.
pub struct Fake {
    state: Mutex<State>,
    expose: bool,
}

impl Fake {
    pub fn new(pages: usize, limit: usize, expose: bool) -> Self {
        let state = State {
            host: vec![Content::default(); pages],
            holes: vec![true; pages],
            access: vec![Access::All; pages],
            table: vec![Place::Nowhere; pages],
            slots: vec![],
            limit,
            expected: vec![Content::default(); pages],
            flying: VecDeque::new(),
            issued: 0,
            ended: 0,
            reached: 0,
            fail_after: None,
            failed: false,
            ever_failed: false,
        };
        Fake { state: Mutex::new(state), expose }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that failed is over; its lock is of no interest.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The CPU reads or writes its word; false where that faults.
    pub fn touch(&self, page: usize, write: Option<u32>) -> bool {
        let mut s = self.state();
        let needed = if write.is_some() { Access::All } else { Access::Reads };
        if s.access[page] < needed {
            return false;
        }
        s.holes[page] = false;
        let (seen, expected) = (s.host[page].cpu, s.expected[page].cpu);
        assert_eq!(seen, expected, "the CPU's word of page {page}");
        if let Some(value) = write {
            s.host[page].cpu = value;
            s.expected[page].cpu = value;
        }
        true
    }

    /// The device's words, read by the CPU when all has ended.
    pub fn check_device_words(&self, touch: impl Fn(usize)) {
        let pages = self.state().host.len();
        for page in 0..pages {
            touch(page);
            let s = self.state();
            assert_eq!(s.host[page].device, s.expected[page].device, "the device's word of page {page}");
        }
    }

    /// Issues a launch: it will change the device's word of each page that it writes, depending on those that it reads.
    pub fn submit(&self, wants: &[Want]) -> u64 {
        let mut s = self.state();
        s.issued += 1;
        let point = s.issued;
        for want in wants {
            for page in want.pages.clone() {
                assert_ne!(s.table[page], Place::Nowhere, "a launch would not find page {page}");
                if want.write {
                    assert!(
                        s.access[page] == Access::Nothing || s.table[page] == Place::Host,
                        "the CPU can touch page {page}, which the device writes"
                    );
                }
            }
        }
        let mut words: Vec<u32> = s.expected.iter().map(|content| content.device).collect();
        compute(wants, point, |page, change| words[page] = change(words[page]));
        s.expected.iter_mut().zip(words).for_each(|(content, word)| content.device = word);
        s.flying.push_back(Launch { point, wants: wants.to_vec() });
        point
    }

    /// The device carries out one launch.
    pub fn step(&self) {
        let mut s = self.state();
        let Some(Launch { point, wants }) = s.flying.pop_front() else { return };
        let s = &mut *s;
        compute(&wants, point, |page, change| {
            let word = match s.table[page] {
                Place::Nowhere => panic!("launch {point} does not find page {page}"),
                Place::Host => &mut s.host[page].device,
                Place::Device(slot) => &mut s.slots[slot as usize].device,
            };
            *word = change(*word);
        });
        s.ended = point;
    }

    /// Waits for a point, as a handler does.
    pub fn reach(&self, point: u64) {
        assert!(point <= self.state().issued, "point {point} was never issued");
        while self.state().ended < point {
            self.step();
        }
        let mut s = self.state();
        s.reached = s.reached.max(point);
    }

    /// Waits for everything, as whoever frees memory does.
    pub fn settle(&self) {
        let issued = self.state().issued;
        self.reach(issued);
    }

    pub fn punch(&self, range: Range<usize>) {
        let mut s = self.state();
        for page in range {
            assert!(s.access[page] == Access::All || s.ever_failed, "page {page} is freed and out of the CPU's reach");
            (s.host[page], s.expected[page], s.holes[page]) = Default::default();
            s.holes[page] = true;
        }
    }

    /// Pages that were freed and belong to nobody yet.
    pub fn check_freed(&self, range: Range<usize>) {
        let s = self.state();
        for page in range {
            assert_eq!(s.table[page], Place::Nowhere, "launches find page {page}, which is freed");
            assert!(s.holes[page], "page {page} has memory, which is freed");
        }
    }

    /// Both words become zero, through the library's view.
    pub fn zero(&self, page: usize) {
        let mut s = self.state();
        assert!(!s.uses(page) && !matches!(s.table[page], Place::Device(_)) || s.access[page] != Access::All);
        (s.host[page], s.expected[page]) = Default::default();
    }

    /// The content of these pages may be any that they have had: as well that of the host's copy.
    pub fn forget(&self, range: Range<usize>) {
        let mut s = self.state();
        for page in range {
            if let Place::Device(slot) = s.table[page] {
                s.slots[slot as usize] = s.host[page];
                s.expected[page] = s.host[page];
            }
        }
    }

    /// What the protocol says of a page is true.
    pub fn check_snapshot(&self, page: usize, snapshot: &Snapshot) {
        let s = self.state();
        assert_eq!(snapshot.on_device, matches!(s.table[page], Place::Device(_)), "page {page}");
        assert!(!(snapshot.on_device && snapshot.pinned == Some(Side::Host)), "page {page} is pinned to the host");
        if !s.ever_failed {
            let access = (s.access[page] >= Access::Reads, s.access[page] == Access::All);
            assert_eq!((snapshot.cpu_reads, snapshot.cpu_writes), access, "page {page}");
            assert!(!snapshot.cpu_reads || snapshot.on_host, "the CPU reads page {page}, which the host does not have");
        }
        assert!(snapshot.in_use || !s.flying.iter().any(|launch| launch.uses(page)), "page {page}");
    }

    /// An operation of the mechanism fails, after so many that do not.
    pub fn fail(&self, after: usize) {
        self.state().fail_after = Some(after);
    }

    pub fn fail_no_more(&self) {
        self.state().fail_after = None;
    }

    /// Whether one has failed since this was asked last.
    pub fn failed(&self) -> bool {
        std::mem::take(&mut self.state().failed)
    }

    /// Whether this launch cannot be submitted.
    pub fn refuses_submit(&self) -> bool {
        let mut s = self.state();
        let refuses = s.may_fail().is_err();
        s.failed = false;
        refuses
    }
}

/// What a launch does: each page that it writes gets a number made of what the launch has read and the page's old one.
fn compute(wants: &[Want], point: u64, mut with: impl FnMut(usize, &dyn Fn(u32) -> u32)) {
    let read = std::cell::Cell::new(point as u32);
    for want in wants {
        for page in want.pages.clone() {
            with(page, &|word| {
                let mixed = (read.get() ^ word).wrapping_mul(0x9e37_79b1).rotate_left(7) ^ page as u32;
                read.set(mixed);
                if want.write { mixed } else { word }
            });
        }
    }
}

impl State {
    fn may_fail(&mut self) -> Result<(), Failing> {
        match &mut self.fail_after {
            Some(0) => {
                (self.fail_after, self.failed, self.ever_failed) = (None, true, true);
                Err(Failing)
            }
            Some(n) => {
                *n -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Whether an unfinished launch uses the page.
    fn uses(&self, page: usize) -> bool {
        self.flying.iter().any(|launch| launch.uses(page))
    }

    fn writes(&self, page: usize) -> bool {
        self.flying.iter().any(|launch| launch.wants.iter().any(|want| want.write && want.pages.contains(&page)))
    }

    fn set(&mut self, pages: Range<usize>, access: Access) -> Result<(), Failing> {
        for page in pages {
            // A failure in the middle leaves some of it done.
            self.may_fail()?;
            if self.holes[page] {
                // After a failure access is given back as well as it goes.
                assert!(
                    self.ever_failed && access == Access::All,
                    "the access to page {page} changes, which has no memory"
                );
                return Err(Failing);
            }
            self.access[page] = access;
        }
        Ok(())
    }
}

impl Mechanism for Fake {
    type Error = Failing;

    fn populate(&self, pages: Range<usize>) -> Result<(), Failing> {
        let mut s = self.state();
        s.may_fail()?;
        pages.for_each(|page| s.holes[page] = false);
        Ok(())
    }

    fn revoke(&self, pages: Range<usize>) -> Result<(), Failing> {
        self.state().set(pages, Access::Nothing)
    }

    fn protect(&self, pages: Range<usize>) -> Result<(), Failing> {
        let mut s = self.state();
        for page in pages.clone() {
            assert!(s.access[page] != Access::Nothing || s.ever_failed, "page {page} gains by protection");
        }
        s.set(pages, Access::Reads)
    }

    fn restore(&self, pages: Range<usize>) -> Result<(), Failing> {
        let mut s = self.state();
        for page in pages.clone() {
            let elsewhere = matches!(s.table[page], Place::Device(_));
            assert!(!elsewhere || !s.uses(page), "the CPU gets page {page}, which a launch uses in device memory");
        }
        s.set(pages, Access::All)
    }

    fn expose(&self, pages: Range<usize>) -> Result<(), Failing> {
        assert!(self.expose, "it said that it cannot");
        let mut s = self.state();
        pages.clone().for_each(|page| assert!(!s.writes(page), "the CPU reads page {page}, which a launch writes"));
        s.set(pages, Access::Reads)
    }

    fn can_expose(&self) -> bool {
        self.expose
    }

    fn copy_in(&self, moves: &[Move]) -> Result<(), Failing> {
        let mut s = self.state();
        for Move { page, slot, pages } in moves.iter().copied() {
            for i in 0..pages as usize {
                s.may_fail()?;
                let page = page + i;
                assert!(
                    !s.holes[page] && s.access[page] < Access::All,
                    "page {page} is copied while the CPU writes it"
                );
                assert!(!s.uses(page), "page {page} moves while a launch uses it in place");
                s.slots[slot as usize + i] = s.host[page];
            }
        }
        Ok(())
    }

    fn copy_out(&self, moves: &[Move]) -> Result<(), Failing> {
        let mut s = self.state();
        for Move { page, slot, pages } in moves.iter().copied() {
            for i in 0..pages as usize {
                s.may_fail()?;
                let page = page + i;
                assert_eq!(s.access[page], Access::Nothing, "page {page} comes home under the CPU's hands");
                assert!(!s.writes(page), "page {page} comes home while a launch writes it");
                s.host[page] = s.slots[slot as usize + i];
            }
        }
        Ok(())
    }

    fn point_at(&self, moves: &[Move]) {
        let mut s = self.state();
        for Move { page, slot, pages } in moves.iter().copied() {
            for i in 0..pages as usize {
                assert!(!s.uses(page + i), "page {} moves under a launch", page + i);
                s.table[page + i] = Place::Device(slot + i as u32);
            }
        }
    }

    fn point_home(&self, pages: Range<usize>, in_place: bool) {
        let mut s = self.state();
        for page in pages {
            let to = if in_place { Place::Host } else { Place::Nowhere };
            assert!(s.table[page] == to || !s.uses(page), "page {page} moves under a launch");
            if let Place::Device(slot) = s.table[page] {
                s.slots[slot as usize] = POISON;
            }
            s.table[page] = to;
        }
    }

    fn spoil(&self, pages: Range<usize>) {
        let mut s = self.state();
        for page in pages {
            assert_eq!(s.access[page], Access::Nothing);
            s.host[page] = POISON;
        }
    }

    fn grow(&self) -> Result<Option<Range<Slot>>, Failing> {
        let mut s = self.state();
        s.may_fail()?;
        let (made, limit) = (s.slots.len(), s.limit);
        let more = limit.min(made + 16);
        s.slots.resize(more, POISON);
        Ok((more > made).then_some(made as Slot..more as Slot))
    }

    fn reached(&self) -> u64 {
        self.state().reached
    }

    fn poll(&self) -> u64 {
        let mut s = self.state();
        s.reached = s.reached.max(s.ended);
        s.reached
    }

    fn wait(&self, point: u64) {
        self.reach(point);
    }
}
