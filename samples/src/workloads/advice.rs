//! How much a run tells the heap about what its launches are going to use.

use clap::ValueEnum;
use vksvm::Policy;

/// What the heap goes by when it decides which page is where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Advice {
    /// Launches alone: pages move for each of them, the least recently used go first
    None,
    /// What it observes by itself
    #[default]
    Auto,
    /// That, and what the workload knows about its data
    Best,
}

impl Advice {
    /// The policy that it asks for; with none it is the environment's, or the default.
    pub fn policy(self) -> Option<Policy> {
        match self {
            Advice::None => Some(Policy::Lru),
            Advice::Auto => None,
            Advice::Best => Some(Policy::Auto),
        }
    }
}
