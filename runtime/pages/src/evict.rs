//! Who gives up device memory for others: policy, behind its one trait.

/// A block that has pages in device memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its number.
    pub block: usize,
    /// When a launch used it last: launches are counted.
    pub last_used: u64,
}

/// Decides which blocks go first. Blocks in use are passed over, whatever it says.
pub trait Evict: Send + Sync {
    /// Puts those that should go first first.
    fn order(&self, candidates: &mut [Candidate]);
}

/// The block that was not used for the longest time goes first.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeastRecent;

impl Evict for LeastRecent {
    fn order(&self, candidates: &mut [Candidate]) {
        candidates.sort_by_key(|c| (c.last_used, c.block));
    }
}
