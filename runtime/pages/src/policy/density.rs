//! Bringing along what lies between pages that are used: as NVIDIA's driver for managed memory does (uvm_perf_prefetch), over the
//! binary tree of a block's pages.

use crate::mask::{Mask, PAGES};

/// Of a subtree more than so many percent must be used, or with the device, for the rest to come along. NVIDIA's default: one page
/// more than half. Less than half would copy more in vain than for use if every other such guess is wrong.
const PERCENT: usize = 51;

/// The pages of the largest subtrees that are dense enough, of those that contain a used page; without the used and the present
/// ones.
pub(super) fn along(with_device: Mask, used: Mask) -> Mask {
    let dense = with_device | used;
    let mut found = Mask::NONE;
    let mut size = 2;
    while size <= PAGES {
        for start in (0..PAGES).step_by(size) {
            let subtree = Mask::range(start..start + size);
            if !(subtree & used).is_empty() && (subtree & dense).count() * 100 > size * PERCENT {
                found |= subtree;
            }
        }
        size *= 2;
    }
    found - dense
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn more_than_half_completes_it() {
        assert_eq!(along(Mask::NONE, Mask::range(0..17)), Mask::range(17..32));
        assert_eq!(along(Mask::NONE, Mask::range(0..16)), Mask::NONE, "exactly half of the block");
        assert_eq!(along(Mask::NONE, Mask::range(0..3)), Mask::page(3));
        assert_eq!(along(Mask::range(0..16), Mask::page(20)), Mask::range(16..32) - Mask::page(20));
        assert_eq!(along(Mask::range(0..17), Mask::NONE), Mask::NONE, "nothing is used");
        assert_eq!(along(Mask::NONE, Mask::page(9)), Mask::NONE);
    }

    proptest! {
        #[test]
        fn never_more_than_what_was_there(device: u32, used: u32) {
            let (device, used) = (Mask(device), Mask(used));
            let more = along(device, used);
            prop_assert!((more & (device | used)).is_empty());
            prop_assert!(more.count() <= (device | used).count(), "{:?}", more);
        }
    }
}
