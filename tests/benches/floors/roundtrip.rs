//! `unified_roundtrip`: fill 64 MiB on the CPU, saxpy on the device, sum on the CPU.
//!
//! vksvm fills, computes and sums in place. The floor is the classic program: its data is built in `Vec`s, because ordinary code
//! builds data in ordinary collections and staging memory has no collections; from there it is copied into mapped staging
//! buffers, by a queue copy into device memory, and after the kernel by a queue copy into a mapped readback buffer. It is
//! given every advantage that a competent programmer would take: all memory is allocated and mapped beforehand, the copies
//! and the kernel are one submission, and the sum is taken right in the readback buffer, not in a copy of it.
//!
//! A second floor, reported without a bound, goes further: its data is written straight into the staging buffers. That is open to a
//! program whose data is produced in one sequential pass, by code that knows about Vulkan; this benchmark's data happens to be.
//!
//! # Safety
//! The kernel's source is next to this crate's tests; what it touches is said where it is loaded. The bare side waits for each
//! submission before it looks at a buffer, records again or drops anything.
#![allow(unsafe_code)]

use crate::{
    Bench, Benchmark, LIMIT,
    measure::Rounds,
    report::{Bound, Unit},
    saxpy::{BareSaxpyArguments, LOCAL, Quad, SAXPY, Saxpy},
};
use anyhow::{Result, ensure};
use gpu_allocator::MemoryLocation::{CpuToGpu, GpuOnly, GpuToCpu};
use std::time::{Duration, Instant};
use vksvm_tests::bare::{Buffer, Commands, Device, Kernel, Recording};

/// Elements of each of the two vectors: 8 Mi floats, 32 MiB, together 64 MiB.
const ELEMENTS: u32 = 2 << 20;

/// Over the floor whose data is in `Vec`s.
pub const ROUNDTRIP: Benchmark = Benchmark {
    name: "unified_roundtrip",
    unit: Unit::Ms,
    steps: 1,
    bound: Some(Bound::Ratio(0.8)),
    batch: 5,
    sessions: 10,
    limit: LIMIT,
    session: |bench, rounds| roundtrip(bench, rounds, Data::InVecs),
};

/// Over the floor that builds its data in staging memory.
pub const BUILT_IN_STAGING: Benchmark = Benchmark {
    name: "unified_roundtrip_mapped_floor",
    bound: None,
    session: |bench, rounds| roundtrip(bench, rounds, Data::InStaging),
    ..ROUNDTRIP
};

fn roundtrip(bench: &Bench, rounds: &mut Rounds, data: Data) -> Result<()> {
    let mut ours = InPlace::new(bench)?;
    let mut floor = Staged::new(&bench.device, data)?;
    rounds.interleave(|| ours.round(), || floor.round())
}

/// Fills both vectors; `seed` differs each round, so that a stale result is noticed. Whole numbers keep every sum exact.
fn fill(x: &mut [Quad], y: &mut [Quad], seed: u32) {
    for (i, x) in x.as_flattened_mut().iter_mut().enumerate() {
        *x = (i & 1023) as f32;
    }
    y.fill([seed as f32; 4]);
}

/// The sum, in sixteen partial sums so that the compiler can use vector instructions.
fn sum(y: &[Quad]) -> f64 {
    let mut lanes = [0.0f64; 16];
    let (chunks, rest) = y.as_flattened().as_chunks::<16>();
    for chunk in chunks {
        for (lane, y) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(*y);
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|y| f64::from(*y)).sum::<f64>()
}

/// What [`sum`] gives after `y = 2 * x + y`, by arithmetic: x counts to 1023 over and over.
fn expected(seed: u32) -> f64 {
    let n = 4.0 * f64::from(ELEMENTS);
    2.0 * (n / 1024.0) * (1023.0 * 1024.0 / 2.0) + n * f64::from(seed)
}

/// vksvm's side.
struct InPlace<'b> {
    svm: &'b vksvm::Svm,
    kernel: vksvm::Kernel<Saxpy<'static>>,
    x: vksvm::SvmVec<Quad>,
    y: vksvm::SvmVec<Quad>,
    rounds: u32,
}

