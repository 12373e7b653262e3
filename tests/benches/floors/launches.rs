//! `launch_latency` and `launch_throughput`: what one launch and a thousand launches cost.
//!
//! # Safety
//! The kernels' sources are next to this crate's tests; what they touch is said where they are loaded. The bare side waits for
//! each submission before it looks at a buffer, records a command buffer again or drops anything.
#![allow(unsafe_code)]

use crate::{
    Bench, Benchmark, LIMIT,
    measure::Rounds,
    report::{Bound, Unit},
};
use anyhow::{Result, ensure};
use bytemuck::{Pod, Zeroable};
use gpu_allocator::MemoryLocation;
use std::time::{Duration, Instant};
use vksvm_tests::bare::{Buffer, Commands, Device, Kernel, Recording};

/// The smallest kernel whose result can be checked.
pub const ONCE: &[u8] = include_bytes!("../../kernels/bench_once.spv");
/// Adds one to each element.
pub const INCREMENT: &[u8] = include_bytes!("../../kernels/bench_increment.spv");

/// Launches in a round of `launch_throughput`.
const LAUNCHES: u32 = 1000;
/// Launches in a submission of the floor.
const GROUP: u32 = 64;
/// Elements that a launch of `launch_throughput` updates, and the kernel's workgroup size.
const ELEMENTS: u32 = 256;
const LOCAL: u32 = 64;

/// The arguments of [`ONCE`].
#[derive(vksvm::KernelArgs)]
pub struct Once<'a> {
    /// Read.
    #[len(1u32)]
    pub x: vksvm::In<'a, f32>,
    /// Becomes `a * x + n`.
    #[len(1u32)]
    pub y: vksvm::InOut<'a, f32>,
    /// Added.
    pub n: u32,
    /// The factor.
    pub a: f32,
}

/// The arguments of [`INCREMENT`].
#[derive(vksvm::KernelArgs)]
pub struct Increment<'a> {
    /// Updated.
    #[len(n)]
    pub y: vksvm::InOut<'a, u32>,
    /// Elements.
    pub n: u32,
}

/// What [`Once`] looks like to the shader.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct BareOnceArguments {
    x: u64,
    y: u64,
    n: u32,
    a: f32,
}

/// What [`Increment`] looks like to the shader, with the tail padding that `Pod` wants spelt out.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct BareIncrementArguments {
    y: u64,
    n: u32,
    _tail: u32,
}

impl BareIncrementArguments {
    /// For the first `n` elements of `y`.
    pub fn new(y: &Buffer<'_>, n: u32) -> Self {
        BareIncrementArguments { y: y.address(), n, _tail: 0 }
    }
}

/// Launch and wait for a kernel that does next to nothing, with four arguments.
pub const LATENCY: Benchmark = Benchmark {
    name: "launch_latency",
    unit: Unit::Us,
    steps: 1,
    bound: Some(Bound::Ratio(1.10)),
    batch: 300,
    sessions: 10,
    limit: LIMIT,
    session: latency,
};

/// A thousand launches that update one slice, so that each waits for the one before, then one wait.
pub const THROUGHPUT: Benchmark = Benchmark {
    name: "launch_throughput",
    unit: Unit::Ms,
    steps: 1,
    bound: Some(Bound::Ratio(1.15)),
    batch: 6,
    sessions: 10,
    limit: LIMIT,
    session: throughput,
};

fn latency(bench: &Bench, rounds: &mut Rounds) -> Result<()> {
    let mut floor = BareOnce::new(&bench.device)?;
    // SAFETY: the shader reads x[0] and writes y[0], by one invocation.
    let kernel = unsafe { bench.svm.module(ONCE).load::<Once>()? };
    let x = bench.svm.try_vec([3.0f32])?;
    let mut y = bench.svm.try_zeroed::<f32>(1)?;
    bench.svm.try_scope(|s| {
        let x = s.read(&x);
        let mut y = s.lend(&mut y);
        let (mut ours_n, mut floor_n) = (0u32, 0u32);
        rounds.interleave(
            || {
                ours_n += 1;
                let start = Instant::now();
                kernel.launch(1u32, Once { x, y: y.update(), n: ours_n, a: 2.0 })?.wait()?;
                let took = start.elapsed();
                ensure!(y.host()?[0] == 6.0 + ours_n as f32, "vksvm computed {}", y.host()?[0]);
                Ok(took)
            },
            || {
                floor_n += 1;
                floor.round(floor_n)
            },
        )
    })
}

