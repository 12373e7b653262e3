//! Writing a trace, event by event.

use super::{
    Header, MAGIC, Side, VERSION, What,
    varint::{put, put_difference},
};
use crate::{pages::Want, policy::Advised};
use std::{collections::HashMap, ops::Range, sync::Arc};

/// The kinds of events, by their numbers in the file.
pub(super) mod kind {
    pub const LAUNCH: u8 = 0;
    pub const LAUNCH_AGAIN: u8 = 1;
    pub const TOUCH_READ: u8 = 2;
    pub const TOUCH_WRITE: u8 = 3;
    pub const PREFETCH_HOST: u8 = 4;
    pub const PREFETCH_DEVICE: u8 = 5;
    pub const DISCARD: u8 = 6;
    pub const ADVISE: u8 = 7;
    pub const UNADVISE: u8 = 8;
    pub const EXPECT: u8 = 9;
    pub const FREE: u8 = 10;
}

/// Makes a trace of events as they come.
#[derive(Debug)]
pub struct Encoder {
    out: Vec<u8>,
    /// When the last event was.
    at: u64,
    /// Where the last range ended.
    end: u64,
    /// The last launch of each signature that was written in full, and its number among those.
    launches: HashMap<u64, (u64, Arc<[Want]>)>,
    written: u64,
}

impl Encoder {
    /// With nothing but the header.
    pub fn new(header: &Header) -> Encoder {
        let mut out = MAGIC.to_vec();
        put(&mut out, VERSION);
        for number in [header.pages as u64, header.page_bytes.into(), header.budget as u64, header.in_place.into()] {
            put(&mut out, number);
        }
        let name = header.model.name();
        put(&mut out, name.len() as u64);
        out.extend(name.as_bytes());
        let c = &header.costs;
        for cost in [c.copy_in, c.copy_out, c.copy_start, c.in_place_read, c.in_place_write, c.local, c.fault] {
            put(&mut out, cost.into());
        }
        Encoder { out, at: 0, end: 0, launches: HashMap::new(), written: 0 }
    }

    /// Adds an event at a time in microseconds since the recording began. One that is earlier than the event before counts as of
    /// the same time. Ranges must not be empty nor reach beyond the heap, or the trace cannot be read.
    pub fn push(&mut self, at: u64, what: &What) {
        let kind_at = self.out.len();
        // The kind is known below only.
        self.out.push(0);
        put(&mut self.out, at.saturating_sub(self.at));
        self.at = self.at.max(at);
        self.out[kind_at] = self.body(what);
    }

    /// The trace.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// Writes what belongs to the event, and says of which kind that is.
    fn body(&mut self, what: &What) -> u8 {
        match what {
            What::Launch { signature, wants } => self.launch(*signature, wants),
            What::Touch { page, pages, write } => {
                self.range(&(*page..page.saturating_add(*pages)));
                if *write { kind::TOUCH_WRITE } else { kind::TOUCH_READ }
            }
            What::Prefetch { pages, to } => {
                self.range(pages);
                match to {
                    Side::Host => kind::PREFETCH_HOST,
                    Side::Device => kind::PREFETCH_DEVICE,
                }
            }
            What::Discard { pages } => {
                self.range(pages);
                kind::DISCARD
            }
            What::Advise { what, pages, on } => {
                let number = Advised::ALL.iter().position(|advised| advised == what).unwrap_or_default();
                put(&mut self.out, number as u64);
                self.range(pages);
                if *on { kind::ADVISE } else { kind::UNADVISE }
            }
            What::Expect { pages, reads, writes } => {
                self.out.extend([*reads, *writes]);
                self.range(pages);
                kind::EXPECT
            }
            What::Free { pages } => {
                self.range(pages);
                kind::FREE
            }
        }
    }

    fn launch(&mut self, signature: u64, wants: &Arc<[Want]>) -> u8 {
        if let Some((number, known)) = self.launches.get(&signature)
            && known == wants
        {
            put(&mut self.out, *number);
            return kind::LAUNCH_AGAIN;
        }
        self.out.extend(signature.to_le_bytes());
        put(&mut self.out, wants.len() as u64);
        for want in wants.iter() {
            put_difference(&mut self.out, self.end, want.pages.start as u64);
            put(&mut self.out, (want.pages.len() as u64) << 1 | u64::from(want.write));
            self.end = want.pages.end as u64;
        }
        self.launches.insert(signature, (self.written, wants.clone()));
        self.written += 1;
        kind::LAUNCH
    }

    fn range(&mut self, pages: &Range<usize>) {
        put_difference(&mut self.out, self.end, pages.start as u64);
        put(&mut self.out, pages.len() as u64);
        self.end = pages.end as u64;
    }
}
