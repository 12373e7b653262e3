//! Who gives up device memory for whom: Belady's rule, with bypass.
//!
//! Belady's optimum drops what is used last, and where a newcomer is the one that is used last it is better not to take it in: it
//! is used in place once. What is known of the future is a guess, so a newcomer must be needed clearly sooner than what it
//! displaces, or the two would take turns in displacing each other.

use crate::mask::Mask;

/// What a newcomer displaces is used this much later than itself at least, as a factor: guesses by rates of use are seldom better.
const CLEARLY: f32 = 1.25;

/// Pages of a block that a launch misses. Made from a [`crate::Placing`] and a [`crate::Policy::distance`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Newcomer {
    /// How many launches from now the block is used again, after the launch in hand.
    pub distance: f32,
    /// Pages that move, even where others must go.
    pub moves: Mask,
    /// Pages that move where it pays.
    pub if_room: Mask,
}

/// A block with pages in device memory that could go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resident {
    /// Its number.
    pub block: usize,
    /// How many launches from now it is used.
    pub distance: f32,
    /// How many of its pages could go.
    pub pages: usize,
}

/// What comes and what goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Displaced {
    /// Of each newcomer, in the order given, the pages that come. Fewer than its `moves` where there is no room for all of them.
    pub incoming: Vec<Mask>,
    /// The blocks that go, all of their pages that can, in this order.
    pub go: Vec<usize>,
}

/// Shares `free` slots, and those of the residents, out among the newcomers. Whole blocks go, the one that is used last first. Puts
/// the residents in that order.
pub fn displace(newcomers: &[Newcomer], residents: &mut [Resident], free: usize) -> Displaced {
    residents.sort_by(|a, b| b.distance.total_cmp(&a.distance).then(a.block.cmp(&b.block)));
    let mut order: Vec<usize> = (0..newcomers.len()).collect();
    // The sooner, the better; of equals the first, since a launch's blocks are alike and neighbours are copied at once.
    order.sort_by(|a, b| newcomers[*a].distance.total_cmp(&newcomers[*b].distance));
    let mut result = Displaced { incoming: vec![Mask::NONE; newcomers.len()], go: vec![] };
    let (mut free, mut left) = (free, residents.iter());
    for must in [true, false] {
        for at in &order {
            let newcomer = &newcomers[*at];
            let pages = if must { newcomer.moves } else { newcomer.if_room - newcomer.moves };
            let later = |resident: &&Resident| must || resident.distance > CLEARLY * newcomer.distance;
            while free < pages.count() {
                let Some(resident) = left.as_slice().first().filter(later) else { break };
                left.next();
                if resident.pages > 0 {
                    result.go.push(resident.block);
                    free += resident.pages;
                }
            }
            let come = pages - pages.after(free);
            free -= come.count();
            result.incoming[*at] |= come;
        }
    }
    result
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn newcomer(distance: f32, moves: usize, if_room: usize) -> Newcomer {
        Newcomer { distance, moves: Mask::range(0..moves), if_room: Mask::range(moves..moves + if_room) }
    }

    fn resident(block: usize, distance: f32, pages: usize) -> Resident {
        Resident { block, distance, pages }
    }

    #[test]
    fn what_is_used_last_goes_for_what_is_used_sooner() {
        let mut residents = [resident(1, 3.0, 8), resident(2, 50.0, 8), resident(3, 20.0, 8)];
        let out = displace(&[newcomer(10.0, 0, 12)], &mut residents, 2);
        assert_eq!(out, Displaced { incoming: vec![Mask::range(0..12)], go: vec![2, 3] });
        // Once round a loop: everything else is used before it is.
        let out = displace(&[newcomer(60.0, 0, 12)], &mut residents, 2);
        assert_eq!(out, Displaced { incoming: vec![Mask::range(0..2)], go: vec![] }, "only what there is room for");
        let out = displace(&[newcomer(45.0, 0, 3)], &mut residents, 0);
        assert!(out.go.is_empty(), "a little sooner is not enough");
    }

    #[test]
    fn what_must_move_comes_first() {
        let mut residents = [resident(1, 3.0, 4), resident(2, f32::INFINITY, 4)];
        let newcomers = [newcomer(1.0, 0, 6), newcomer(100.0, 5, 0)];
        let out = displace(&newcomers, &mut residents, 0);
        assert_eq!(out.go, [2, 1]);
        assert_eq!(out.incoming, [Mask::range(0..3), Mask::range(0..5)]);
        let out = displace(&[newcomer(1.0, 12, 0)], &mut residents, 0);
        assert_eq!((out.go.len(), out.incoming[0].count()), (2, 8), "more than there can be");
    }

    proptest! {
        #[test]
        fn no_more_comes_than_there_is_room_for(
            newcomers in prop::collection::vec((0.0..100.0f32, any::<u32>(), any::<u32>()), 0..6),
            residents in prop::collection::vec((0.0..100.0f32, 0..33usize), 0..6),
            free in 0..100usize,
        ) {
            let newcomers: Vec<_> = newcomers
                .into_iter()
                .map(|(distance, moves, if_room)| Newcomer { distance, moves: Mask(moves), if_room: Mask(if_room) })
                .collect();
            let mut residents: Vec<_> = residents
                .into_iter()
                .enumerate()
                .map(|(block, (distance, pages))| Resident { block, distance, pages })
                .collect();
            let out = displace(&newcomers, &mut residents, free);
            let room = free + residents.iter().filter(|r| out.go.contains(&r.block)).map(|r| r.pages).sum::<usize>();
            let come = out.incoming.iter().map(|mask| mask.count()).sum::<usize>();
            prop_assert!(come <= room);
            for (newcomer, come) in newcomers.iter().zip(&out.incoming) {
                prop_assert!((newcomer.moves | newcomer.if_room).contains(*come));
            }
            let must: usize = newcomers.iter().map(|n| n.moves.count()).sum();
            let most = free + residents.iter().map(|r| r.pages).sum::<usize>();
            let moved: usize = newcomers.iter().zip(&out.incoming).map(|(n, come)| (*come & n.moves).count()).sum();
            prop_assert_eq!(moved, must.min(most), "what must move does as far as it can");
            // Nothing goes without need: all that went but the last was not enough.
            if let Some((_, but_last)) = out.go.split_last() {
                let pages = |block: &usize| residents.iter().find(|r| r.block == *block).map_or(0, |r| r.pages);
                prop_assert!(free + but_last.iter().map(pages).sum::<usize>() < come);
            }
        }
    }
}
