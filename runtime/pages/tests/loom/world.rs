//! Memory, a device and CPU threads on loom's types. A page is three words: one for each of two CPU threads, one for the device;
//! they share it, so that a page which is copied at the wrong time loses one of them. Words are relaxed atomics: whoever reads one
//! without a lock between it and the write may see what was there before, in some order that loom tries.

use loom::sync::{
    Arc, Condvar, Mutex,
    atomic::{
        AtomicU32, AtomicU64, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
};
use std::{
    collections::VecDeque,
    ops::Range,
    sync::atomic::{AtomicU32 as StdU32, AtomicUsize as StdUsize},
};
use vksvm_pages::{Busy, Lru, Mechanism, Move, Options, PAGES, Pages, Refused, Slot, Want};

/// The heap of every model: two blocks.
pub const HEAP: usize = 2 * PAGES;

/// Touches after which a page is held to be out of the CPU's reach: more than there are launches in any model.
const TOUCHES: usize = 8;

/// What is in memory that nobody wrote.
const POISON: u32 = 0xdead;
/// What is in a word while it is written.
const TORN: u32 = 0xbad;

/// The device's word of a page; those before it are the CPU threads'.
const DEVICE: usize = 2;

#[derive(Debug)]
pub struct Failing;

/// What can be told to fail, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Revoke = 1,
    Protect,
    Restore,
    CopyIn,
    CopyOut,
    Grow,
}

struct Words([AtomicU32; 3]);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Access {
    Nothing,
    Reads,
    All,
}

/// A page as the CPU sees it. A touch holds its lock: it is over when the access has changed.
struct Seen {
    access: Access,
    /// Without memory.
    hole: bool,
}

struct Launch {
    point: u64,
    /// Pages, and the device's word before; those that it writes become one more.
    uses: Vec<(usize, bool, u32)>,
}

#[derive(Default)]
struct Queue {
    flying: VecDeque<Launch>,
    issued: u64,
    reached: u64,
    /// The device's words once all launches have ended.
    expected: Vec<(usize, u32)>,
}

/// What the protocol drives. Only the pages `0..used` of each block have words.
pub struct World {
    how: How,
    host: Vec<Words>,
    seen: Vec<Mutex<Seen>>,
    /// [`NOWHERE`], [`IN_PLACE`], or a slot and [`AT_SLOT`].
    table: Vec<AtomicUsize>,
    slots: Vec<Words>,
    made: Mutex<usize>,
    queue: Mutex<Queue>,
    /// A launch was issued, or one has ended.
    news: Condvar,
    told: AtomicU64,
    /// Counts [`Mechanism::changed`].
    changes: Mutex<u64>,
    change: Condvar,
    /// The CPU threads' words, each of which only its thread changes.
    wrote: Vec<[StdU32; 2]>,
    fail: StdUsize,
}

const NOWHERE: usize = 0;
const IN_PLACE: usize = 1;
const AT_SLOT: usize = 2;

/// A model's machine.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// Pages of each block that there is memory for.
    pub used: usize,
    /// Most slots.
    pub limit: usize,
    /// Slots that are made at once.
    pub chunk: usize,
    pub in_place: bool,
    pub hunt: bool,
    pub expose: bool,
}

/// A page of memory for each of two blocks, device memory for one, and nothing special.
pub const PLAIN: How = How { used: 1, limit: 1, chunk: 1, in_place: true, hunt: false, expose: true };

pub type Svm = Arc<Pages<World>>;

