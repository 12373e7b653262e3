//! Big arrays and their parts: the workloads that are made for more data than the device has memory go through it part by
//! part, a launch for each.

use std::ops::{Deref, DerefMut};
use vksvm::{GpuStruct, Result, Svm, SvmVec, hints::Region};

/// Bytes in a block: pages move in blocks of 32.
pub const BLOCK: usize = 2 << 20;

/// Parts that an array is cut into, where block borders do not ask for fewer.
pub const PARTS: usize = 16;

/// The least number of parts: a launch that takes one and a few small arrays then fits into a quarter of the whole.
const FEWEST: usize = 8;

/// How many items, of `bytes_each` bytes, a part has: a sixteenth of them, rounded up to where an item ends together with
/// a block. Where less than eight parts would be left by that, borders of blocks are not looked for.
pub fn part_of(items: usize, bytes_each: usize) -> usize {
    // A block's size is a power of two, so this is the least common multiple over the item's size.
    let unit = BLOCK >> bytes_each.trailing_zeros().min(BLOCK.trailing_zeros());
    let share = items.div_ceil(PARTS).max(1);
    let rounded = share.next_multiple_of(unit);
    if rounded * FEWEST <= items { rounded } else { share }
}

/// A slice in the heap that begins where a block does, if it is as large as one: then no other array's pages are moved or
/// evicted with its own.
pub struct Blocks<T> {
    memory: SvmVec<T>,
    start: usize,
    len: usize,
}

impl<T: GpuStruct> Blocks<T> {
    /// `len` elements whose bytes are zero.
    ///
    /// # Errors
    /// As [`Svm::try_zeroed`].
    pub fn zeroed(svm: &Svm, len: usize) -> Result<Self> {
        let small = len.saturating_mul(size_of::<T>()) < BLOCK;
        // Address space only: what lies before the slice is never touched.
        let slack = if small { 0 } else { BLOCK / size_of::<T>() };
        let memory = svm.try_zeroed::<T>(len.saturating_add(slack))?;
        let start = if small { 0 } else { memory.as_ptr().align_offset(BLOCK).min(slack) };
        Ok(Blocks { memory, start, len })
    }
}

impl<T> Deref for Blocks<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.memory[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for Blocks<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.memory[self.start..self.start + self.len]
    }
}

impl<T> From<&Blocks<T>> for Region {
    fn from(blocks: &Blocks<T>) -> Self {
        Region::from(&blocks[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_with_blocks_where_there_are_enough() {
        // 2^17 items of 256 bytes: 16 parts of a block each.
        assert_eq!(part_of(1 << 17, 256), 8192);
        // 16 MiB in rows of 8 KiB: a sixteenth is half a block, so there are 8 parts.
        assert_eq!(part_of(2048, 8 << 10), 256);
        // Rows of 24 KiB end with a block after 3 blocks.
        assert_eq!(part_of(6144, 24 << 10), 512);
        // Too small for that.
        assert_eq!(part_of(768, 3 << 10), 48);
        assert_eq!((part_of(1, 4), part_of(17, 4), part_of(0, 4)), (1, 2, 1));
        for (items, bytes) in [(1 << 17, 256), (2048, 8 << 10), (6144, 24 << 10)] {
            assert!((part_of(items, bytes) * bytes).is_multiple_of(BLOCK));
        }
    }
}
