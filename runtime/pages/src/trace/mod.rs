//! What a program asked of its pages, in a compact file: the launches, the CPU's faults, the hints. Another policy can then be
//! tried on the same program ([`crate::replay`]), and a program's behaviour be looked at afterwards.
//!
//! ```text
//! trace   = "vksvm pages" 0x00 version header event*
//! header  = heap pages, bytes of a page, budget in pages, in place (0 or 1), model, costs (7 numbers)
//! model   = length, its name
//! event   = kind, microseconds since the one before, what the kind has
//! range   = first page, from the end of the range before (signed), number of pages
//! ```
//!
//! Numbers are varints: seven bits a byte, the lowest first, the top bit set where more follow; signed ones alternate between
//! positive and negative (zigzag), as in Protocol Buffers. A launch that looks like an earlier one names that by its number, which
//! makes a launch of a loop three bytes.
//!
//! A trace has what the program did as it was seen where it was recorded: a CPU access of a page that was with the host then raised
//! no fault and is not in it.

mod decode;
mod encode;
mod varint;

pub use decode::Malformed;
pub use encode::Encoder;

use crate::{
    pages::Want,
    policy::{Advised, Costs, DeviceModel},
};
use std::{ops::Range, sync::Arc};

/// The first bytes of each trace.
const MAGIC: &[u8; 12] = b"vksvm pages\0";
/// Changes with the format.
const VERSION: u64 = 1;
/// Most pages of a heap, 1 TiB of 64 KiB pages: whoever reads a trace has a bound for what it makes of one.
const MOST_PAGES: u64 = 1 << 24;

/// Where a trace was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Pages of the heap, at most 2^24.
    pub pages: usize,
    /// Bytes of a page.
    pub page_bytes: u32,
    /// Most pages in device memory.
    pub budget: usize,
    /// Whether launches could use pages in place.
    pub in_place: bool,
    /// Which costs were reckoned with.
    pub model: DeviceModel,
    /// These, measured or not.
    pub costs: Costs,
}

/// A recorded run of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Where it was recorded.
    pub header: Header,
    /// In the order of time.
    pub events: Vec<Event>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, in microseconds since the recording began.
    pub at: u64,
    /// What.
    pub what: What,
}

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The CPU's.
    Host,
    /// The device's.
    Device,
}

/// What can happen. Pages are counted from the heap's start; no range is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A launch was issued.
    Launch {
        /// See [`crate::Policy::begin`].
        signature: u64,
        /// What it uses.
        wants: Arc<[Want]>,
    },
    /// The CPU touched a page that the device had.
    Touch {
        /// This one.
        page: usize,
        /// How many were served at once, from that one on.
        pages: usize,
        /// Whether it wrote.
        write: bool,
    },
    /// The program wants pages there.
    Prefetch {
        /// These.
        pages: Range<usize>,
        /// Where.
        to: Side,
    },
    /// The content of pages is of no use until it is written again.
    Discard {
        /// These.
        pages: Range<usize>,
    },
    /// The program says something of pages.
    Advise {
        /// What it says.
        what: Advised,
        /// Of these.
        pages: Range<usize>,
        /// Or takes it back.
        on: bool,
    },
    /// The program says how often a launch accesses each byte.
    Expect {
        /// Of these pages.
        pages: Range<usize>,
        /// Reads; 0 for not known.
        reads: u8,
        /// Writes; 0 for not known.
        writes: u8,
    },
    /// Pages were freed.
    Free {
        /// These.
        pages: Range<usize>,
    },
}

impl What {
    /// Where the pages end that it names; 0 where it names none.
    pub(crate) fn end(&self) -> usize {
        match self {
            What::Launch { wants, .. } => wants.iter().map(|want| want.pages.end).max().unwrap_or_default(),
            What::Touch { page, pages, .. } => page.saturating_add(*pages),
            What::Prefetch { pages, .. }
            | What::Discard { pages }
            | What::Advise { pages, .. }
            | What::Expect { pages, .. }
            | What::Free { pages } => pages.end,
        }
    }
}

impl Trace {
    /// Reads a trace.
    ///
    /// # Errors
    /// [`Malformed`], whatever the bytes are.
    pub fn decode(bytes: &[u8]) -> Result<Trace, Malformed> {
        decode::decode(bytes)
    }

    /// As a file has it.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(&self.header);
        self.events.iter().for_each(|event| encoder.push(event.at, &event.what));
        encoder.finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
