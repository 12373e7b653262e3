//! Reading a trace: bytes from anywhere, so nothing is taken for granted, and nothing is made that is much larger than they are.

use super::{Event, Header, MAGIC, MOST_PAGES, Side, Trace, VERSION, What, encode::kind, varint::Reader};
use crate::{
    pages::Want,
    policy::{Advised, Costs, DeviceModel},
};
use std::{ops::Range, sync::Arc};
use thiserror::Error;

/// Why bytes are no trace. `at` is the number of the byte.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// It does not begin like one.
    #[error("this is no page trace of vksvm: it begins with other bytes")]
    NotATrace,
    /// It is of another version.
    #[error("page trace of version {version}, and this reads version {VERSION}: record it anew")]
    Version {
        /// The one it is of.
        version: u64,
    },
    /// It ends in the middle of something.
    #[error("the page trace ends at byte {at} in the middle of an event: it was cut off")]
    Ends {
        /// Where.
        at: usize,
    },
    /// A number has more than 64 bits.
    #[error("the number at byte {at} of the page trace is too large")]
    Number {
        /// Where.
        at: usize,
    },
    /// The header says something that cannot be.
    #[error("the page trace's header cannot be: its {what} is {value}")]
    Header {
        /// Of what.
        what: &'static str,
        /// What it says.
        value: u64,
    },
    /// The header names a device model that there is not.
    #[error("the page trace names the device model {name:?}, which is not known")]
    Model {
        /// Its name.
        name: String,
    },
    /// There is no such kind of event, advice, or launch to repeat.
    #[error("the page trace has an event at byte {at} whose {what} is {value}, which there is not")]
    Unknown {
        /// Where.
        at: usize,
        /// Of what.
        what: &'static str,
        /// What it says.
        value: u64,
    },
    /// A range is empty or reaches beyond the heap.
    #[error("the page trace names {pages} pages from {first} on at byte {at}, in a heap of {heap}")]
    Pages {
        /// Where.
        at: usize,
        /// The first.
        first: u64,
        /// How many.
        pages: u64,
        /// Pages in the heap.
        heap: usize,
    },
}

/// Reads a trace.
pub(super) fn decode(bytes: &[u8]) -> Result<Trace, Malformed> {
    let body = bytes.strip_prefix(MAGIC).ok_or(Malformed::NotATrace)?;
    // Places are told as of the whole file.
    let mut reader = Reader::new(bytes);
    reader.take(bytes.len() - body.len())?;
    let header = header(&mut reader)?;
    let mut decoder = Decoder { reader, heap: header.pages, at: 0, end: 0, launches: vec![] };
    let mut events = vec![];
    while !decoder.reader.is_empty() {
        events.push(decoder.event()?);
    }
    Ok(Trace { header, events })
}

fn header(reader: &mut Reader<'_>) -> Result<Header, Malformed> {
    let version = reader.number()?;
    if version != VERSION {
        return Err(Malformed::Version { version });
    }
    let mut number = |what, fits: fn(u64) -> bool| {
        let value = reader.number()?;
        if fits(value) { Ok(value) } else { Err(Malformed::Header { what, value }) }
    };
    let pages = number("number of pages", |n| n <= MOST_PAGES)? as usize;
    let page_bytes = number("size of a page", |n| n.is_power_of_two() && n <= 1 << 30)? as u32;
    let budget = number("budget", |n| n <= MOST_PAGES)? as usize;
    let in_place = number("in place", |n| n <= 1)? == 1;
    let length = number("length of a name", |n| n <= 64)? as usize;
    let name = reader.take(length)?;
    let model = std::str::from_utf8(name).ok().and_then(DeviceModel::named);
    let model = model.ok_or_else(|| Malformed::Model { name: String::from_utf8_lossy(name).into() })?;
    let mut cost = || {
        let value = reader.number()?;
        u32::try_from(value).map_err(|_| Malformed::Header { what: "cost", value })
    };
    let costs = Costs {
        copy_in: cost()?,
        copy_out: cost()?,
        copy_start: cost()?,
        in_place_read: cost()?,
        in_place_write: cost()?,
        local: cost()?,
        fault: cost()?,
    };
    Ok(Header { pages, page_bytes, budget, in_place, model, costs })
}

