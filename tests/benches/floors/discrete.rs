//! `launch_latency_discrete` and `launch_latency_large_heap`: what a launch costs for which nothing moves, and for which there is
//! much that could.
//!
//! # Safety
//! The kernel's source is next to this crate's tests; what it touches is said where it is loaded.
#![allow(unsafe_code)]

use crate::{
    Bench, Benchmark,
    launches::{LATENCY, ONCE, Once},
    measure::Rounds,
    report::Bound,
};
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};
use vksvm::{In, Kernel, Lent, Placement, Svm};

/// Bytes that are allocated in `launch_latency_large_heap`, and by how many allocations.
const ALLOCATED: usize = 10 << 30;
const PIECES: usize = 100_000;

/// Discrete placement over unified placement as it is by default: with lavapipe kernels run there untouched.
pub const DISCRETE: Benchmark =
    Benchmark { name: "launch_latency_discrete", bound: Some(Bound::Ratio(1.2)), session: over_unified, ..LATENCY };

/// A heap full of allocations that nobody has touched, over one without.
pub const LARGE_HEAP: Benchmark = Benchmark {
    name: "launch_latency_large_heap",
    bound: Some(Bound::Ratio(1.2)),
    session: full_over_empty,
    ..LATENCY
};

fn over_unified(bench: &Bench, rounds: &mut Rounds) -> Result<()> {
    ensure!(bench.svm.capabilities().placement == Placement::Unified, "the floor is not in unified placement");
    compare(&Svm::builder().placement(Placement::Discrete).open()?, &bench.svm, rounds)
}

fn full_over_empty(_: &Bench, rounds: &mut Rounds) -> Result<()> {
    // Allocations are rounded up to pages: these to 1.2 times their size.
    let open = || Svm::builder().placement(Placement::Discrete).heap_size(2 * ALLOCATED as u64).open();
    let (full, empty) = (open()?, open()?);
    let piece = |_| full.try_with_capacity::<u8>(ALLOCATED / PIECES);
    let pieces = (0..PIECES).map(piece).collect::<vksvm::Result<Vec<_>>>()?;
    compare(&full, &empty, rounds)?;
    let live = full.stats().live_allocations as usize;
    ensure!(live >= pieces.len(), "{live} allocations are live");
    Ok(())
}

/// Launches that move nothing, each waited for: on `ours` and on `floor`.
fn compare(ours: &Svm, floor: &Svm, rounds: &mut Rounds) -> Result<()> {
    side(ours, |ours| side(floor, |floor| rounds.interleave(|| ours.round(), || floor.round())))
}

/// Runs `f` with one side, and checks what that has computed.
fn side(svm: &Svm, f: impl FnOnce(&mut Side<'_>) -> Result<()>) -> Result<()> {
    // SAFETY: the shader reads x[0] and writes y[0], by one invocation.
    let kernel = unsafe { svm.module(ONCE).load::<Once>()? };
    let x = svm.try_vec([3.0f32])?;
    let mut y = svm.try_zeroed::<f32>(1)?;
    let launched = svm.try_scope(|s| {
        let mut side = Side { svm, kernel: &kernel, x: s.read(&x), y: s.lend(&mut y), launched: 0 };
        f(&mut side)?;
        Ok::<_, anyhow::Error>(side.launched)
    })?;
    ensure!(y[0] == 6.0 + launched as f32, "computed {} after {launched} launches", y[0]);
    Ok(())
}

/// One heap with a kernel's arguments.
struct Side<'s> {
    svm: &'s Svm,
    kernel: &'s Kernel<Once<'static>>,
    x: In<'s, f32>,
    y: Lent<'s, f32>,
    launched: u32,
}

impl Side<'_> {
    /// One launch, waited for. The CPU does not look at `y`, which would bring it home.
    fn round(&mut self) -> Result<Duration> {
        let moved = self.moved();
        self.launched += 1;
        let start = Instant::now();
        self.kernel.launch(1u32, Once { x: self.x, y: self.y.update(), n: self.launched, a: 2.0 })?.wait()?;
        let took = start.elapsed();
        ensure!(self.launched == 1 || self.moved() == moved, "something moved");
        Ok(took)
    }

    fn moved(&self) -> u64 {
        let stats = self.svm.stats();
        stats.bytes_to_device + stats.bytes_to_host
    }
}
