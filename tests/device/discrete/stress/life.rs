//! A life: a heap is opened, operations follow each other, and at the end all of memory is what the model says.

use super::{
    batch,
    piece::{Kind, Piece},
    record::Record,
    setting::Setting,
};
use crate::{
    discrete::{
        Mode, ends_with_host_barriers,
        kernels::{Kernels, Put, mixed_often},
        opened,
    },
    harness::Ignored,
};
use bytemuck::cast_slice;
use fastrand::Rng;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use vksvm::{
    BLOCK, Running, Stats, SvmBuilder, SvmVec,
    seam::{Failures, validation_messages},
};

/// Batches in a life.
const BATCHES: usize = 60;

/// Bytes of address space.
const HEAP: u64 = 128 << 20;

/// What a life leaves behind.
pub struct Lived {
    pub stats: Stats,
    pub budget: u64,
}

/// Lives until it has done all, or it is `enough`, with options `amend`ed. A difference panics.
pub fn live(
    mode: &'static Mode,
    seed: u64,
    record: &Arc<Record>,
    amend: &dyn Fn(SvmBuilder) -> SvmBuilder,
    enough: &dyn Fn() -> bool,
) -> Result<Lived, Ignored> {
    let mut rng = Rng::with_seed(seed);
    let budget = [1, 2, 4, 8][rng.usize(0..4)] * BLOCK as u64;
    let group = [1, 4, 64][rng.usize(0..3)];
    let spin = [Duration::ZERO, Duration::from_micros(50)][rng.usize(0..2)];
    let hunted = mode.is_discrete() && rng.bool();
    let failures = Failures::new();
    let builder = mode.builder(HEAP, budget).group(group).spin(spin).detect_untranslated(hunted).failures(&failures);
    let svm = opened(mode, amend(builder))?;
    record.next_life(&format!(
        "seed {seed} in mode {}: budget {budget}, group {group}, spin {spin:?}, hunted {hunted}",
        mode.name
    ));
    let kernels = Kernels::load(&svm);
    let setting = Setting { mode, budget, svm, kernels, record: record.clone() };
    let mut life = Life { setting: &setting, rng, pieces: vec![], owned: vec![], next: 0 };
    for _ in 0..BATCHES {
        if enough() {
            break;
        }
        life.step();
    }
    life.end();
    let stats = setting.svm.stats();
    assert_eq!(stats.live_allocations, 0, "everything was freed");
    drop(setting);
    ends_with_host_barriers(&failures.commands());
    let said = validation_messages();
    assert!(said.is_empty(), "validation: {said:?}");
    Ok(Lived { stats, budget })
}

struct Life<'l> {
    setting: &'l Setting,
    rng: Rng,
    pieces: Vec<Piece>,
    owned: Vec<Owned>,
    next: u32,
}

/// A launch that owns its buffer, and what that must be when it has ended.
struct Owned {
    running: Running<SvmVec<u32>>,
    model: Vec<u32>,
}

