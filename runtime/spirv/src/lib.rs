//! Rewrites SPIR-V compute modules so that every access through a pointer translates its address.

mod access;
mod address;
mod broken;
mod emit;
mod error;
mod facts;
mod flow;
mod lower;
mod mark;
mod memory;
mod module;
mod options;
mod place;
mod scope;
mod survey;
mod types;

#[cfg(test)]
mod tests;

#[cfg(any(test, feature = "seam"))]
pub use broken::Broken;
pub use error::Error;
pub use facts::{Access, Block, Dereferences, Facts, Lowered};
pub use lower::lower;
pub use options::{Mirrored, Offset, Options, Table, Translation};
