//! The operating system's memory: mappings now, faults later. The only importer of rustix and libc.

pub(crate) mod exit;
pub(crate) mod mapping;
pub(crate) mod memory;
pub(crate) mod threads;
