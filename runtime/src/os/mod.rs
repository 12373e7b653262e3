//! The operating system's memory: mappings and faults. The only importer of rustix and libc.

pub(crate) mod call;
pub(crate) mod exit;
#[allow(dead_code, unused_imports, reason = "discrete placement, which uses it, is being built")]
pub(crate) mod faults;
pub(crate) mod mapping;
pub(crate) mod memory;
pub(crate) mod threads;