/// Makes the machine; all pages are the CPU's.
pub fn world(how: How) -> Svm {
    let words = |content| Words(std::array::from_fn(|_| AtomicU32::new(content)));
    let each = 2 * how.used;
    let world = World {
        host: (0..each).map(|_| words(0)).collect(),
        seen: (0..each).map(|_| Mutex::new(Seen { access: Access::All, hole: true })).collect(),
        table: (0..each).map(|_| AtomicUsize::new(NOWHERE)).collect(),
        slots: (0..how.limit).map(|_| words(POISON)).collect(),
        made: Mutex::new(0),
        queue: Mutex::new(Queue { expected: (0..each).map(|at| (at, 0)).collect(), ..Queue::default() }),
        news: Condvar::new(),
        told: AtomicU64::new(0),
        changes: Mutex::new(0),
        change: Condvar::new(),
        wrote: (0..each).map(|_| Default::default()).collect(),
        fail: StdUsize::new(0),
        how,
    };
    let options = Options {
        pages: HEAP,
        limit: how.limit,
        in_place: how.in_place,
        hunt: how.hunt,
        #[cfg(feature = "seam")]
        broken: crate::broken(),
    };
    Arc::new(Pages::new(world, options, Box::new(Lru::default())))
}

impl Words {
    fn get(&self, word: usize) -> u32 {
        let value = self.0[word].load(Relaxed);
        assert_ne!(value, TORN, "word {word} is read while it is written");
        value
    }

    fn put(&self, word: usize, value: u32) {
        self.0[word].store(TORN, Relaxed);
        self.0[word].store(value, Relaxed);
    }

    fn copy(&self, from: &Words) {
        (0..=DEVICE).for_each(|word| self.put(word, from.get(word)));
    }
}

impl World {
    fn index(&self, page: usize) -> usize {
        let (block, page) = (page / PAGES, page % PAGES);
        assert!(page < self.how.used, "page {page} is none of the model's");
        block * self.how.used + page
    }

    /// The next `op` fails.
    pub fn fail(&self, op: Op) {
        self.fail.store(op as usize, Relaxed);
    }

    /// Whether what was told to fail has.
    pub fn has_failed(&self) -> bool {
        self.fail.load(Relaxed) == 0
    }

    fn may_fail(&self, op: Op) -> Result<(), Failing> {
        if self.fail.load(Relaxed) == op as usize {
            self.fail.store(0, Relaxed);
            return Err(Failing);
        }
        Ok(())
    }

    /// A CPU thread reads or writes its word; false where that faults.
    fn touch(&self, page: usize, thread: usize, write: Option<u32>) -> bool {
        let at = self.index(page);
        let mut seen = self.seen[at].lock().unwrap();
        if seen.access < if write.is_some() { Access::All } else { Access::Reads } {
            return false;
        }
        seen.hole = false;
        let (word, expected) = (self.host[at].get(thread), self.wrote[at][thread].load(Relaxed));
        assert_eq!(word, expected, "thread {thread}'s word of page {page}");
        if let Some(value) = write {
            self.host[at].put(thread, value);
            self.wrote[at][thread].store(value, Relaxed);
        }
        true
    }

    /// The device carries out so many launches. A thread of its own.
    pub fn device(&self, launches: usize) {
        for _ in 0..launches {
            let mut queue = self.queue.lock().unwrap();
            let launch = loop {
                match queue.flying.pop_front() {
                    Some(launch) => break launch,
                    None => queue = self.news.wait(queue).unwrap(),
                }
            };
            drop(queue);
            self.run(&launch);
            self.queue.lock().unwrap().reached = launch.point;
            self.news.notify_all();
        }
    }

    fn run(&self, launch: &Launch) {
        let place = |at: usize| self.table[at].load(Relaxed);
        for &(at, write, before) in &launch.uses {
            let words = match place(at) {
                NOWHERE => panic!("launch {} does not find page {at}", launch.point),
                IN_PLACE => &self.host[at],
                slot => &self.slots[slot - AT_SLOT],
            };
            assert_eq!(words.get(DEVICE), before, "the device's word of page {at}, as launch {} sees it", launch.point);
            if write {
                words.put(DEVICE, before + 1);
            }
        }
    }

    /// A freed page's memory goes back to the system.
    pub fn punch(&self, page: usize) {
        let at = self.index(page);
        let mut seen = self.seen[at].lock().unwrap();
        seen.hole = true;
        (0..=DEVICE).for_each(|word| self.host[at].put(word, 0));
        self.forget(at);
    }

