//! Allocations in the heap, each with the bytes that it must have.

use bytemuck::{cast_slice, cast_slice_mut};
use fastrand::Rng;
use vksvm::{PAGE, Svm, SvmVec};

/// An allocation of the heap, and its model in ordinary memory.
pub struct Piece {
    pub id: u32,
    memory: Memory,
    /// Longs, so that parts of it can be seen as words.
    model: Vec<u64>,
}

/// Of different types, for the alignment that launches need.
enum Memory {
    Bytes(SvmVec<u8>),
    Words(SvmVec<u32>),
    Longs(SvmVec<u64>),
}

/// Which type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Bytes,
    Words,
    Longs,
}

/// A part of a piece. Nobody else has these bytes.
pub struct Chunk<'p> {
    pub id: u32,
    pub kind: Kind,
    /// Where it starts in the piece, in bytes.
    pub offset: usize,
    pub bytes: &'p mut [u8],
    pub model: &'p mut [u8],
}

impl Piece {
    /// Zeros, `len` bytes of them, rounded up to whole elements. `None` where the heap is full.
    pub fn zeroed(svm: &Svm, id: u32, kind: Kind, len: usize) -> Option<Self> {
        let memory = match kind {
            Kind::Bytes => Memory::Bytes(svm.try_zeroed(len).ok()?),
            Kind::Words => Memory::Words(svm.try_zeroed(len.div_ceil(4)).ok()?),
            Kind::Longs => Memory::Longs(svm.try_zeroed(len.div_ceil(16) * 2).ok()?),
        };
        let mut piece = Piece { id, memory, model: vec![] };
        piece.model = vec![0; piece.len().div_ceil(8)];
        Some(piece)
    }

    pub fn kind(&self) -> Kind {
        match self.memory {
            Memory::Bytes(_) => Kind::Bytes,
            Memory::Words(_) => Kind::Words,
            Memory::Longs(_) => Kind::Longs,
        }
    }

    /// In bytes.
    pub fn len(&self) -> usize {
        match &self.memory {
            Memory::Bytes(v) => v.len(),
            Memory::Words(v) => v.len() * 4,
            Memory::Longs(v) => v.len() * 8,
        }
    }

    /// All of it.
    pub fn chunk(&mut self) -> Chunk<'_> {
        let (kind, len) = (self.kind(), self.len());
        let bytes = match &mut self.memory {
            Memory::Bytes(v) => &mut v[..],
            Memory::Words(v) => cast_slice_mut(v),
            Memory::Longs(v) => cast_slice_mut(v),
        };
        Chunk { id: self.id, kind, offset: 0, bytes, model: &mut cast_slice_mut(&mut self.model)[..len] }
    }

    pub fn check(&self, when: &str) {
        let bytes = match &self.memory {
            Memory::Bytes(v) => &v[..],
            Memory::Words(v) => cast_slice(v),
            Memory::Longs(v) => cast_slice(v),
        };
        compare(self.id, 0, bytes, &cast_slice(&self.model)[..bytes.len()], when);
    }

    /// Grows or shrinks to `len` bytes or a little more, by what a `Vec` does. New elements are of one byte value.
    pub fn resize(&mut self, rng: &mut Rng, len: usize) {
        let (old, byte) = (self.len(), rng.u8(..));
        match &mut self.memory {
            Memory::Bytes(v) => v.resize(len, byte),
            Memory::Words(v) => v.resize(len.div_ceil(4), u32::from_ne_bytes([byte; 4])),
            Memory::Longs(v) => v.resize(len.div_ceil(16) * 2, u64::from_ne_bytes([byte; 8])),
        }
        let len = self.len();
        self.model.resize(len.div_ceil(8), 0);
        let model: &mut [u8] = cast_slice_mut(&mut self.model);
        model[old.min(len)..len].fill(byte);
        if rng.bool() {
            match &mut self.memory {
                Memory::Bytes(v) => v.shrink_to_fit(),
                Memory::Words(v) => v.shrink_to_fit(),
                Memory::Longs(v) => v.shrink_to_fit(),
            }
        }
    }
}

impl<'p> Chunk<'p> {
    /// The first `at` bytes, and the rest.
    pub fn split_at(self, at: usize) -> (Chunk<'p>, Chunk<'p>) {
        let Chunk { id, kind, offset, bytes, model } = self;
        let (head, tail) = bytes.split_at_mut(at);
        let (model_head, model_tail) = model.split_at_mut(at);
        let head = Chunk { id, kind, offset, bytes: head, model: model_head };
        (head, Chunk { id, kind, offset: offset + at, bytes: tail, model: model_tail })
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Unified address of its first byte.
    pub fn start(&self) -> usize {
        self.bytes.as_ptr().addr()
    }

    /// Its bytes in `range` are what they must be.
    pub fn check(&self, range: std::ops::Range<usize>, when: &str) {
        let (bytes, model) = (&self.bytes[range.clone()], &self.model[range.clone()]);
        compare(self.id, self.offset + range.start, bytes, model, when);
    }

    /// Changes its bytes in `range`.
    pub fn write(&mut self, rng: &mut Rng, range: std::ops::Range<usize>) {
        rng.fill(&mut self.model[range.clone()]);
        self.bytes[range.clone()].copy_from_slice(&self.model[range]);
    }
}

/// Says where two differ, and how.
#[track_caller]
pub fn compare(id: u32, offset: usize, bytes: &[u8], model: &[u8], when: &str) {
    assert_eq!(bytes.len(), model.len());
    if bytes == model {
        return;
    }
    // What is wrong may become right meanwhile: keep what was seen, and look again at the end.
    let seen = bytes.to_vec();
    let wrong: Vec<usize> = (0..seen.len()).filter(|at| seen[*at] != model[*at]).collect();
    let Some((&first, &last)) = wrong.first().zip(wrong.last()) else {
        panic!("{when}: piece {id} differed from its model, and does not any more");
    };
    let start = bytes.as_ptr().addr();
    let shown = first..seen.len().min(first + 24);
    panic!(
        "{when}: piece {id}, {} of {} bytes from {offset} on are wrong, between {} and {} (addresses {:#x} to {:#x}, byte {} of a page)\n  \
         is        {:02x?}\n  must be   {:02x?}\n  looks now {:02x?}\n  wrong ones zero: {}, equal to each other: {}",
        wrong.len(),
        seen.len(),
        offset + first,
        offset + last,
        start + first,
        start + last,
        (start + first) % PAGE,
        &seen[shown.clone()],
        &model[shown.clone()],
        &bytes[shown],
        wrong.iter().all(|at| seen[*at] == 0),
        wrong.iter().all(|at| seen[*at] == seen[first]),
    );
}
