//! A program of kernels of every kind, whose results are the same however addresses are translated.
//!
//! # Safety
//! Each shader in `tests/kernels` stays inside the slices whose lengths its struct checks, and uses them as declared. The list's
//! launch reaches its nodes, which are lent to it.
#![allow(unsafe_code)]

use super::WAYS;
use crate::{
    harness::{Ignored, needs_cpu_device, tests},
    kernels::{self, Add, Cells, Ends, Fill, Node, Tick, Walk},
};
use vksvm::{GpuStruct, InOut, Kernel, KernelArgs, Launch, Ptr, Reach, Result, Svm, SvmVec};

tests![every_kernel_in_every_way, memory_that_is_used_again];

/// `to[i] += scale * i`, with a workgroup whose size is a constant, too.
#[derive(KernelArgs)]
struct Words<'a> {
    #[len(n)]
    to: InOut<'a, u32>,
    n: u32,
}

/// Sixteen bytes at once.
#[derive(KernelArgs)]
struct Quads<'a> {
    #[len(n)]
    to: InOut<'a, [u32; 4]>,
    n: u32,
}

/// Of 24 bytes, which no page is a multiple of.
#[derive(Clone, Copy, Debug, PartialEq, GpuStruct)]
#[repr(C)]
struct Body {
    position: [f32; 3],
    id: u32,
    tag: u64,
}

#[derive(KernelArgs)]
struct Bodies<'a> {
    #[len(n)]
    bodies: InOut<'a, Body>,
    n: u32,
    by: f32,
}

fn load<A: KernelArgs>(svm: &Svm, spirv: &[u8]) -> Kernel<A> {
    // SAFETY: this module's promise.
    unsafe { svm.module(spirv).load() }.expect("load")
}

/// What runs a launch that uses these bytes, and waits for it: see [`super::hidden`].
pub type Run<'r> = &'r dyn Fn(&[(*const u8, usize)], &mut dyn FnMut() -> Result<Launch>);

/// The bytes of a slice.
fn bytes<T>(slice: &[T]) -> (*const u8, usize) {
    (slice.as_ptr().cast(), size_of_val(slice))
}

/// Elements of most slices: many pages, and more than a segment.
const N: u32 = 600_000;

/// Rounds of the kernels that loop: llvmpipe before Mesa 23 leaves a loop after 65,535.
const ROUNDS: u32 = 60_000;

