//! Types that the test shaders share, and the shaders.

use crate::{GpuStruct, Ptr};

/// Padding inside and at the end, arrays, pointers to itself, to pointers and to numbers, awkward names.
#[derive(Clone, Copy, Debug, GpuStruct)]
#[repr(C)]
pub(crate) struct Node {
    pub edges: Ptr<Ptr<Node>>,
    pub degree: u32,
    pub level: u32,
    pub parent: Ptr<Node>,
    pub weights: Ptr<f32>,
    pub r#in: Tail,
    pub after: u32,
    pub small: u8,
    pub grid: [[i16; 2]; 3],
    pub tails: [Tail; 2],
    pub flag: u8,
}

/// GLSL's scalar layout puts what follows at 12, Rust at 16.
#[derive(Clone, Copy, Debug, GpuStruct)]
#[repr(C)]
pub(crate) struct Tail {
    pub key: u64,
    pub value: u32,
}

/// A parameter, and more alignment than its fields have.
#[derive(Clone, Copy, Debug, GpuStruct)]
#[repr(C, align(16))]
pub(crate) struct Pair<T> {
    pub a: T,
    pub b: f64,
}

pub(crate) const TYPES_GLSL: &str = include_str!("types.glsl");
