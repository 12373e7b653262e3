//! Sets of a block's pages.

use std::ops::{BitAnd, BitOr, BitOrAssign, Not, Range, Sub, SubAssign};

/// Pages in a block.
pub const PAGES: usize = 32;

/// A set of the pages of one block, by their numbers in it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Mask(pub u32);

impl Mask {
    /// No page.
    pub const NONE: Mask = Mask(0);
    /// The whole block.
    pub const ALL: Mask = Mask(u32::MAX);

    /// One page. Panics if there is none of that number.
    pub fn page(page: usize) -> Mask {
        assert!(page < PAGES, "a block has {PAGES} pages, asked for number {page}");
        Mask(1 << page)
    }

    /// The pages of a range of numbers. Panics if it reaches beyond the block.
    pub fn range(range: Range<usize>) -> Mask {
        assert!(range.end <= PAGES, "a block has {PAGES} pages, asked for {range:?}");
        let below = |end: usize| ((1u64 << end) - 1) as u32;
        if range.is_empty() { Mask::NONE } else { Mask(below(range.end) & !below(range.start)) }
    }

    /// Whether the page is among them.
    pub fn has(self, page: usize) -> bool {
        page < PAGES && self.0 >> page & 1 != 0
    }

    /// How many there are.
    pub fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `other` are among them.
    pub fn contains(self, other: Mask) -> bool {
        (other - self).is_empty()
    }

    /// Their numbers, in order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let page = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            (page < PAGES).then_some(page)
        })
    }

    /// The runs of pages that follow each other, in order: what one system call or copy can do at once.
    pub fn runs(self) -> impl Iterator<Item = Range<usize>> {
        let mut left = u64::from(self.0);
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let start = left.trailing_zeros() as usize;
            let end = start + (!(left >> start)).trailing_zeros() as usize;
            left &= !((1 << end) - 1);
            Some(start..end)
        })
    }

    /// Those that come after the first `pages` of them.
    pub fn after(self, pages: usize) -> Mask {
        self.iter().skip(pages).fold(Mask::NONE, |all, page| all | Mask(1 << page))
    }

    /// Those for which a page's number gives true.
    pub fn filter(self, keep: impl Fn(usize) -> bool) -> Mask {
        self.iter().filter(|page| keep(*page)).fold(Mask::NONE, |all, page| all | Mask(1 << page))
    }
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.runs()).finish()
    }
}

impl BitAnd for Mask {
    type Output = Mask;
    fn bitand(self, other: Mask) -> Mask {
        Mask(self.0 & other.0)
    }
}

impl BitOr for Mask {
    type Output = Mask;
    fn bitor(self, other: Mask) -> Mask {
        Mask(self.0 | other.0)
    }
}

impl BitOrAssign for Mask {
    fn bitor_assign(&mut self, other: Mask) {
        self.0 |= other.0;
    }
}

/// Those that are not in the other.
impl Sub for Mask {
    type Output = Mask;
    fn sub(self, other: Mask) -> Mask {
        Mask(self.0 & !other.0)
    }
}

impl SubAssign for Mask {
    fn sub_assign(&mut self, other: Mask) {
        self.0 &= !other.0;
    }
}

impl Not for Mask {
    type Output = Mask;
    fn not(self) -> Mask {
        Mask(!self.0)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn runs_and_pages_are_the_set(bits: u32) {
            let mask = Mask(bits);
            let pages: Vec<usize> = mask.iter().collect();
            prop_assert_eq!(&pages, &(0..PAGES).filter(|page| bits >> page & 1 == 1).collect::<Vec<_>>());
            prop_assert_eq!(pages.len(), mask.count());
            prop_assert_eq!(mask.runs().flatten().collect::<Vec<_>>(), pages);
            prop_assert_eq!(mask.runs().fold(Mask::NONE, |all, run| all | Mask::range(run)), mask);
            let runs: Vec<_> = mask.runs().collect();
            prop_assert!(runs.windows(2).all(|pair| pair[0].end < pair[1].start), "runs touch: {:?}", runs);
        }

        #[test]
        fn sets_behave(a: u32, b: u32) {
            let (a, b) = (Mask(a), Mask(b));
            prop_assert_eq!((a - b) | (a & b), a);
            prop_assert_eq!(a.contains(b), (a | b) == a);
            prop_assert_eq!(!(!a), a);
        }
    }

    #[test]
    fn ranges_at_the_ends() {
        assert_eq!(Mask::range(0..32), Mask::ALL);
        assert_eq!(Mask::range(5..5), Mask::NONE);
        assert_eq!(Mask::range(31..32), Mask(1 << 31));
        assert!(Mask::ALL.runs().eq(std::iter::once(0..32)));
    }
}
