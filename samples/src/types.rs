//! Structs that the workloads and examples share with their shaders.
//!
//! Rust is the source: `svm-samples glsl` writes their GLSL, `shaders/include/types.glsl`, from these definitions.

use vksvm::{GpuStruct, Ptr};

/// A node of a graph.
#[derive(Clone, Copy, Debug, GpuStruct)]
#[repr(C)]
pub struct Node {
    /// The first of its edges: pointers to its neighbours, one after the other.
    pub edges: Ptr<Ptr<Node>>,
    /// The node from which the search reached it.
    pub parent: Ptr<Node>,
    /// Number of edges.
    pub degree: u32,
    /// Steps from the root, [`Node::UNREACHED`] before the search.
    pub level: u32,
}

impl Node {
    /// The level of a node that no search has reached.
    pub const UNREACHED: u32 = u32::MAX;
}

/// An item of a linked list.
#[derive(Clone, Copy, Debug, GpuStruct)]
#[repr(C)]
pub struct Item {
    /// The item behind it; null for the last.
    pub next: Ptr<Item>,
    /// What the list is about.
    pub value: u32,
}

/// A slot of the hash table that counts words.
#[derive(Clone, Copy, Debug, PartialEq, GpuStruct)]
#[repr(C)]
pub struct Word {
    /// Where in the text the word first claimed the slot, counted from 1; 0 for a free slot.
    pub first: u32,
    /// How often the word occurs.
    pub count: u32,
}

/// A key and its value: a slot of the key-value store, a request to it, or an answer.
#[derive(Clone, Copy, Debug, PartialEq, GpuStruct)]
#[repr(C)]
pub struct Pair {
    /// The key; 0 for a free slot.
    pub key: u32,
    /// The value; 0 in the answer for a key that the store does not have.
    pub value: u32,
}

/// Sum and extremes of some numbers.
#[derive(Clone, Copy, Debug, PartialEq, GpuStruct)]
#[repr(C)]
pub struct Extent {
    /// Their sum.
    pub sum: f32,
    /// The least of them.
    pub min: f32,
    /// The greatest of them.
    pub max: f32,
}