impl<'b> InPlace<'b> {
    fn new(bench: &'b Bench) -> Result<Self> {
        let svm = &bench.svm;
        // SAFETY: the shader reads x[i] and updates y[i] for i < n, each by one invocation.
        let kernel = unsafe { svm.module(SAXPY).load::<Saxpy>()? };
        let (x, y) = (svm.try_zeroed(ELEMENTS as usize)?, svm.try_zeroed(ELEMENTS as usize)?);
        Ok(InPlace { svm, kernel, x, y, rounds: 0 })
    }

    fn round(&mut self) -> Result<Duration> {
        self.rounds += 1;
        let start = Instant::now();
        fill(&mut self.x, &mut self.y, self.rounds);
        self.svm.scope(|s| {
            let arguments = Saxpy { x: s.read(&self.x), y: s.update(&mut self.y), n: ELEMENTS, a: 2.0 };
            self.kernel.launch(ELEMENTS, arguments)?.wait()
        })?;
        let total = sum(&self.y);
        let took = start.elapsed();
        ensure!(total == expected(self.rounds), "vksvm summed up {total}, not {}", expected(self.rounds));
        Ok(took)
    }
}

/// Where the floor's data is built.
enum Data {
    InVecs,
    InStaging,
}

/// The floor: staging buffers, device buffers, a readback buffer.
struct Staged<'d> {
    device: &'d Device,
    kernel: Kernel<'d>,
    commands: Commands<'d>,
    data: Data,
    own: (Vec<Quad>, Vec<Quad>),
    staging: (Buffer<'d>, Buffer<'d>),
    on_device: (Buffer<'d>, Buffer<'d>),
    readback: Buffer<'d>,
    rounds: u32,
}

impl<'d> Staged<'d> {
    fn new(device: &'d Device, data: Data) -> Result<Self> {
        let n = ELEMENTS as usize;
        let buffer = |location| Buffer::new::<Quad>(device, location, n);
        Ok(Staged {
            device,
            // SAFETY: a module of this crate, checked with spirv-val.
            kernel: unsafe { Kernel::new(device, SAXPY, size_of::<BareSaxpyArguments>())? },
            commands: Commands::new(device)?,
            data,
            own: (vec![[0.0; 4]; n], vec![[0.0; 4]; n]),
            staging: (buffer(CpuToGpu)?, buffer(CpuToGpu)?),
            on_device: (buffer(GpuOnly)?, buffer(GpuOnly)?),
            readback: buffer(GpuToCpu)?,
            rounds: 0,
        })
    }

    fn round(&mut self) -> Result<Duration> {
        self.rounds += 1;
        let start = Instant::now();
        // SAFETY: the round before waited for its submission.
        let staging_x = unsafe { self.staging.0.host_mut::<Quad>() };
        // SAFETY: as above.
        let staging_y = unsafe { self.staging.1.host_mut::<Quad>() };
        match self.data {
            Data::InStaging => fill(staging_x, staging_y, self.rounds),
            Data::InVecs => {
                fill(&mut self.own.0, &mut self.own.1, self.rounds);
                staging_x.copy_from_slice(&self.own.0);
                staging_y.copy_from_slice(&self.own.1);
            }
        }
        let (x, y) = &self.on_device;
        let arguments = BareSaxpyArguments { x: x.address(), y: y.address(), n: ELEMENTS, a: 2.0 };
        let record = |c: &Recording<'_>| {
            c.copy(&self.staging.0, x);
            c.copy(&self.staging.1, y);
            c.copies_then_shaders();
            c.bind(&self.kernel);
            // SAFETY: bound just above; the shader stays inside x and y, which live in `self`.
            unsafe { c.dispatch(&self.kernel, &arguments, ELEMENTS.div_ceil(LOCAL)) };
            c.shaders_then_copies();
            c.copy(y, &self.readback);
            c.copies_then_host();
        };
        // SAFETY: the round before waited for its submission.
        unsafe { self.commands.record(record)? };
        self.device.wait(self.device.submit(&self.commands)?)?;
        // SAFETY: the submission was waited for.
        let total = sum(unsafe { self.readback.host() });
        let took = start.elapsed();
        ensure!(total == expected(self.rounds), "the floor summed up {total}, not {}", expected(self.rounds));
        Ok(took)
    }
}
