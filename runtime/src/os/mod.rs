//! The operating system's memory: mappings now, faults later. The only importer of rustix and libc.

// Until the `Svm` handle uses it.
#![allow(dead_code, unused_imports)]

pub(crate) mod mapping;
pub(crate) mod memory;
