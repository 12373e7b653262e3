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
    let bytes: Vec<_> = parts.iter().map(|part| part.iter().map(|piece| piece.bytes).sum()).collect();
    let room = (svm.capabilities().device_budget_bytes as usize).saturating_sub(others);
    for piece in parts.iter().take(fitting(&bytes, room)).flatten() {
        svm.prefer_location(piece.region, Location::Device)?;
    }
    Ok(())
}

/// How many parts, the first, fit into `room` together with the largest of all.
fn fitting(parts: &[usize], room: usize) -> usize {
    let mut room = room.checked_sub(parts.iter().max().copied().unwrap_or_default());
    let fits = |bytes: &&usize| {
        room = room.and_then(|room| room.checked_sub(**bytes));
        room.is_some()
    };
    parts.iter().take_while(fits).count()
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

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn parts_stay_as_long_as_one_more_fits() {
        assert_eq!(fitting(&[2, 2, 2, 2], 8), 3);
        assert_eq!(fitting(&[2, 2, 2, 2], 7), 2);
        assert_eq!(fitting(&[1, 5, 1, 1], 8), 1, "the largest passes through, too");
        assert_eq!((fitting(&[2, 2], 100), fitting(&[2, 2], 1), fitting(&[], 1), fitting(&[3], 0)), (2, 0, 0, 0));
    }
}
