//! The kernels of the stress test, and what they compute.
//!
//! # Safety
//! Each shader `tests/kernels/stress_*.comp` stays inside the slices whose lengths its struct checks, uses them as declared, and follows the
//! pointers that its struct names; the structs here are the only ones that they are loaded with.
#![allow(unsafe_code)]

use vksvm::{GpuStruct, In, InOut, Kernel, KernelArgs, Out, Ptr, Reach, Svm};

/// `to[first + step * i]`, mixed with `from[i]` and its place, for i < n.
#[derive(KernelArgs)]
pub struct Mix<'a> {
    #[len(n)]
    pub from: In<'a, u32>,
    #[len(first + step * (n - 1) + 1)]
    pub to: InOut<'a, u32>,
    pub n: u32,
    pub first: u32,
    pub step: u32,
    pub seed: u32,
    pub rounds: u32,
}

/// `to[first + step * i]` = something made of its place, for i < n; what lies between keeps its value.
#[derive(KernelArgs)]
pub struct Put<'a> {
    #[len(first + step * (n - 1) + 1)]
    pub to: Out<'a, u32>,
    pub n: u32,
    pub first: u32,
    pub step: u32,
    pub seed: u32,
    pub rounds: u32,
}

/// `to[i]` = all of `from[i]`, `from[i + n]`, … mixed, for i < n.
#[derive(KernelArgs)]
pub struct Fold<'a> {
    #[len(of)]
    pub from: In<'a, u32>,
    #[len(n)]
    pub to: Out<'a, u32>,
    pub n: u32,
    pub of: u32,
    pub seed: u32,
}

/// A node of a list; what follows in its 16 bytes is nobody's.
#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
pub struct Node {
    pub next: Ptr<Node>,
    pub value: u32,
}

/// Follows list i from `heads[i]`, at most `most` nodes, and mixes each value into what it has; `to[i]` = what it has at the end.
#[derive(KernelArgs)]
pub struct Chase<'a> {
    #[len(n)]
    pub heads: In<'a, Ptr<Node>>,
    #[len(n)]
    pub to: Out<'a, u32>,
    pub n: u32,
    pub most: u32,
    pub seed: u32,
    pub reach: Reach<'a>,
}

/// `to[i]`, mixed with `from[i]` and `i + seed`, for i < words.
#[derive(Clone, Copy, Default, GpuStruct)]
#[repr(C)]
pub struct Job {
    pub from: Ptr<u32>,
    pub to: Ptr<u32>,
    pub words: u32,
    pub seed: u32,
}

/// Each workgroup does one job.
#[derive(KernelArgs)]
pub struct Jobs<'a> {
    #[len(n)]
    pub jobs: In<'a, Job>,
    pub n: u32,
    pub reach: Reach<'a>,
}

/// As `mixed` in `stress.glsl`.
pub fn mixed(a: u32, b: u32, c: u32) -> u32 {
    let mut x = a.wrapping_mul(0x9e37_79b1).wrapping_add(b ^ c.wrapping_mul(0x85eb_ca6b));
    x ^= x >> 15;
    x = x.wrapping_mul(0x2c1b_3c6d);
    x ^= x >> 13;
    x.wrapping_add(c)
}

/// As `mixed_often` in `stress.glsl`.
pub fn mixed_often(x: u32, by: u32, at: u32, rounds: u32) -> u32 {
    (0..rounds).fold(x, |x, round| mixed(x, by, at.wrapping_add(round)))
}

/// All of them, loaded.
pub struct Kernels {
    pub mix: Kernel<Mix<'static>>,
    pub put: Kernel<Put<'static>>,
    pub fold: Kernel<Fold<'static>>,
    pub chase: Kernel<Chase<'static>>,
    pub jobs: Kernel<Jobs<'static>>,
}

macro_rules! load {
    ($svm:expr, $name:literal) => {
        // SAFETY: this module's promise.
        unsafe { $svm.module(include_bytes!(concat!("../../kernels/stress_", $name, ".spv"))).load() }
            .unwrap_or_else(|error| panic!("{}: {error}", $name))
    };
}

impl Kernels {
    pub fn load(svm: &Svm) -> Self {
        Kernels {
            mix: load!(svm, "mix"),
            put: load!(svm, "put"),
            fold: load!(svm, "fold"),
            chase: load!(svm, "chase"),
            jobs: load!(svm, "jobs"),
        }
    }
}
