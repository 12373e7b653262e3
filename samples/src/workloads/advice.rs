//! How much a run tells the heap about what its launches are going to use.

use clap::ValueEnum;
use vksvm::{
    Policy, Result, Svm,
    hints::{Location, Region},
};

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

/// Of parts that a program goes through in turn, again and again, tells the heap to keep the first with the device: as many
/// as there is room for beside `others`, bytes that every launch uses, and one part on its way through. Where all parts are
/// kept alike, and are more than there is room for, none of them is left when its turn comes again.
///
/// # Errors
/// As [`Svm::prefer_location`].
pub fn keep_first<const N: usize>(svm: &Svm, parts: impl IntoIterator<Item = [Piece; N]>, others: usize) -> Result<()> {
    let parts: Vec<_> = parts.into_iter().collect();
    let bytes = |part: &[Piece; N]| part.iter().map(|piece| piece.bytes).sum::<usize>();
    let passing = parts.iter().map(bytes).max().unwrap_or_default();
    let mut room = (svm.capabilities().device_budget_bytes as usize).saturating_sub(others + passing);
    for part in &parts {
        if bytes(part) > room {
            break;
        }
        room -= bytes(part);
        for piece in part {
            svm.prefer_location(piece.region, Location::Device)?;
        }
    }
    Ok(())
}

/// Memory that a part is made of.
pub struct Piece {
    region: Region,
    bytes: usize,
}

impl<T> From<&[T]> for Piece {
    fn from(slice: &[T]) -> Self {
        Piece { region: slice.into(), bytes: size_of_val(slice) }
    }
}