    /// Nothing is expected of a page any more but zeros.
    fn forget(&self, at: usize) {
        self.wrote[at].iter().for_each(|word| word.store(0, Relaxed));
        self.queue.lock().unwrap().expected[at].1 = 0;
    }

    /// The library zeroes a page through its own view.
    pub fn zero(&self, page: usize) {
        let at = self.index(page);
        assert!(!self.seen[at].lock().unwrap().hole, "the library writes a page that has no memory");
        (0..=DEVICE).for_each(|word| self.host[at].put(word, 0));
        self.forget(at);
    }

    fn set(&self, pages: Range<usize>, access: Access) {
        for page in pages {
            let mut seen = self.seen[self.index(page)].lock().unwrap();
            assert!(!seen.hole, "the access to page {page} changes, which has no memory");
            seen.access = access;
        }
    }

    fn access(&self, at: usize) -> Access {
        self.seen[at].lock().unwrap().access
    }

    fn each(&self, moves: &[Move], f: impl Fn(usize, usize)) {
        for Move { page, slot, pages } in moves.iter().copied() {
            (0..pages as usize).for_each(|i| f(self.index(page + i), slot as usize + i));
        }
    }
}

impl Mechanism for World {
    type Error = Failing;

    fn populate(&self, pages: Range<usize>) -> Result<(), Failing> {
        pages.for_each(|page| self.seen[self.index(page)].lock().unwrap().hole = false);
        Ok(())
    }

    fn revoke(&self, pages: Range<usize>) -> Result<(), Failing> {
        self.may_fail(Op::Revoke)?;
        self.set(pages, Access::Nothing);
        Ok(())
    }

    fn protect(&self, pages: Range<usize>) -> Result<(), Failing> {
        self.may_fail(Op::Protect)?;
        self.set(pages, Access::Reads);
        Ok(())
    }

    fn restore(&self, pages: Range<usize>) -> Result<(), Failing> {
        self.may_fail(Op::Restore)?;
        self.set(pages, Access::All);
        Ok(())
    }

    fn expose(&self, pages: Range<usize>) -> Result<(), Failing> {
        assert!(self.how.expose, "it said that it cannot");
        self.set(pages, Access::Reads);
        Ok(())
    }

    fn can_expose(&self) -> bool {
        self.how.expose
    }

    fn copy_in(&self, moves: &[Move]) -> Result<(), Failing> {
        self.may_fail(Op::CopyIn)?;
        self.each(moves, |at, slot| self.slots[slot].copy(&self.host[at]));
        Ok(())
    }

    fn copy_out(&self, moves: &[Move]) -> Result<(), Failing> {
        if !moves.is_empty() {
            self.may_fail(Op::CopyOut)?;
        }
        self.each(moves, |at, slot| {
            assert!(self.access(at) == Access::Nothing, "page {at} comes home under the CPU's hands");
            self.host[at].copy(&self.slots[slot]);
        });
        Ok(())
    }

    fn point_at(&self, moves: &[Move]) {
        self.each(moves, |at, slot| self.table[at].store(AT_SLOT + slot, Relaxed));
    }

    fn point_home(&self, pages: Range<usize>, in_place: bool) {
        pages.for_each(|page| {
            self.table[self.index(page)].store(if in_place { IN_PLACE } else { NOWHERE }, Relaxed);
        });
    }

    fn spoil(&self, pages: Range<usize>) {
        for page in pages {
            let at = self.index(page);
            assert!(self.access(at) == Access::Nothing, "page {page} is spoiled under the CPU's hands");
            (0..=DEVICE).for_each(|word| self.host[at].put(word, POISON));
        }
    }

    fn grow(&self) -> Result<Option<Range<Slot>>, Failing> {
        self.may_fail(Op::Grow)?;
        let mut made = self.made.lock().unwrap();
        let first = *made;
        *made = self.how.limit.min(first + self.how.chunk);
        Ok((*made > first).then_some(first as Slot..*made as Slot))
    }

