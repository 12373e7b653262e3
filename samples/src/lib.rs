//! Workloads that run on memory shared by CPU and GPU, each checked against a reference on the CPU.
//!
//! The program `svm-samples` runs them; the numbered programs in `examples/` are where to start reading.

pub mod kernels;
pub mod types;
pub mod workloads;

/// The README's example, compiled and run as a doctest.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