impl Life<'_> {
    fn step(&mut self) {
        self.change_pieces();
        batch::run(self.setting, &mut self.rng, &mut self.pieces);
        // Not always: what is never looked at stays where it is, and meets what comes.
        match self.rng.u32(0..8) {
            0..3 => self.pieces.iter().for_each(|piece| piece.check("after a batch")),
            3..5 => {
                if let Some(piece) = self.rng.choice(&self.pieces) {
                    piece.check("one piece after a batch");
                }
            }
            _ => {}
        }
        let stats = self.setting.svm.stats();
        assert!(stats.device_bytes <= self.setting.budget, "{} of {}", stats.device_bytes, self.setting.budget);
        assert!(
            stats.device_peak_bytes <= self.setting.budget,
            "{} of {}",
            stats.device_peak_bytes,
            self.setting.budget
        );
    }

    /// Frees some, allocates some, changes the size of some.
    fn change_pieces(&mut self) {
        // Several times what fits into device memory, but no more than the model can keep up with.
        let wanted = (self.setting.budget as usize * 3).clamp(6 << 20, 24 << 20);
        for _ in 0..self.rng.usize(0..4) {
            if self.pieces.len() > 10 {
                let piece = self.pieces.swap_remove(self.rng.usize(0..self.pieces.len()));
                self.setting.record.line("free", || format!("{} of {} bytes", piece.id, piece.len()));
                if self.rng.bool() {
                    piece.check("before it is freed");
                }
            }
        }
        let held = |life: &Self| life.pieces.iter().map(Piece::len).sum::<usize>();
        let small = self.rng.usize(2..12);
        for _ in 0..small {
            if self.pieces.len() < 150 {
                self.allocate(1..400);
            }
        }
        let mut tries = 0;
        while held(self) < wanted && tries < 20 {
            tries += 1;
            let sizes = [400..40_000, 30_000..300_000, 300_000..3 << 20];
            let sizes = sizes[self.rng.usize(0..3)].clone();
            self.allocate(sizes);
        }
        for _ in 0..self.rng.usize(0..3) {
            self.resize();
        }
        if self.rng.bool() {
            self.own();
        }
        while self.owned.len() > 3 || (!self.owned.is_empty() && self.rng.u32(0..3) == 0) {
            let owned = self.owned.swap_remove(self.rng.usize(0..self.owned.len()));
            self.settle(owned);
        }
    }

    fn allocate(&mut self, sizes: std::ops::Range<usize>) {
        let len = self.rng.usize(sizes);
        let kind = [Kind::Bytes, Kind::Words, Kind::Longs][self.rng.usize(0..3)];
        // Bytes are nothing that launches use.
        let kind = if len > 20_000 && kind == Kind::Bytes { Kind::Words } else { kind };
        self.next += 1;
        let id = self.next;
        let Some(mut piece) = Piece::zeroed(&self.setting.svm, id, kind, len) else { return };
        let start = self.rng.u32(0..4);
        self.setting.record.line("allocate", || format!("{id}, {kind:?} of {len} bytes, start {start}"));
        match start {
            // The device is the first to touch it, or whoever comes.
            0 | 1 => {}
            2 => piece.check("fresh memory"),
            _ => {
                let mut chunk = piece.chunk();
                let range = super::host::part(&mut self.rng, chunk.len(), usize::MAX);
                chunk.write(&mut self.rng, range);
            }
        }
        self.pieces.push(piece);
    }

    fn resize(&mut self) {
        let Some(at) = self.rng.choice(0..self.pieces.len()) else { return };
        let old = self.pieces[at].len();
        let len = match self.rng.u32(0..3) {
            0 => old / 2,
            1 => self.rng.usize(0..=old),
            _ => (old + 1 + self.rng.usize(0..=old)).min(4 << 20),
        };
        let piece = &mut self.pieces[at];
        self.setting.record.line("resize", || format!("{} from {old} to {len} bytes", piece.id));
        // Where `Vec` finds no room it ends the process.
        if len < old || self.setting.svm.stats().largest_free_bytes > 2 * len as u64 {
            piece.resize(&mut self.rng, len);
        }
        if self.rng.bool() {
            self.pieces[at].check("resized");
        }
    }

    /// A launch that outlives this call, on memory of its own.
    fn own(&mut self) {
        let len = self.rng.usize(1..100_000);
        let (n, first, step) = batch::step_over(&mut self.rng, len, usize::MAX);
        let (seed, rounds) = (self.rng.u32(..), 1 + self.rng.u32(0..3));
        self.setting.record.line("own", || format!("{len} words, n {n} first {first} step {step}"));
        let Ok(buffer) = self.setting.svm.try_zeroed::<u32>(len) else { return };
        let start = buffer.as_ptr().addr();
        let running = self.setting.kernels.put.launch_owned(n, buffer, |s, to| Put {
            to: s.write(to),
            n,
            first,
            step,
            seed,
            rounds,
        });
        let span = start..start + 4 * len;
        let Some(running) = self.setting.accepted(running, std::slice::from_ref(&span)) else { return };
        let mut model = vec![0; len];
        for i in 0..n {
            let at = first + step * i;
            model[at as usize] = mixed_often(seed, i, at, rounds);
        }
        self.owned.push(Owned { running, model });
    }

    fn settle(&mut self, Owned { running, model }: Owned) {
        if self.rng.u32(0..4) == 0 {
            // Freed when it has ended.
            return drop(running);
        }
        let buffer = running.wait().unwrap_or_else(|error| panic!("an owned launch: {error}"));
        super::piece::compare(u32::MAX, 0, cast_slice(&buffer), cast_slice(&model), "an owned launch");
    }

    fn end(&mut self) {
        self.setting.record.line("end", String::new);
        while let Some(owned) = self.owned.pop() {
            self.settle(owned);
        }
        self.setting.svm.wait_idle().unwrap_or_else(|error| panic!("waiting for all launches: {error}"));
        for piece in self.pieces.drain(..) {
            piece.check("at the end");
        }
        // Buffers of owned launches that were dropped go with the last of them, on another thread.
        let start = Instant::now();
        while self.setting.svm.stats().live_allocations > 0 && start.elapsed() < Duration::from_secs(20) {
            std::thread::yield_now();
        }
    }
}