    fn reached(&self) -> u64 {
        self.told.load(Acquire)
    }

    // Takes the lock under which points are given to pages, as asking a device may: deadlocks under a block's lock.
    fn poll(&self) -> u64 {
        let reached = self.queue.lock().unwrap().reached;
        self.tell(reached);
        reached
    }

    fn wait(&self, point: u64) {
        let mut queue = self.queue.lock().unwrap();
        assert!(point <= queue.issued, "point {point} was never issued");
        while queue.reached < point {
            queue = self.news.wait(queue).unwrap();
        }
        let reached = queue.reached;
        drop(queue);
        self.tell(reached);
    }

    fn changed(&self) {
        *self.changes.lock().unwrap() += 1;
        self.change.notify_all();
    }
}

impl World {
    /// Waits for all launches so far.
    pub fn wait_all(&self) {
        let issued = self.queue.lock().unwrap().issued;
        self.wait(issued);
    }

    fn tell(&self, reached: u64) {
        self.told.fetch_max(reached, Release);
    }
}

/// A CPU thread reads its word of a page, or writes it, and has faults served as often as it takes.
pub fn touch(svm: &Svm, page: usize, thread: usize, write: Option<u32>) {
    let world = svm.mechanism();
    for _ in 0..TOUCHES {
        if world.touch(page, thread, write) {
            return;
        }
        svm.fault(page, write.is_some(), |point| world.wait(point)).unwrap();
    }
    panic!("page {page} stays out of the CPU's reach");
}

/// The same by a service that must not wait: it parks the fault until it is told of a change.
pub fn touch_parked(svm: &Svm, page: usize, thread: usize, write: Option<u32>) {
    let world = svm.mechanism();
    for _ in 0..TOUCHES {
        if world.touch(page, thread, write) {
            return;
        }
        loop {
            let seen = *world.changes.lock().unwrap();
            match svm.try_fault(page, write.is_some()).unwrap() {
                Ok(()) => break,
                Err(Busy::Point(point)) => world.wait(point),
                Err(Busy::Changing) => {
                    let mut changes = world.changes.lock().unwrap();
                    while *changes == seen {
                        changes = world.change.wait(changes).unwrap();
                    }
                }
            }
        }
    }
    panic!("page {page} stays out of the CPU's reach");
}

pub fn reads(pages: Range<usize>) -> Want {
    Want { pages, write: false }
}

pub fn writes(pages: Range<usize>) -> Want {
    Want { pages, write: true }
}

/// Issues a launch; its point.
pub fn launch(svm: &Svm, wants: &[Want]) -> Result<u64, Refused<Failing>> {
    let hold = svm.acquire(wants, 0)?;
    let world = svm.mechanism();
    let mut queue = world.queue.lock().unwrap();
    queue.issued += 1;
    let point = queue.issued;
    let mut uses = vec![];
    for Want { pages, write } in wants {
        for page in pages.clone() {
            let expected = &mut queue.expected[world.index(page)];
            uses.push((expected.0, *write, expected.1));
            expected.1 += u32::from(*write);
        }
    }
    queue.flying.push_back(Launch { point, uses });
    svm.commit(hold, point);
    drop(queue);
    world.news.notify_all();
    Ok(point)
}

/// All threads but this one have ended: every word is what its owner wrote last, and everything can come home.
pub fn check(svm: &Svm) {
    let world = svm.mechanism();
    world.wait_all();
    svm.check();
    for block in 0..2 {
        for page in (0..world.how.used).map(|page| block * PAGES + page) {
            (0..DEVICE).for_each(|thread| touch(svm, page, thread, None));
            let at = world.index(page);
            let expected = world.queue.lock().unwrap().expected[at].1;
            assert_eq!(world.host[at].get(DEVICE), expected, "the device's word of page {page}");
        }
    }
    svm.evict_idle().unwrap();
    svm.check();
    let usage = svm.usage();
    assert!(usage.used == 0 && usage.peak <= usage.limit, "slots that no page has: {usage:?}");
}