/// Runs each kernel; returns how many.
pub fn every_kernel(svm: &Svm, run: Run<'_>) -> usize {
    let kernels: [fn(&Svm, Run<'_>); 7] = [flat, grid, far, constants, quads, bodies, list];
    kernels.iter().for_each(|kernel| kernel(svm, run));
    kernels.len()
}

fn flat(svm: &Svm, run: Run<'_>) {
    let (add, fill) = (kernels::add(svm), kernels::fill(svm));
    let (mut x, mut y) = (svm.zeroed::<u32>(N as usize), svm.vec((0..N).map(|i| 7 * i)));
    let parts = [bytes(&x), bytes(&y)];
    svm.scope(|s| {
        let (mut x, mut y) = (s.lend(&mut x), s.lend(&mut y));
        run(&parts, &mut || fill.launch(N, Fill { to: x.write(), n: N, first: 5 }));
        run(&parts, &mut || add.launch(N, Add { x: x.read(), y: y.update(), n: N }));
        Ok(())
    })
    .expect("scope");
    assert!(x.iter().copied().eq(5..5 + N));
    assert!(y.iter().zip(0..N).all(|(y, i)| *y == 7 * i + 5 + i));
}

fn grid(svm: &Svm, run: Run<'_>) {
    let cells = kernels::cells(svm);
    let (width, height, depth) = (65, 33, 17);
    let mut to = svm.zeroed::<u32>((width * height * depth) as usize);
    let parts = [bytes(&to)];
    let mut scope = || {
        svm.scope(|s| {
            let mut to = s.lend(&mut to);
            run(&parts, &mut || cells.launch([width, height, depth], Cells { to: to.update(), width, height, depth }));
            Ok(())
        })
    };
    scope().expect("scope");
    let cell = |i: u32| (i % width, i / width % height, i / width / height);
    let expected = (0..width * height * depth).map(cell).map(|(x, y, z)| 1 + (x | y << 10 | z << 20));
    assert!(to.iter().copied().eq(expected));
}

/// Distances that 32 bits hold only in words, from one end of the heap to the other.
fn far(svm: &Svm, run: Run<'_>) {
    let ends = kernels::ends(svm);
    let words = svm.stats().largest_free_bytes as usize / 4 - 100;
    let mut x = svm.zeroed::<u32>(words);
    let parts = [bytes(&x)];
    let last = words as u64 - 1;
    svm.scope(|s| {
        let mut x = s.lend(&mut x);
        run(&parts, &mut || ends.launch(2u32, Ends { x: x.update(), first: 0, step: last }));
        run(&parts, &mut || ends.launch(2u32, Ends { x: x.update(), first: 1, step: last / 2 }));
        Ok(())
    })
    .expect("scope");
    let seen = [0, 1, 2, 1 + last / 2, last].map(|at| x[at as usize]);
    assert_eq!(seen, [1, 1, 0, 1, 1]);
}

fn constants(svm: &Svm, run: Run<'_>) {
    let loader = svm.module(include_bytes!("../../kernels/constants.spv")).constant(0, 96u32).constant(1, 3u32);
    // SAFETY: this module's promise.
    let kernel: Kernel<Words<'static>> = unsafe { loader.load() }.expect("load");
    let mut to = svm.zeroed::<u32>(N as usize);
    let parts = [bytes(&to)];
    svm.scope(|s| {
        let mut to = s.lend(&mut to);
        run(&parts, &mut || kernel.launch(N, Words { to: to.update(), n: N }));
        Ok(())
    })
    .expect("scope");
    assert!(to.iter().zip(0..N).all(|(to, i)| *to == 3 * i));
}

fn quads(svm: &Svm, run: Run<'_>) {
    let kernel: Kernel<Quads<'static>> = load(svm, include_bytes!("../../kernels/quads.spv"));
    let mut words = svm.zeroed::<u32>(4 * ROUNDS as usize);
    let (to, _) = words.as_chunks_mut::<4>();
    let (n, parts) = (to.len() as u32, [bytes(to)]);
    svm.scope(|s| {
        let mut to = s.lend(to);
        run(&parts, &mut || kernel.launch(1u32, Quads { to: to.update(), n }));
        Ok(())
    })
    .expect("scope");
    assert!(words.iter().zip([1, 2, 3, 4].iter().cycle()).all(|(a, b)| a == b));
}

fn bodies(svm: &Svm, run: Run<'_>) {
    let kernel: Kernel<Bodies<'static>> = load(svm, include_bytes!("../../kernels/bodies.spv"));
    let body = |i: u32, by: f32| Body {
        position: [0, 1, 2].map(|axis| (i % 1000 * 4 + axis) as f32 + by),
        id: i,
        tag: u64::from(i) << 33 | 1,
    };
    let n = ROUNDS;
    let mut bodies = svm.vec((0..n).map(|i| body(i, 0.0)));
    let parts = [bytes(&bodies)];
    svm.scope(|s| {
        let mut bodies = s.lend(&mut bodies);
        run(&parts, &mut || kernel.launch(1u32, Bodies { bodies: bodies.update(), n, by: 0.5 }));
        Ok(())
    })
    .expect("scope");
    assert!(bodies.iter().zip(0..n).all(|(seen, i)| *seen == body(i, 0.5)));
}

/// A list through all nodes, far from their order in memory.
fn list(svm: &Svm, run: Run<'_>) {
    let walk = kernels::walk(svm);
    let n = 20_000;
    let mut nodes = svm.vec((0..n).map(|i| Node { next: Ptr::default(), value: i as u32 }));
    // A stride without common factor leads through all of them.
    for i in 0..n - 1 {
        nodes[i * 7919 % n].next = Ptr::to(&nodes[(i + 1) * 7919 % n]);
    }
    // A page of its own.
    let mut total = svm.zeroed::<u32>(1 << 15);
    let parts = [bytes(&nodes), bytes(&total)];
    let head = Ptr::to(&nodes[0]);
    svm.scope(|s| {
        let mut total = s.lend(&mut total[..]);
        let mut nodes = s.lend(&mut nodes[..]);
        let mut launch = || {
            let reach = Reach::new().update(nodes.update());
            let args = Walk { head, total: total.write(), most: n as u32, reach };
            // SAFETY: the list's nodes are in its reach.
            unsafe { walk.launch_reaching(1u32, args) }
        };
        run(&parts, &mut launch);
        Ok(())
    })
    .expect("scope");
    assert_eq!(total[0], (0..n as u32).sum::<u32>());
    assert!(nodes.iter().zip(0..).all(|(node, i)| node.value == 2 * i));
}

fn every_kernel_in_every_way() -> std::result::Result<(), Ignored> {
    needs_cpu_device()?;
    for way in &WAYS {
        let count = every_kernel(&way.open(), &|_, launch| launch().and_then(|launch| launch.wait()).expect(way.name));
        assert_eq!(count, 7, "{}", way.name);
    }
    Ok(())
}

/// Allocated, freed and allocated again: the entries stay, and what is behind them is fresh.
fn memory_that_is_used_again() -> std::result::Result<(), Ignored> {
    needs_cpu_device()?;
    for way in &WAYS {
        let svm = way.open();
        let (fill, tick) = (kernels::fill(&svm), kernels::tick(&svm));
        let mut count = svm.vec([0u32]);
        for round in 0..40 {
            let n = 1 << (round % 8 + 12);
            let mut v: SvmVec<u32> = svm.zeroed(n as usize);
            assert!(v.iter().all(|word| *word == 0), "{}: fresh memory is zero", way.name);
            let mut mark = svm.vec([0u32]);
            svm.scope(|s| {
                fill.launch(n, Fill { to: s.write(&mut v), n, first: round })?;
                tick.launch(1u32, Tick { count: s.update(&mut count), mark: s.write(&mut mark), value: round + 1 })
            })
            .expect(way.name);
            assert!(v.iter().copied().eq(round..round + n), "{}: round {round}", way.name);
            assert_eq!((count[0], mark[0]), (round + 1, round + 1), "{}", way.name);
        }
    }
    Ok(())
}
