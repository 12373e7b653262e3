//! What the program's threads do while launches run: each touches bytes of its own, in pages that others use, too.

use super::{
    batch::step_over,
    piece::{Chunk, Kind, Piece},
    setting::Setting,
    system,
    touch::{look, set},
};
use crate::discrete::kernels::{Put, mixed_often};
use bytemuck::{cast_slice_mut, try_cast_slice_mut};
use fastrand::Rng;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use vksvm::PAGE;

/// Bytes that are only read, by threads and launches alike.
pub struct Shared<'p> {
    pub chunk: Chunk<'p>,
}

/// One of the program's threads.
pub struct Hand<'l, 'p> {
    pub setting: &'l Setting,
    pub rng: Rng,
    /// Nobody else touches these.
    pub chunks: Vec<Chunk<'p>>,
    /// The main thread has no more launches.
    pub stop: &'l AtomicBool,
}

impl Hand<'_, '_> {
    /// So many operations, then hammering until it is told to stop.
    pub fn work(mut self, shared: &[(&[u8], &[u8])], operations: usize) {
        for _ in 0..operations {
            self.operation(shared);
        }
        if self.rng.u32(0..4) > 0 {
            self.hammer(usize::MAX);
        }
    }

    fn operation(&mut self, shared: &[(&[u8], &[u8])]) {
        let which = self.rng.u32(0..16);
        let record = &self.setting.record;
        if which == 0 {
            return self.allocate();
        }
        if which <= 2
            && let Some((bytes, model)) = self.rng.choice(shared)
        {
            let range = part(&mut self.rng, bytes.len(), 1 << 20);
            record.count("shared read", 1);
            let same = bytes[range.clone()] == model[range.clone()];
            return assert!(same, "bytes {range:?} that everybody only reads have changed");
        }
        if which == 3 {
            // A short burst, so that the last write falls anywhere.
            let times = self.rng.usize(1..2000);
            return self.hammer(times);
        }
        let Some(at) = self.rng.choice(0..self.chunks.len()) else { return };
        let chunk = &mut self.chunks[at];
        match which {
            4..7 => {
                record.count("system call", 1);
                system::call(self.setting, &mut self.rng, chunk);
            }
            7..9 => {
                record.count("thread's launch", 1);
                self.launch(at);
            }
            9..12 => {
                record.count("read", 1);
                let range = part(&mut self.rng, chunk.len(), 1 << 20);
                chunk.check(range, "a thread's bytes");
            }
            _ => {
                record.count("write", 1);
                let range = part(&mut self.rng, chunk.len(), 1 << 18);
                chunk.write(&mut self.rng, range);
            }
        }
    }

    /// Changes a few bytes over and over, each only if it still is what it was made.
    fn hammer(&mut self, times: usize) {
        let Some(at) = self.rng.choice(0..self.chunks.len()) else { return };
        let chunk = &mut self.chunks[at];
        if chunk.len() == 0 {
            return;
        }
        // Most often in one page, which is then with the device, or wanted there, all the time.
        let from = self.rng.usize(0..chunk.len());
        let reach = if self.rng.u32(0..4) > 0 { PAGE } else { 8 * PAGE };
        let places: Vec<usize> = (0..48).map(|_| self.rng.usize(from..chunk.len().min(from + reach))).collect();
        let mut made: u64 = 0;
        'rounds: loop {
            for place in &places {
                if made as usize >= times || (times == usize::MAX && self.stop.load(SeqCst)) {
                    break 'rounds;
                }
                let seen = look(&chunk.bytes[*place]);
                if seen != chunk.model[*place] {
                    chunk.check(*place..place + 1, &format!("hammered, write {made}: {seen:#04x} was seen"));
                }
                made += 1;
                let value = seen.wrapping_mul(5).wrapping_add(made as u8 | 1);
                set(&mut chunk.bytes[*place], value);
                chunk.model[*place] = value;
            }
        }
        self.setting.record.count("hammered", made);
    }

    /// A launch of this thread's own, on one of its chunks.
    fn launch(&mut self, at: usize) {
        let Hand { setting, rng, chunks, .. } = self;
        let chunk = &mut chunks[at];
        if chunk.kind == Kind::Bytes || chunk.len() < 4 {
            return;
        }
        let start = chunk.start();
        let span = start..start + chunk.len();
        let Ok(words) = try_cast_slice_mut::<u8, u32>(chunk.bytes) else { panic!("words at {start:#x}") };
        let (n, first, step) = step_over(rng, words.len(), words.len());
        let (seed, rounds) = (rng.u32(..), 1 + rng.u32(0..4));
        let accepted = setting.svm.scope(|s| {
            let put = Put { to: s.write(words), n, first, step, seed, rounds };
            Ok(setting.accepted(setting.kernels.put.launch(n, put), std::slice::from_ref(&span)).is_some())
        });
        if accepted.unwrap_or_else(|error| panic!("a thread's launch: {error}")) {
            let model: &mut [u32] = cast_slice_mut(chunk.model);
            for i in 0..n {
                let place = first + step * i;
                model[place as usize] = mixed_often(seed, i, place, rounds);
            }
        }
        if self.rng.bool() {
            self.chunks[at].check(0..self.chunks[at].len(), "a thread's launch");
        }
    }

    /// Small memory that comes and goes, zero at first.
    fn allocate(&mut self) {
        self.setting.record.count("brief allocation", 1);
        let len = if self.rng.u32(0..4) > 0 { self.rng.usize(1..600) } else { self.rng.usize(1..200_000) };
        let Some(mut piece) = Piece::zeroed(&self.setting.svm, u32::MAX, Kind::Bytes, len) else { return };
        piece.check("fresh memory");
        let mut chunk = piece.chunk();
        let len = chunk.len();
        chunk.write(&mut self.rng, 0..len);
        chunk.check(0..len, "fresh memory that was written");
    }
}

/// A part of `len` elements, at most `most`; empty only where there is nothing.
pub fn part(rng: &mut Rng, len: usize, most: usize) -> std::ops::Range<usize> {
    if len == 0 {
        return 0..0;
    }
    let from = rng.usize(0..len);
    // Small ones are as likely as large ones.
    let most = most.min(len - from);
    let bits = rng.u32(0..=most.ilog2());
    from..from + rng.usize(1..=most.min(2 << bits))
}
