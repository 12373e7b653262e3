//! The operating system's memory: mappings and faults. The only importer of rustix and libc.

pub(crate) mod call;
pub(crate) mod clock;
pub(crate) mod exit;
pub(crate) mod faults;
pub(crate) mod mapping;
pub(crate) mod memory;
pub(crate) mod threads;
