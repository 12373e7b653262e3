//! A recipe: all that a generated case is made of, as data that can be printed and made smaller.

use super::types::{Type, Types};

/// What one invocation does at a point of its program. Which place, which part of it and how are drawn from the step's
/// seed when the module is written, among what is legal there, so a recipe stays valid whatever is taken out of it.
#[derive(Clone, Debug)]
pub struct Step {
    pub kind: Kind,
    /// 0: the first choice everywhere.
    pub seed: u64,
    /// The steps inside: arms, cases, a loop's body.
    pub inner: Vec<Vec<Step>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Load,
    Store,
    /// A load, a change, and a store to the same place.
    Update,
    /// `OpCopyMemory`.
    Copy,
    /// An atomic on memory of the invocation's own, whose result counts.
    Atomic,
    /// An atomic on memory that all invocations share, whose result does not count.
    Counter,
    /// Loads a pointer and keeps it.
    Follow,
    /// Stores a pointer.
    Link,
    /// Makes a pointer into the middle of an object and keeps it.
    Keep,
    /// Converts a pointer to something else and maybe back.
    Cast,
    /// `OpSelect` of two pointers.
    Select,
    /// A variable that holds a pointer.
    Variable,
    /// `OpPtrAccessChain` from an element to another one.
    Neighbour,
    If,
    /// A pointer that is one or another, and a branch that knows which: what holds in one arm need not hold in the other.
    Guard,
    Switch,
    Loop,
    /// A call of the function with this number, which is in the recipe or else nothing happens.
    Call(usize),
    /// Leaves the loop, or goes on with its next turn, under a condition.
    Leave,
}

/// How an invocation gets at its object in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A 64-bit address from the arguments, plus arithmetic, converted.
    Address,
    /// A pointer from the arguments, and `OpPtrAccessChain`.
    Pointer,
    /// Two 32-bit words from the arguments, added to and bitcast.
    Halves,
    /// A pointer loaded from the root block, which lies in the heap too, and `OpPtrAccessChain`.
    Root,
    /// A pointer from the arguments to a block that is one runtime array of the objects.
    Wrapped,
}

/// How vectors are accessed.
///
/// Mesa 22.3's optimiser takes a vector's first component for another one (`nir_opt_copy_prop_vars`, by the look of it) where a
/// component is accessed by its own access chain after the vector was accessed as a whole, and crashes if that is an
/// atomic; volatile accesses it leaves alone, and Mesa 25.0 gets them all right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vectors {
    /// As wholes only.
    Whole,
    /// By components only.
    Components,
    /// Both. Not for Mesa 22.
    Mixed,
}

/// Objects of one type, in rows that lie `stride` bytes apart: one row an invocation, or one for all if it is shared.
#[derive(Clone, Debug)]
pub struct Region {
    pub object: Type,
    /// Bytes from the heap's start.
    pub base: u32,
    /// Bytes from an invocation's row to the next.
    pub stride: u32,
    /// Objects in a row, and bytes from one to the next.
    pub count: u32,
    pub spacing: u32,
    pub shared: bool,
    pub entry: Entry,
}

#[derive(Clone, Debug)]
pub struct Function {
    /// The blocks that its parameters point to.
    pub parameters: Vec<usize>,
    /// Whether it returns a pointer, which is one to the first parameter's block.
    pub returns: bool,
    pub seed: u64,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub struct Recipe {
    pub seed: u64,
    /// SPIR-V 1.x.
    pub minor: u32,
    pub vulkan_memory_model: bool,
    pub vectors: Vectors,
    /// Whether accesses make memory available or visible, and atomics acquire or release. Not for Mesa 22: its llvmpipe takes
    /// that for a barrier of the whole workgroup, and where invocations disagree on how often they come by (a loop whose
    /// turns differ), most of them end there: nothing after the loop happens.
    pub fences: bool,
    /// Whether a pointer that a loop takes on is used after the loop. Not for Mesa 22: its llvmpipe can lose what a loop has
    /// come to for the invocations that left it before others did.
    pub outlive: bool,
    /// Names, lines and strings.
    pub debug: bool,
    pub local_size: u32,
    pub groups: u32,
    /// Invocations that do anything; at most `local_size * groups`.
    pub invocations: u32,
    pub types: Types,
    /// The first two are those of the results and of the shared counters.
    pub regions: Vec<Region>,
    /// Where the root block lies: bytes from the heap's start.
    pub root: u32,
    /// The heap's length in bytes.
    pub length: u32,
    pub functions: Vec<Function>,
    pub steps: Vec<Step>,
}

/// The struct of the invocations' results: one word.
pub const RESULT: usize = 0;
/// The struct of the shared counters: see [`COUNTERS`].
pub const COUNTER: usize = 1;

impl Recipe {
    /// The alignment that all objects of a region have: a power of two, in bytes.
    pub fn region_align(&self, region: &Region) -> u32 {
        let mut bits = region.base | 1 << 12;
        if !region.shared {
            bits |= region.stride;
        }
        if region.count > 1 {
            bits |= region.spacing;
        }
        super::types::low_bit(bits)
    }

    /// The alignment that all objects of a block have.
    pub fn block_align(&self, block: usize) -> u32 {
        let regions = self.regions.iter().filter(|region| region.object == Type::Struct(block));
        regions.map(|region| self.region_align(region)).min().unwrap_or(1)
    }

    /// Steps, inner ones included.
    pub fn steps(&self) -> usize {
        fn count(steps: &[Step]) -> usize {
            steps.iter().map(|step| 1 + step.inner.iter().map(|inner| count(inner)).sum::<usize>()).sum()
        }
        count(&self.steps) + self.functions.iter().map(|function| count(&function.steps)).sum::<usize>()
    }
}
