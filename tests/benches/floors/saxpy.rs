//! `saxpy_over_bare`: how long the device computes, on memory of the heap and on memory of Vulkan's.
//!
//! # Safety
//! The kernel's source is next to this crate's tests; what it touches is said where it is loaded. The bare side waits for each
//! submission before it looks at a buffer, records again or drops anything.
#![allow(unsafe_code)]

use crate::{
    Bench, Benchmark, LIMIT,
    measure::Rounds,
    report::{Bound, Unit},
};
use anyhow::{Context, Result, ensure};
use bytemuck::{Pod, Zeroable};
use gpu_allocator::MemoryLocation;
use std::time::Duration;
use vksvm_tests::bare::{Buffer, Commands, Device, Kernel, Recording};

/// y = a * x + y over vectors of four.
pub const SAXPY: &[u8] = include_bytes!("../../kernels/bench_saxpy.spv");
/// The kernel's workgroup size.
pub const LOCAL: u32 = 256;

/// Elements of each of the two vectors: 16 Mi floats, 64 MiB.
const ELEMENTS: u32 = 4 << 20;

/// An element of the vectors: what the shader loads at once.
pub type Quad = [f32; 4];

/// The kernel's arguments.
#[derive(vksvm::KernelArgs)]
pub struct Saxpy<'a> {
    /// Read.
    #[len(n)]
    pub x: vksvm::In<'a, Quad>,
    /// Updated.
    #[len(n)]
    pub y: vksvm::InOut<'a, Quad>,
    /// Elements.
    pub n: u32,
    /// The factor.
    pub a: f32,
}

/// What [`Saxpy`] looks like to the shader.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct BareSaxpyArguments {
    /// Address of the vector that is read.
    pub x: u64,
    /// Address of the vector that is updated.
    pub y: u64,
    /// Elements.
    pub n: u32,
    /// The factor.
    pub a: f32,
}

/// Device time of one saxpy over 16 Mi floats.
pub const SAXPY_OVER_BARE: Benchmark = Benchmark {
    name: "saxpy_over_bare",
    unit: Unit::Ms,
    steps: 1,
    bound: Some(Bound::Ratio(1.05)),
    batch: 6,
    sessions: 10,
    limit: LIMIT,
    session: saxpy,
};

fn saxpy(bench: &Bench, rounds: &mut Rounds) -> Result<()> {
    let mut floor = BareSaxpy::new(&bench.device)?;
    // SAFETY: the shader reads x[i] and updates y[i] for i < n, each by one invocation.
    let kernel = unsafe { bench.svm.module(SAXPY).load::<Saxpy>()? }.timed();
    let n = ELEMENTS as usize;
    let x = bench.svm.try_vec((0..n).map(x_at))?;
    let mut y = bench.svm.try_zeroed::<Quad>(n)?;
    let mut launched = 0;
    bench.svm.try_scope(|s| {
        let x = s.read(&x);
        let mut y = s.lend(&mut y);
        rounds.interleave(
            || {
                let launch = kernel.launch(ELEMENTS, Saxpy { x, y: y.update(), n: ELEMENTS, a: 2.0 })?;
                launch.wait()?;
                launched += 1;
                launch.gpu_time()?.context("vksvm gave no device time for a timed kernel")
            },
            || floor.round(),
        )
    })?;
    verify(&y, launched)?;
    floor.verify()
}

/// Small whole numbers, so that every sum in these benchmarks is exact.
fn x_at(i: usize) -> Quad {
    std::array::from_fn(|lane| ((4 * i + lane) % 1024) as f32)
}

/// Every element of `y`, which was zero, after `rounds` times `y += 2 * x`.
fn verify(y: &[Quad], rounds: u32) -> Result<()> {
    ensure!(rounds < 8192, "{rounds} rounds lead to numbers that f32 rounds");
    for (i, y) in y.iter().enumerate() {
        let expected = x_at(i).map(|x| 2.0 * x * rounds as f32);
        ensure!(*y == expected, "saxpy: element {i} is {y:?}, not {expected:?}");
    }
    Ok(())
}

/// The same kernel on buffers in host-visible memory, by device address.
struct BareSaxpy<'d> {
    device: &'d Device,
    kernel: Kernel<'d>,
    commands: Commands<'d>,
    x: Buffer<'d>,
    y: Buffer<'d>,
    rounds: u32,
}

impl<'d> BareSaxpy<'d> {
    fn new(device: &'d Device) -> Result<Self> {
        // SAFETY: a module of this crate, checked with spirv-val.
        let kernel = unsafe { Kernel::new(device, SAXPY, size_of::<BareSaxpyArguments>())? };
        let mut x = Buffer::new::<Quad>(device, MemoryLocation::CpuToGpu, ELEMENTS as usize)?;
        let mut y = Buffer::new::<Quad>(device, MemoryLocation::CpuToGpu, ELEMENTS as usize)?;
        // SAFETY: nothing was submitted yet.
        let elements = unsafe { x.host_mut::<Quad>() };
        elements.iter_mut().enumerate().for_each(|(i, x)| *x = x_at(i));
        // SAFETY: nothing was submitted yet.
        unsafe { y.host_mut::<Quad>() }.fill([0.0; 4]);
        Ok(BareSaxpy { device, kernel, commands: Commands::new(device)?, x, y, rounds: 0 })
    }

    fn round(&mut self) -> Result<Duration> {
        let arguments = BareSaxpyArguments { x: self.x.address(), y: self.y.address(), n: ELEMENTS, a: 2.0 };
        let kernel = &self.kernel;
        let record = |c: &Recording<'_>| {
            c.bind(kernel);
            c.start_clock();
            // SAFETY: bound just above; the shader stays inside x and y, which live in `self`.
            unsafe { c.dispatch(kernel, &arguments, ELEMENTS.div_ceil(LOCAL)) };
            c.stop_clock();
            c.shaders_then_host();
        };
        // SAFETY: the round before waited for its submission.
        unsafe { self.commands.record(record)? };
        self.device.wait(self.device.submit(&self.commands)?)?;
        self.rounds += 1;
        self.commands.elapsed()
    }

    fn verify(&self) -> Result<()> {
        // SAFETY: every round waited for its submission.
        verify(unsafe { self.y.host() }, self.rounds)
    }
}