fn throughput(bench: &Bench, rounds: &mut Rounds) -> Result<()> {
    let mut floor = BareIncrement::new(&bench.device)?;
    // SAFETY: the shader updates y[i] for i < n, each by one invocation.
    let kernel = unsafe { bench.svm.module(INCREMENT).load::<Increment>()? };
    let mut y = bench.svm.try_zeroed::<u32>(ELEMENTS as usize)?;
    bench.svm.try_scope(|s| {
        let mut y = s.lend(&mut y);
        let mut launched = 0;
        rounds.interleave(
            || {
                let start = Instant::now();
                let mut last = None;
                for _ in 0..LAUNCHES {
                    last = Some(kernel.launch(ELEMENTS, Increment { y: y.update(), n: ELEMENTS })?);
                }
                if let Some(last) = last {
                    last.wait()?;
                }
                let took = start.elapsed();
                launched += LAUNCHES;
                ensure!(y.host()?.iter().all(|count| *count == launched), "vksvm lost a launch");
                Ok(took)
            },
            || floor.round(),
        )
    })
}

/// The floor of `launch_latency`: record, submit, wait.
struct BareOnce<'d> {
    device: &'d Device,
    kernel: Kernel<'d>,
    commands: Commands<'d>,
    x: Buffer<'d>,
    y: Buffer<'d>,
}

impl<'d> BareOnce<'d> {
    fn new(device: &'d Device) -> Result<Self> {
        // SAFETY: a module of this crate, checked with spirv-val.
        let kernel = unsafe { Kernel::new(device, ONCE, size_of::<BareOnceArguments>())? };
        let mut x = Buffer::new::<f32>(device, MemoryLocation::CpuToGpu, 1)?;
        // SAFETY: nothing was submitted yet.
        unsafe { x.host_mut::<f32>() }.fill(3.0);
        let y = Buffer::new::<f32>(device, MemoryLocation::CpuToGpu, 1)?;
        Ok(BareOnce { device, kernel, commands: Commands::new(device)?, x, y })
    }

    fn round(&mut self, n: u32) -> Result<Duration> {
        let start = Instant::now();
        let arguments = BareOnceArguments { x: self.x.address(), y: self.y.address(), n, a: 2.0 };
        let kernel = &self.kernel;
        let record = |c: &Recording<'_>| {
            c.bind(kernel);
            // SAFETY: bound just above; the shader reads x[0] and writes y[0], which live in `self`.
            unsafe { c.dispatch(kernel, &arguments, 1) };
            c.shaders_then_host();
        };
        // SAFETY: the round before waited for its submission.
        unsafe { self.commands.record(record)? };
        self.device.wait(self.device.submit(&self.commands)?)?;
        let took = start.elapsed();
        // SAFETY: the submission was waited for.
        let y = unsafe { self.y.host::<f32>() }[0];
        ensure!(y == 6.0 + n as f32, "the floor computed {y}");
        Ok(took)
    }
}

/// The floor of `launch_throughput`: groups of launches with a barrier after each, a command buffer and a submission a group.
struct BareIncrement<'d> {
    device: &'d Device,
    kernel: Kernel<'d>,
    groups: Vec<Commands<'d>>,
    y: Buffer<'d>,
    launched: u32,
}

impl<'d> BareIncrement<'d> {
    fn new(device: &'d Device) -> Result<Self> {
        // SAFETY: a module of this crate, checked with spirv-val.
        let kernel = unsafe { Kernel::new(device, INCREMENT, size_of::<BareIncrementArguments>())? };
        let groups = (0..LAUNCHES.div_ceil(GROUP)).map(|_| Commands::new(device)).collect::<Result<_>>()?;
        let mut y = Buffer::new::<u32>(device, MemoryLocation::CpuToGpu, ELEMENTS as usize)?;
        // SAFETY: nothing was submitted yet.
        unsafe { y.host_mut::<u32>() }.fill(0);
        Ok(BareIncrement { device, kernel, groups, y, launched: 0 })
    }

    fn round(&mut self) -> Result<Duration> {
        let start = Instant::now();
        let arguments = BareIncrementArguments::new(&self.y, ELEMENTS);
        let (kernel, mut left, mut last) = (&self.kernel, LAUNCHES, 0);
        for commands in &mut self.groups {
            let launches = left.min(GROUP);
            let record = |c: &Recording<'_>| {
                c.bind(kernel);
                for _ in 0..launches {
                    // SAFETY: bound just above; the shader updates y[i] for i < n, which lives in `self`, and the
                    // barrier orders it after the launch before.
                    unsafe { c.dispatch(kernel, &arguments, ELEMENTS / LOCAL) };
                    c.shaders_then_shaders();
                }
                c.shaders_then_host();
            };
            // SAFETY: the round before waited for the last submission, and they finish in order.
            unsafe { commands.record(record)? };
            last = self.device.submit(commands)?;
            left -= launches;
        }
        self.device.wait(last)?;
        let took = start.elapsed();
        self.launched += LAUNCHES;
        // SAFETY: the last submission was waited for, and the others finished before it.
        let y = unsafe { self.y.host::<u32>() };
        ensure!(y.iter().all(|count| *count == self.launched), "the floor lost a launch");
        Ok(took)
    }
}
