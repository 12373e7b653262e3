//! Types that the test shaders share, and the shaders.
//!
//! The `.spv` files are compiled from the sources beside them: `node_named.spv` by glslangValidator without
//! optimisation, `entries.spv` by spirv-as, the others as the project compiles its kernels (shaderc, Vulkan 1.2,
//! optimised for performance), all with this folder and the one above on the include path.

use super::{check::check, reflect::Reflection};
use crate::{ArgLayout, GpuStruct, In, InOut, KernelArgs, Out, Ptr};

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

/// Tail with another sign.
#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
pub(crate) struct OtherTail {
    pub key: i64,
    pub value: u32,
}

/// A vec3 as Rust programs write one.
#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
pub(crate) struct Xyz {
    pub x: f32,
    pub y: f32,
    pub z: f32,
}

/// blocks.comp's Pose, whose matrix has 2 columns of 3 numbers.
#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
pub(crate) struct Pose {
    pub at: Xyz,
    pub turn: [[f32; 3]; 2],
    pub uv: [[f32; 2]; 2],
}

/// The same with the matrix stored by its 3 rows.
#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
pub(crate) struct RowPose {
    pub at: [f32; 3],
    pub turn: [[f32; 2]; 3],
    pub uv: [[f32; 2]; 2],
}

/// A vec4 as Rust programs write one.
#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
pub(crate) struct Quad {
    pub xyz: Xyz,
    pub w: f32,
}

/// A column of a mat3 in the layout std430.
#[derive(Clone, Copy, GpuStruct)]
#[repr(C, align(16))]
pub(crate) struct Column {
    pub xyz: [f32; 3],
}

/// As many numbers as a mat3 has in as many bytes.
#[derive(Clone, Copy, GpuStruct)]
#[repr(C, align(16))]
pub(crate) struct Nine {
    pub numbers: [f32; 9],
}

/// One field.
#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
pub(crate) struct Wrapped<T> {
    pub inner: T,
}

/// blocks.comp's Members and Partly: the block is the element.
#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
pub(crate) struct Members {
    pub a: f32,
    pub b: u32,
}

pub(crate) const TYPES_GLSL: &str = include_str!("types.glsl");
/// node.comp as the project compiles it, and unoptimised with its names.
pub(crate) const NODE: &[u8] = include_bytes!("node.spv");
pub(crate) const NODE_NAMED: &[u8] = include_bytes!("node_named.spv");
pub(crate) const CONSTANTS: &[u8] = include_bytes!("constants.spv");
pub(crate) const ADDRESS: &[u8] = include_bytes!("address.spv");
pub(crate) const DESCRIPTORS: &[u8] = include_bytes!("descriptors.spv");
pub(crate) const BLOCKS: &[u8] = include_bytes!("blocks.spv");
pub(crate) const HEADED: &[u8] = include_bytes!("headed.spv");
pub(crate) const PRELUDE: &[u8] = include_bytes!("prelude.spv");
pub(crate) const ENTRIES: &[u8] = include_bytes!("entries.spv");

pub(crate) fn words(spirv: &[u8]) -> Vec<u32> {
    spirv.chunks_exact(4).map(|w| u32::from_le_bytes(w.try_into().unwrap())).collect()
}

/// The arguments of node.comp.
#[derive(KernelArgs)]
pub(crate) struct NodeArgs<'a> {
    pub nodes: In<'a, Node>,
    pub changed: InOut<'a, Node>,
    pub order: Out<'a, Ptr<Node>>,
    pub fours: In<'a, [f32; 4]>,
    pub pair: Pair<f32>,
    pub n: u32,
    pub scale: [f32; 3],
    pub turn: [[f32; 2]; 2],
    pub triples: InOut<'a, [f32; 3]>,
    pub root: Ptr<Node>,
}

/// Compares a module, damaged as it may be, with arguments of every kind.
pub(crate) fn check_anything(r: &Reflection) {
    let all = NodeArgs::layout();
    for n in 0..=all.len() {
        let _ = check("anything", r, &all[..n]);
    }
    // Whatever the block's first member is, against every type.
    for kind in all.iter().map(|a| a.kind) {
        let _ = check("anything", r, &[ArgLayout { kind, ..all[0] }]);
    }
}
