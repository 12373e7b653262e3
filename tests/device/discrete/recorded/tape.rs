//! A record of a run: what was done to pages, and what the queue handed to the device, in one order.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use vksvm::{
    Result, SvmBuilder,
    seam::{Batch, Event, QueueDevice, Recorder, Use, WrapQueue},
};

/// An entry of the record.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// Something was done to pages.
    Page(Event),
    /// The device has been given a launch; told before it could begin.
    Submitted { point: u64, uses: Vec<Use> },
    /// The device has refused a launch.
    Refused { point: u64 },
    /// All launches up to this point have ended; told before anybody could know.
    Ended { point: u64 },
}

/// Entries that there is room for: events come from signal handlers too, where nothing may be allocated.
const ROOM: usize = 1 << 20;

/// Entries that are left free at the least, so that a life which looks now and then whether it is full does not overflow.
const SPARE: usize = ROOM / 4;

/// Who records.
pub struct Tape {
    items: Mutex<Vec<Item>>,
}

impl Tape {
    pub fn new() -> Arc<Self> {
        Arc::new(Tape { items: Mutex::new(Vec::with_capacity(ROOM)) })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Item>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, item: Item) {
        let mut items = self.lock();
        // What does not fit is left out at the end: what comes before is a record all the same.
        if items.len() < ROOM {
            items.push(item);
        }
    }

    /// Whether it is about to be full.
    pub fn is_full(&self) -> bool {
        self.lock().len() > ROOM - SPARE
    }

    pub fn items(&self) -> Vec<Item> {
        self.lock().clone()
    }

    /// Has an `Svm` recorded.
    pub fn record(self: &Arc<Self>, builder: SvmBuilder) -> SvmBuilder {
        let (pages, queue) = (self.clone(), self.clone());
        let recorder: Arc<Recorder> = Arc::new(move |event| pages.note(Item::Page(event)));
        let wrap: Arc<WrapQueue> = Arc::new(move |real| Arc::new(Between { real, tape: queue.clone() }));
        builder.record_pages(recorder).wrap_queue(wrap)
    }
}

/// Stands between the queue and the device.
struct Between {
    real: Arc<dyn QueueDevice>,
    tape: Arc<Tape>,
}

impl QueueDevice for Between {
    fn submit(&self, batches: &[Batch<'_>], reached: u64) -> Result<()> {
        let steps = || batches.iter().flat_map(|batch| batch.steps);
        for step in steps() {
            self.tape.note(Item::Submitted { point: step.point, uses: step.dispatch.uses.to_vec() });
        }
        self.real.submit(batches, reached).inspect_err(|_| {
            steps().for_each(|step| self.tape.note(Item::Refused { point: step.point }));
        })
    }

    fn counter(&self) -> Result<u64> {
        self.real.counter().inspect(|point| self.tape.note(Item::Ended { point: *point }))
    }

    fn wait(&self, point: u64, timeout: Duration) -> Result<bool> {
        self.real.wait(point, timeout).inspect(|reached| {
            if *reached {
                self.tape.note(Item::Ended { point });
            }
        })
    }

    fn quiesce(&self) {
        self.real.quiesce();
    }
}
