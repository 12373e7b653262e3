//! The ways to run a case, and where each puts the image's pages.

use serde::{Deserialize, Serialize};

/// How the device gets from unified to device addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Way {
    /// Not at all: the module as it is, on an image that lies at its unified addresses.
    Plain,
    /// The image lies somewhere else, in one piece.
    Offset,
    /// Its pages of `2^page_shift` bytes lie anywhere, and a flat table says where.
    Table { page_shift: u32 },
    /// Likewise with a table of two levels.
    Mirrored { page_shift: u32 },
}

impl Way {
    /// All that are compared with [`Way::Plain`]. Pages of 256 bytes and 4 KiB make straddling frequent.
    pub const LOWERED: &[Way] = &[
        Way::Table { page_shift: 8 },
        Way::Offset,
        Way::Table { page_shift: 12 },
        Way::Table { page_shift: 16 },
        Way::Mirrored { page_shift: 8 },
        Way::Mirrored { page_shift: 16 },
    ];
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Way::Plain => f.write_str("plain"),
            Way::Offset => f.write_str("offset"),
            Way::Table { page_shift } => write!(f, "table-{}", 1u64 << page_shift),
            Way::Mirrored { page_shift } => write!(f, "mirrored-{}", 1u64 << page_shift),
        }
    }
}

/// What lies between pages: as floats, integers and pointers of no use to anyone.
pub const GAP: u8 = 0xdb;

/// The widest gap, in bytes.
const WIDEST: usize = 256;

/// Bytes that a scattered image takes at most.
pub const fn room(image: usize, page_shift: u32) -> usize {
    image + WIDEST * ((image >> page_shift) + 1)
}

/// Pages in random order with gaps between them.
pub struct Placement {
    page: usize,
    /// Where each page starts, in bytes from the room's first.
    starts: Vec<usize>,
    /// The pages in the order in which they lie.
    order: Vec<usize>,
}

impl Placement {
    /// Scatters an image of `len` bytes. Every page starts at a multiple of 16, at more than that by chance only.
    pub fn scattered(len: usize, page_shift: u32, random: &mut fastrand::Rng) -> Self {
        let (page, pages) = (1 << page_shift, len >> page_shift);
        let mut order: Vec<_> = (0..pages).collect();
        random.shuffle(&mut order);
        let mut starts = vec![0; pages];
        let mut at = 0;
        for page_index in &order {
            at += 16 * random.usize(1..=WIDEST / 16);
            starts[*page_index] = at;
            at += page;
        }
        Placement { page, starts, order }
    }

    /// Where each page starts, in bytes from the room's first.
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// Writes pages and gaps, to the room's end.
    pub fn write(&self, image: &[u8], room: &mut [u8]) {
        let mut at = 0;
        for page in &self.order {
            let start = self.starts[*page];
            room[at..start].fill(GAP);
            room[start..start + self.page].copy_from_slice(&image[page * self.page..][..self.page]);
            at = start + self.page;
        }
        room[at..].fill(GAP);
    }

    /// Puts the pages together again.
    pub fn gather(&self, room: &[u8]) -> Vec<u8> {
        let mut image = Vec::with_capacity(self.starts.len() * self.page);
        for start in &self.starts {
            image.extend_from_slice(&room[*start..start + self.page]);
        }
        image
    }

    /// The bytes of gaps that changed: the page before which they lie, or none at the end, and how far before its start.
    pub fn damage(&self, room: &[u8]) -> Option<(Option<usize>, usize)> {
        let mut at = 0;
        for page in &self.order {
            let start = self.starts[*page];
            if let Some(index) = changed(&room[at..start], GAP) {
                return Some((Some(*page), start - at - index));
            }
            at = start + self.page;
        }
        changed(&room[at..], GAP).map(|index| (None, index))
    }
}

/// The first byte that is not `filler`.
pub fn changed(bytes: &[u8], filler: u8) -> Option<usize> {
    // Whole lines first: the common answer is that all is well.
    let line = [filler; 256];
    let whole = bytes.chunks(line.len()).position(|chunk| chunk != &line[..chunk.len()])?;
    let start = whole * line.len();
    bytes[start..].iter().position(|byte| *byte != filler).map(|index| start + index)
}
