//! What hints and policy are worth: the same program with and without them, and beside the least that it could move.

mod prefetch;
mod thrash;

pub use prefetch::PREFETCH_SCAN;
pub use thrash::{THRASH_PINGPONG, THRASH_PINGPONG_PLAIN};
