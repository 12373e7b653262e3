//! The test kernels: their argument structs, and loading them.
//!
//! # Safety
//! Each shader in `tests/kernels` stays inside the slices whose lengths its struct checks, and uses them as declared;
//! the structs here are the only ones that they are loaded with.
#![allow(unsafe_code)]

use vksvm::{GpuStruct, In, InOut, Kernel, KernelArgs, Out, Ptr, Reach, Result, Svm};

/// `y[i] += x[i]`.
#[derive(KernelArgs)]
pub struct Add<'a> {
    #[len(n)]
    pub x: In<'a, u32>,
    #[len(n)]
    pub y: InOut<'a, u32>,
    pub n: u32,
}

/// `to[i] = first + i`.
#[derive(KernelArgs)]
pub struct Fill<'a> {
    #[len(n)]
    pub to: Out<'a, u32>,
    pub n: u32,
    pub first: u32,
}

/// `to[i] += a[i] * b[i]`.
#[derive(KernelArgs)]
pub struct Three<'a> {
    #[len(n)]
    pub a: In<'a, u32>,
    #[len(n)]
    pub b: In<'a, u32>,
    #[len(n)]
    pub to: InOut<'a, u32>,
    pub n: u32,
}

/// `count[0] += 1; mark[0] = value`.
#[derive(KernelArgs)]
pub struct Tick<'a> {
    #[len(1)]
    pub count: InOut<'a, u32>,
    #[len(1)]
    pub mark: Out<'a, u32>,
    pub value: u32,
}

/// Each workgroup waits until `gate[0]` is not zero, at most for so many rounds; the last does `count[0] += 1` then.
#[derive(KernelArgs)]
pub struct Gate<'a> {
    /// Written by the program while the kernel looks at it: see [`crate::launch::gate`].
    pub gate: Ptr<u32>,
    #[len(1)]
    pub count: InOut<'a, u32>,
    pub rounds: u32,
    pub reach: Reach<'a>,
}

/// `to[(z * height + y) * width + x] += 1 + (x | y << 10 | z << 20)`.
#[derive(KernelArgs)]
pub struct Cells<'a> {
    #[len(width * height * depth)]
    pub to: InOut<'a, u32>,
    pub width: u32,
    pub height: u32,
    pub depth: u32,
}

/// `x[first + step * i] += 1`.
#[derive(KernelArgs)]
pub struct Ends<'a> {
    /// Long enough for the two invocations that the tests launch.
    #[len(first + step + 1)]
    pub x: InOut<'a, u32>,
    pub first: u64,
    pub step: u64,
}

/// A node of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, GpuStruct)]
#[repr(C)]
pub struct Node {
    pub next: Ptr<Node>,
    pub value: u32,
}

/// Adds up a list of at most `most` nodes and doubles the values.
#[derive(KernelArgs)]
pub struct Walk<'a> {
    pub head: Ptr<Node>,
    #[len(1)]
    pub total: Out<'a, u32>,
    pub most: u32,
    pub reach: Reach<'a>,
}

macro_rules! load {
    ($($function:ident, $try_function:ident: $args:ident, $file:literal;)*) => { $(
        pub fn $try_function(svm: &Svm) -> Result<Kernel<$args<'static>>> {
            // SAFETY: this module's promise.
            unsafe { svm.module(include_bytes!(concat!("../kernels/", $file, ".spv"))).load() }
        }
        #[allow(dead_code)]
        pub fn $function(svm: &Svm) -> Kernel<$args<'static>> {
            $try_function(svm).unwrap_or_else(|error| panic!("{}: {error}", $file))
        }
    )* };
}
load! {
    add, try_add: Add, "add";
    fill, try_fill: Fill, "fill";
    three, try_three: Three, "three";
    tick, try_tick: Tick, "tick";
    gate, try_gate: Gate, "gate";
    cells, try_cells: Cells, "grid";
    ends, try_ends: Ends, "ends";
    walk, try_walk: Walk, "walk";
}
