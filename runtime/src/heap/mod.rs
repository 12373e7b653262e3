//! Owns the heap's bytes: who has which, kept entirely outside of them.
//!
//! [`Heap`] is the allocator. Under it, `runs` keeps the free pages, `slab` shares a page among small allocations of
//! one size class (`classes`), and `pages` knows for each page what it is used for.

mod allocator;
mod classes;
mod collections;
mod pages;
mod recording;
pub(crate) mod registry;
mod runs;
mod slab;
mod svm;

pub(crate) use allocator::{Heap, HeapOptions, Keeper};
pub use collections::{SvmAlloc, SvmBox, SvmVec};
pub use svm::Svm;
