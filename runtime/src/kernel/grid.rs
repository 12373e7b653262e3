//! How many invocations a launch has.

use crate::error::{Error, Result};

/// The size of a launch: invocations in each dimension, rounded up to whole workgroups of the kernel's local size, or
/// workgroups where made by [`Grid::groups`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    size: [u64; 3],
    groups: bool,
}

impl Grid {
    /// A grid of workgroups.
    pub const fn groups(groups: [u32; 3]) -> Self {
        let [x, y, z] = groups;
        Grid { size: [x as u64, y as u64, z as u64], groups: true }
    }

    /// Workgroups of `local` invocations that cover it.
    pub(crate) fn workgroups(self, local: [u32; 3], limit: [u32; 3]) -> Result<[u32; 3]> {
        let grid = self.size;
        if grid.contains(&0) {
            return Err(Error::EmptyGrid { grid });
        }
        let groups = match self.groups {
            true => grid,
            false => [0, 1, 2].map(|i| grid[i].div_ceil(u64::from(local[i]))),
        };
        if (0..3).any(|i| groups[i] > u64::from(limit[i])) {
            return Err(Error::GridTooLarge { grid, groups, local, limit });
        }
        Ok(groups.map(|n| n as u32))
    }
}

impl From<u32> for Grid {
    fn from(x: u32) -> Self {
        [x, 1, 1].into()
    }
}

impl From<u64> for Grid {
    fn from(x: u64) -> Self {
        Grid { size: [x, 1, 1], groups: false }
    }
}

impl From<usize> for Grid {
    fn from(x: usize) -> Self {
        (x as u64).into()
    }
}

impl From<[u32; 2]> for Grid {
    fn from([x, y]: [u32; 2]) -> Self {
        [x, y, 1].into()
    }
}

impl From<[u32; 3]> for Grid {
    fn from(size: [u32; 3]) -> Self {
        Grid { size: size.map(u64::from), groups: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: [u32; 3] = [65535; 3];

    #[test]
    fn invocations_round_up_to_workgroups() {
        assert_eq!(Grid::from(1000u32).workgroups([64, 1, 1], LIMIT), Ok([16, 1, 1]));
        assert_eq!(Grid::from([9u32, 8]).workgroups([8, 8, 1], LIMIT), Ok([2, 1, 1]));
        assert_eq!(Grid::groups([9, 8, 7]).workgroups([8, 8, 8], LIMIT), Ok([9, 8, 7]));
    }

    #[test]
    fn empty_and_large_grids_are_errors() {
        let empty = Grid::from([4u32, 0]).workgroups([1, 1, 1], LIMIT);
        assert_eq!(empty, Err(Error::EmptyGrid { grid: [4, 0, 1] }));
        assert_eq!(Grid::from(65535u32 * 64).workgroups([64, 1, 1], LIMIT), Ok([65535, 1, 1]));
        let large = Grid::from(65535u32 * 64 + 1).workgroups([64, 1, 1], LIMIT);
        assert!(matches!(large, Err(Error::GridTooLarge { groups: [65536, 1, 1], .. })), "{large:?}");
        let huge = Grid::from(usize::MAX).workgroups([1, 1, 1], LIMIT);
        assert!(matches!(huge, Err(Error::GridTooLarge { .. })), "{huge:?}");
    }
}
