//! Random modules.

pub mod counters;
pub mod image;
pub mod invent;
pub mod picks;
pub mod recipe;
pub mod types;
pub mod write;