struct Decoder<'b> {
    reader: Reader<'b>,
    heap: usize,
    /// When the last event was.
    at: u64,
    /// Where the last range ended.
    end: u64,
    /// Launches that were there in full.
    launches: Vec<(u64, Arc<[Want]>)>,
}

impl Decoder<'_> {
    fn event(&mut self) -> Result<Event, Malformed> {
        let start = self.reader.at();
        let kind = self.reader.take(1)?[0];
        self.at = self.at.saturating_add(self.reader.number()?);
        let what = match kind {
            kind::LAUNCH => self.launch()?,
            kind::LAUNCH_AGAIN => {
                let value = self.reader.number()?;
                let known = usize::try_from(value).ok().and_then(|number| self.launches.get(number));
                let (signature, wants) =
                    known.cloned().ok_or(Malformed::Unknown { at: start, what: "earlier launch", value })?;
                What::Launch { signature, wants }
            }
            kind::TOUCH_READ | kind::TOUCH_WRITE => {
                let range = self.range()?;
                What::Touch { page: range.start, pages: range.len(), write: kind == kind::TOUCH_WRITE }
            }
            kind::PREFETCH_HOST => What::Prefetch { pages: self.range()?, to: Side::Host },
            kind::PREFETCH_DEVICE => What::Prefetch { pages: self.range()?, to: Side::Device },
            kind::DISCARD => What::Discard { pages: self.range()? },
            kind::ADVISE | kind::UNADVISE => {
                let value = self.reader.number()?;
                let what = usize::try_from(value).ok().and_then(|number| Advised::ALL.get(number).copied());
                let what = what.ok_or(Malformed::Unknown { at: start, what: "advice", value })?;
                What::Advise { what, pages: self.range()?, on: kind == kind::ADVISE }
            }
            kind::EXPECT => {
                let expected = self.reader.take(2)?;
                let (reads, writes) = (expected[0], expected[1]);
                What::Expect { pages: self.range()?, reads, writes }
            }
            kind::FREE => What::Free { pages: self.range()? },
            kind => return Err(Malformed::Unknown { at: start, what: "kind", value: kind.into() }),
        };
        Ok(Event { at: self.at, what })
    }

    fn launch(&mut self) -> Result<What, Malformed> {
        let mut signature = [0; 8];
        signature.copy_from_slice(self.reader.take(8)?);
        let signature = u64::from_le_bytes(signature);
        let count = self.reader.number()?;
        // Each has two bytes at least.
        let most = self.reader.left() as u64 / 2;
        if count > most {
            return Err(Malformed::Ends { at: self.reader.at() + self.reader.left() });
        }
        let mut wants = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let (at, first) = (self.reader.at(), self.reader.difference(self.end)?);
            let coded = self.reader.number()?;
            wants.push(Want { pages: self.pages(at, first, coded >> 1)?, write: coded & 1 == 1 });
        }
        let wants: Arc<[Want]> = wants.into();
        self.launches.push((signature, wants.clone()));
        Ok(What::Launch { signature, wants })
    }

    fn range(&mut self) -> Result<Range<usize>, Malformed> {
        let (at, first) = (self.reader.at(), self.reader.difference(self.end)?);
        let pages = self.reader.number()?;
        self.pages(at, first, pages)
    }

    /// A range that lies in the heap.
    fn pages(&mut self, at: usize, first: u64, pages: u64) -> Result<Range<usize>, Malformed> {
        let end = first.checked_add(pages).filter(|end| pages > 0 && *end <= self.heap as u64);
        let end = end.ok_or(Malformed::Pages { at, first, pages, heap: self.heap })?;
        self.end = end;
        Ok(first as usize..end as usize)
    }
}
