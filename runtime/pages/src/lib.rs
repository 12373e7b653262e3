//! Where each page of a heap is, and every way in which that changes: pure code, without Vulkan, operating system or `unsafe`.

mod mask;
mod sync;

pub use mask::{Mask, PAGES};
