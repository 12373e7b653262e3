//! Owns the size classes: which slot sizes exist, and which one serves a layout.
//!
//! Four classes to a doubling keep the waste under a quarter of the slot; above 8 KiB the slot sizes are what divides
//! a page into 7, 6, 5, 4, 3 and 2. Slots lie at multiples of their size from the start of a page, so a class
//! guarantees the largest power of two that divides its slot size as alignment.

use crate::addr::PAGE;
use std::alloc::Layout;

/// Slot size in bytes of each class, ascending, all multiples of [`QUANTUM`].
const SIZES: [u16; 38] = [
    16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 1792,
    2048, 2560, 3072, 3584, 4096, 5120, 6144, 7168, 8192, 9216, 10752, 13056, 16384, 21760, 32768,
];

/// How many size classes there are.
pub(super) const CLASSES: usize = SIZES.len();

/// The smallest slot and the step between the smallest classes, in bytes.
pub(super) const QUANTUM: usize = 16;

/// The largest layout that shares a page with others, in bytes.
pub(super) const LARGEST: usize = SIZES[CLASSES - 1] as usize;

/// The smallest class for each size, by `size.div_ceil(QUANTUM)`.
static BY_SIZE: [u8; LARGEST / QUANTUM + 1] = by_size();

const fn by_size() -> [u8; LARGEST / QUANTUM + 1] {
    let mut table = [0; LARGEST / QUANTUM + 1];
    let (mut quanta, mut class) = (0, 0);
    while quanta < table.len() {
        if quanta * QUANTUM > SIZES[class] as usize {
            class += 1;
        }
        table[quanta] = class as u8;
        quanta += 1;
    }
    table
}

/// A size class. Invariant: less than [`CLASSES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class(u8);

impl Class {
    /// The class for a layout, or `None` if it needs pages of its own.
    pub(super) fn of(layout: Layout) -> Option<Class> {
        let (size, align) = (layout.size(), layout.align());
        if size > LARGEST || align > LARGEST {
            return None;
        }
        if align <= QUANTUM {
            return Some(Class(BY_SIZE[size.div_ceil(QUANTUM)]));
        }
        // A layout's size rounded up to its alignment stays in isize, here under LARGEST even.
        let rounded = size.max(1).next_multiple_of(align);
        let first = BY_SIZE[rounded / QUANTUM];
        (first..CLASSES as u8).map(Class).find(|class| class.align() >= align)
    }

    /// All of them, smallest first.
    pub(super) fn all() -> impl Iterator<Item = Class> {
        (0..CLASSES as u8).map(Class)
    }

    /// The class with this number, if there is one.
    pub(super) fn from_index(index: usize) -> Option<Class> {
        (index < CLASSES).then_some(Class(index as u8))
    }

    /// Its number, less than [`CLASSES`].
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Bytes in a slot.
    pub(super) fn size(self) -> usize {
        usize::from(SIZES[self.index()])
    }

    /// Slots in a page.
    pub(super) fn slots(self) -> usize {
        PAGE / self.size()
    }

    /// The alignment that every slot has.
    pub(super) fn align(self) -> usize {
        1 << self.size().trailing_zeros()
    }

    /// The slot that starts `offset` bytes into a page, or `None` if none starts there.
    pub(super) fn slot_at(self, offset: usize) -> Option<usize> {
        let slot = offset / self.size();
        (slot < self.slots() && slot * self.size() == offset).then_some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_ascend_in_quanta_and_fit_a_page() {
        assert!(SIZES.is_sorted_by(|a, b| a < b));
        for class in Class::all() {
            assert!(class.size().is_multiple_of(QUANTUM), "{class:?}");
            assert!(class.slots() >= 2, "{class:?}");
            assert!((PAGE - class.size() * class.slots()) * 16 <= PAGE, "{class:?} wastes too much of its page");
        }
    }

    #[test]
    fn every_small_layout_gets_the_smallest_class_that_fits() {
        for align in (0..=15).map(|bit| 1 << bit) {
            for size in (0..=LARGEST).step_by(if align == 1 { 1 } else { 8 }) {
                let layout = Layout::from_size_align(size, align).unwrap();
                let class = Class::of(layout).unwrap_or_else(|| panic!("{layout:?} fits no class"));
                let best = Class::all().find(|class| class.size() >= size && class.align() >= align).unwrap();
                assert_eq!(class, best, "{layout:?}");
            }
        }
    }

    #[test]
    fn larger_layouts_get_pages() {
        for (size, align) in [(LARGEST + 1, 1), (PAGE, 8), (1, PAGE), (0, PAGE), (isize::MAX as usize, 1)] {
            assert_eq!(Class::of(Layout::from_size_align(size, align).unwrap()), None, "{size} {align}");
        }
    }

    #[test]
    fn an_ordinary_layout_wastes_under_a_quarter_of_its_slot() {
        for size in 64..=8192 {
            let class = Class::of(Layout::from_size_align(size, 8).unwrap()).unwrap();
            assert!((class.size() - size) * 4 < class.size(), "{size} in {class:?}");
        }
    }

    #[test]
    fn only_slot_starts_are_slots() {
        for class in Class::all() {
            let mut starts = 0..class.slots();
            for offset in 0..PAGE {
                if let Some(slot) = class.slot_at(offset) {
                    assert_eq!(Some(slot), starts.next(), "{class:?} at {offset}");
                    assert_eq!(slot * class.size(), offset, "{class:?}");
                }
            }
            assert!(starts.is_empty(), "{class:?} has slots that no offset finds");
        }
    }
}
