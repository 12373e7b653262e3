//! The states of one block's pages, and every change of them: all that is decided is decided here, under the block's lock.

use crate::{
    fault::Busy,
    mask::{Mask, PAGES},
    mechanism::Slot,
    policy::{Advice, Notes},
};

/// What is known of a block's pages. See the crate's documentation for what the sets mean together.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// Pages with a copy in device memory, which is valid.
    pub device: Mask,
    /// Those whose copy with the host is out of date.
    pub stale: Mask,
    /// The CPU may not touch them.
    pub revoked: Mask,
    /// The CPU may only read them.
    pub protected: Mask,
    /// Somebody is changing where they are or what the CPU may do: hands off, and wait for [`crate::pages::Cell::changed`].
    pub moving: Mask,
    /// Pages that have their memory.
    pub populated: Mask,
    /// Pages that launches find with the host.
    pub shown: Mask,
    /// Threads that wait for a change.
    pub waiting: u32,
    /// Whether the block is among those that eviction looks at.
    pub listed: bool,
    /// There once a launch has reached the block.
    pub detail: Option<Box<Detail>>,
}

/// What is known of each page.
#[derive(Debug, Default)]
pub(crate) struct Detail {
    /// Where it is in device memory, if it is.
    pub slots: [Slot; PAGES],
    /// Launches that will use it and have no point yet.
    holds: [u16; PAGES],
    /// Those that will write it.
    write_holds: [u16; PAGES],
    /// The last point that uses it.
    until: [u64; PAGES],
    /// The last point that writes it.
    written: [u64; PAGES],
    /// What policy knows.
    pub notes: Notes,
}

/// What a launch wants of a block, and what comes of it.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub block: usize,
    /// The pages that it uses.
    pub all: Mask,
    /// Those that it may write.
    pub write: Mask,
    /// Pages to be copied to the device.
    pub incoming: Mask,
    /// Those of them that it does not use: they come along.
    pub along: Mask,
    /// Pages that it uses where they are, with the host.
    pub in_place: Mask,
    /// Pages that could be moved or used in place: what comes of it depends on the room.
    pub optional: Mask,
    /// Launches until the block is used again, as is expected.
    pub distance: f32,
    /// Pages that the CPU loses.
    pub revoke: Mask,
    /// Pages that the CPU may only read from now on.
    pub protect: Mask,
    /// Pages to be given their memory first.
    pub populate: Mask,
    /// Where the incoming pages go.
    pub slots: [Slot; PAGES],
}

impl Part {
    pub fn of(block: usize, all: Mask, write: Mask) -> Self {
        let none = Mask::NONE;
        Part {
            block,
            all,
            write,
            incoming: none,
            along: none,
            in_place: none,
            optional: none,
            distance: 0.0,
            revoke: none,
            protect: none,
            populate: none,
            slots: [0; PAGES],
        }
    }

    /// Pages of which something changes.
    pub fn changing(&self) -> Mask {
        self.incoming | self.revoke | self.protect | self.populate
    }

    /// Pages whose copy with the host is out of date once the launch may run.
    pub fn stale(&self) -> Mask {
        self.write - self.in_place
    }
}

/// What is to be done about a CPU touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Touch {
    /// The page is with the host: let the CPU have it.
    Restore,
    /// The page stays with the device, and the CPU may read it, too.
    Expose,
    /// The page comes home.
    Home,
}

impl Block {
    /// What the program has said.
    pub fn advice(&self) -> Advice {
        self.detail.as_ref().map_or_else(Advice::default, |d| d.notes.advice)
    }

    /// Pages that an unfinished launch uses.
    pub fn busy(&self, reached: u64) -> Mask {
        match &self.detail {
            Some(d) => Mask::ALL.filter(|p| d.holds[p] > 0 || d.until[p] > reached),
            None => Mask::NONE,
        }
    }

    /// Pages that could come home: with the device, and nobody uses or changes them.
    pub fn idle(&self, reached: u64) -> Mask {
        if self.device.is_empty() { Mask::NONE } else { self.device - self.moving - self.busy(reached) }
    }

    /// Pages that an unfinished launch may write.
    fn write_busy(&self, reached: u64) -> Mask {
        match &self.detail {
            Some(d) => Mask::ALL.filter(|p| d.write_holds[p] > 0 || d.written[p] > reached),
            None => Mask::NONE,
        }
    }

    /// Pages that a launch which has no point yet will use.
    pub fn held(&self) -> Mask {
        match &self.detail {
            Some(d) => Mask::ALL.filter(|p| d.holds[p] > 0),
            None => Mask::NONE,
        }
    }

    /// The points of unfinished launches that use pages of `mask`.
    pub fn points(&self, mask: Mask, reached: u64) -> impl Iterator<Item = u64> {
        let until = self.detail.as_ref().map_or([0; PAGES], |d| d.until);
        mask.iter().map(move |p| until[p]).filter(move |point| *point > reached)
    }

