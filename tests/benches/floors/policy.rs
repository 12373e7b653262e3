//! What hints and policy are worth: the same program with and without them, and beside the least that it could move.

mod modelled;
mod moved;
mod prefetch;
mod runs;
mod thrash;
mod tracing;

pub use modelled::{AUTO_GAIN, OVERSUBSCRIBED, OVERSUBSCRIBED_BELADY, OVERSUBSCRIBED_LRU};
pub use moved::{HINTS_GAIN, HINTS_OVER_AUTO, LRU_OVER_BELADY, OVER_BELADY};
pub use prefetch::PREFETCH_SCAN;
pub use thrash::{THRASH_PINGPONG, THRASH_PINGPONG_PLAIN};
pub use tracing::{TRACE_OVERHEAD, TRACE_OVERHEAD_LAUNCHES, TRACE_OVERHEAD_TIMED};
