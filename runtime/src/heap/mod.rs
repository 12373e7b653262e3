//! Owns the heap's bytes: who has which, kept entirely outside of them.
//!
//! [`Heap`] is the allocator. Under it, `runs` keeps the free pages, `slab` shares a page among small allocations of
//! one size class (`classes`), and `pages` knows for each page what it is used for.

// Until the `Svm` handle uses it.
#![allow(dead_code, unused_imports)]

mod allocator;
mod classes;
mod pages;
mod runs;
mod slab;

pub(crate) use allocator::{Heap, HeapOptions};
