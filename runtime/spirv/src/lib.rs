//! Rewrites SPIR-V compute modules so that every access through a pointer translates its address.

mod error;
mod facts;
mod options;

#[cfg(feature = "seam")]
mod broken;

#[cfg(feature = "seam")]
pub use broken::Broken;
pub use error::Error;
pub use facts::{Access, Block, Dereferences, Facts, Lowered};
pub use options::{Mirrored, Offset, Options, Table, Translation};

/// Lowers a module.
pub fn lower(words: &[u32], options: &Options) -> Result<Lowered, Error> {
    let _ = options;
    Ok(Lowered { words: words.to_vec(), facts: Facts::default() })
}
