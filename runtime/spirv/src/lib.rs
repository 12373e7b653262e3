//! Rewrites SPIR-V compute modules so that every access through a pointer translates its address.
//!
//! A program and its shaders share pointers: *unified addresses*, the host's. Where the device has the memory elsewhere,
//! each load, store, atomic or copy through a `PhysicalStorageBuffer` pointer has to find the *device address* first.
//! [`lower`] puts that into the shader, whatever compiler made it: GLSL's buffer references, HLSL's and Slang's pointers,
//! hand-written assembly. Pointer values stay unified addresses everywhere, so that shaders build, compare and follow
//! the very data structures that the program uses.
//!
//! ```
//! use vksvm_spirv::{Options, Table, Translation, lower};
//!
//! # let words = [0x0723_0203, 0x1_0500, 0, 4, 0, 0x2_0011, 1, 0x3_000e, 5348, 1];
//! let table = Table { base: 0x5000_0000_0000, pages: 1024, page_shift: 16, entries: 0x1_0000 };
//! let lowered = lower(&words, &Options::new(Translation::Table(table)))?;
//! println!("{} loads, {} lookups", lowered.facts.dereferences.loads, lowered.facts.lookups);
//! # Ok::<(), vksvm_spirv::Error>(())
//! ```
//!
//! # What is kept
//! Layouts (any offsets and strides, matrices of both majors), the qualifiers `Coherent`, `Volatile`, `NonWritable`,
//! `NonReadable` and `Restrict` of members, memory operands with their scopes, alignments, names, decorations and
//! debug information of what stays. An access that could straddle a page, because it is larger than the alignment that
//! it declares, becomes several that cannot. Several accesses share a translation where all that they touch lies in one
//! piece of memory that is aligned to its own size and no larger than a page.
//!
//! # What is refused
//! Accesses that this crate does not know how to translate are an [`Error::Unsupported`] that names the instruction:
//! cooperative matrices and extended instructions through such pointers, `OpArrayLength` and `OpCopyMemorySized` of
//! them, untyped pointers, acceleration structures from addresses, whole arrays whose length is a specialization
//! constant, more than 4096 numbers moved by one instruction. Other instructions that take such a pointer, and opcodes
//! that nobody here knows, are refused too, never passed over.
//!
//! # What a lowered module reads
//! The tables of [`Table`] and [`Mirrored`] are read while the module runs: entries that launches use may change only
//! between launches. A lookup is within the table for every address, so a wild pointer leads to the null page, and a
//! translation may be computed before it is known whether it is needed.

mod access;
mod address;
mod broken;
mod emit;
mod error;
mod facts;
mod flow;
mod lookup;
mod lower;
mod mark;
mod memory;
mod module;
mod options;
mod place;
mod qualifiers;
mod scope;
mod survey;
mod types;

#[cfg(test)]
mod tests;

#[cfg(any(test, feature = "seam"))]
pub use broken::Broken;
pub use error::Error;
pub use facts::{Access, Block, Dereferences, Facts, Lowered};
pub use lower::lower;
pub use options::{Mirrored, Offset, Options, Table, Translation};
