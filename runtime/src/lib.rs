//! # vksvm: shared virtual memory for GPU compute on plain Vulkan

// The derives write `::vksvm::…`; this makes those paths resolve inside the crate's own tests.
extern crate self as vksvm;

mod addr;
mod error;
mod gpu;
mod heap;
mod kernel;
mod os;
mod residency;

pub use addr::{BLOCK, PAGE};
pub use error::{Error, OsError, Result};
pub use kernel::*;
