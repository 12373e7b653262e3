//! vksvm-tests: what the device tests and the benchmarks share.

pub mod bare;