    /// A launch takes hold: `part` says what it moves. Nobody else changes these pages until [`Block::settle`].
    pub fn begin(&mut self, part: &mut Part, hunt: bool) {
        let with_device = (self.device | part.incoming) & part.all;
        // Pages that are used in place are taken from the CPU only to see who touches them all the same.
        part.revoke = if hunt { part.all } else { part.write & with_device } - self.revoked;
        part.protect = (part.incoming - part.write) - part.revoke - self.revoked - self.protected;
        part.populate = part.all - self.populated;
        self.revoked |= part.revoke;
        self.protected -= part.revoke;
        self.protected |= part.protect;
        self.moving |= part.changing();
        if let Some(d) = &mut self.detail {
            part.all.iter().for_each(|p| d.holds[p] += 1);
            part.write.iter().for_each(|p| d.write_holds[p] += 1);
        }
    }

    /// What the launch wanted moved has moved.
    pub fn settle(&mut self, part: &Part) {
        self.device |= part.incoming;
        self.stale |= part.stale();
        self.populated |= part.populate;
        self.shown -= part.incoming;
        self.shown |= part.in_place;
        self.moving -= part.changing();
        if let Some(d) = &mut self.detail {
            part.incoming.iter().for_each(|p| d.slots[p] = part.slots[p]);
        }
    }

    /// It could not be moved. What the CPU may do is any, and a touch that faults sets it right: see [`Block::on_touch`].
    pub fn undo(&mut self, part: &Part) {
        self.revoked -= part.revoke;
        self.protected -= part.protect;
        // What was there twice was protected before it was to be revoked.
        self.protected |= part.revoke & (self.device - self.stale);
        self.moving -= part.changing();
        self.release(part);
    }

    /// The launch has a point, or none: it lets go.
    pub fn release(&mut self, part: &Part) {
        if let Some(d) = &mut self.detail {
            part.all.iter().for_each(|p| d.holds[p] -= 1);
            part.write.iter().for_each(|p| d.write_holds[p] -= 1);
        }
    }

    /// The launch was issued, with this point.
    pub fn used(&mut self, part: &Part, point: u64) {
        if let Some(d) = &mut self.detail {
            part.all.iter().for_each(|p| d.until[p] = d.until[p].max(point));
            part.write.iter().for_each(|p| d.written[p] = d.written[p].max(point));
        }
    }

    /// What a CPU touch of `page`, which is not moving, needs; and the pages of which the same is true. Where a reader can be given access
    /// to what the device keeps, `shares` says which pages the device should keep.
    pub fn on_touch(
        &self,
        page: usize,
        write: bool,
        reached: u64,
        can_expose: bool,
        shares: impl Fn(Mask) -> Mask,
    ) -> Result<(Touch, Mask), Busy> {
        if !self.device.has(page) {
            // Never taken away, or for the hunt only, or given back by halves. Holes stay holes, except for this one.
            let alike = !self.device - self.moving;
            return Ok((Touch::Restore, alike & (self.populated | Mask::page(page))));
        }
        let (busy, write_busy) = (self.busy(reached), self.write_busy(reached));
        let readable = self.device - self.moving - write_busy;
        if !write && readable.has(page) && can_expose {
            // While launches read it, too. And where both copies are valid there is nothing to bring home.
            let shared = readable & (busy | !self.stale | shares(readable));
            if shared.has(page) {
                return Ok((Touch::Expose, shared));
            }
        }
        let idle = self.device - self.moving - busy;
        if idle.has(page) {
            // A reader of what is out of date leaves the pages alone that both sides may go on reading.
            return Ok((Touch::Home, if write { idle } else { idle & (self.stale | Mask::page(page)) }));
        }
        let Some(d) = &self.detail else { return Err(Busy::Changing) };
        let reads = !write && can_expose;
        let (holds, point) =
            if reads { (d.write_holds[page], d.written[page]) } else { (d.holds[page], d.until[page]) };
        Err(if holds > 0 { Busy::Changing } else { Busy::Point(point) })
    }

    /// Pages have come home: the device has no copy of them. Returns the slots that are free now.
    pub fn home(&mut self, pages: Mask) -> [Slot; PAGES] {
        self.device -= pages;
        self.stale -= pages;
        self.detail.as_ref().map_or([0; PAGES], |d| d.slots)
    }

    /// Where pages are in device memory.
    pub fn slots(&self) -> [Slot; PAGES] {
        self.detail.as_ref().map_or([0; PAGES], |d| d.slots)
    }

    /// Panics where the sets contradict each other: for tests.
    pub fn check(&self) {
        let steady = !self.moving;
        assert!(self.device.contains(self.stale), "a page is nowhere: {self:?}");
        let open = !(self.revoked | self.protected) & steady;
        assert!((self.device & open).is_empty(), "the CPU may write what the device has: {self:?}");
        assert!((self.stale & !self.revoked & steady).is_empty(), "the CPU may read what is out of date: {self:?}");
        assert!(
            (self.device & self.shown & steady).is_empty(),
            "launches find a page that moved in its old place: {self:?}"
        );
    }
}
