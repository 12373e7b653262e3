//! Who gives up device memory for whom: Belady's rule, with bypass.
//!
//! Belady's optimum drops what is used last, and where a newcomer is the one that is used last it is better not to take it in: it
//! is used in place once. What is known of the future is a guess, so a newcomer must be needed clearly sooner than what it
//! displaces, or the two would take turns in displacing each other.
//!
//! Blocks go in order, and of the last one only as many pages as are needed: a slot is a page, so nothing is gained by making
//! others go.

use crate::mask::Mask;

/// What a newcomer displaces is used this much later than itself at least, as a factor: guesses by rates of use are seldom better.
const CLEARLY: f32 = 1.25;

/// Pages of a block that a launch misses. Made from a [`crate::Placing`] and a [`crate::Policy::distance`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Newcomer {
    /// How many launches from now the block is used again, after the launch in hand.
    pub distance: f32,
    /// Pages that move, even where others must go: any, where nothing may be used in place, else those that are not used sooner.
    pub moves: Mask,
    /// Pages that move where it pays.
    pub if_room: Mask,
}

/// A block with pages in device memory that could go. Where the launch can wait, as it must where nothing may be used in place,
/// pages that launches in flight use count as well: in a loop what was used last is often what is needed last, and to have what is
/// idle go instead would be to have what is needed next go.
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
    /// The blocks that go, in this order, and how many of their pages: see [`leaving`].
    pub go: Vec<(usize, usize)>,
}

/// Shares `free` slots, and those of the residents, out among the newcomers. Blocks go, the one that is used last first. Puts the
/// residents in that order. Without `in_place` what must move does, whoever goes for it; with it nobody goes who is used sooner: hints
/// for more than there is room for would have their pages take turns.
pub fn displace(newcomers: &[Newcomer], residents: &mut [Resident], free: usize, in_place: bool) -> Displaced {
    residents.sort_by(|a, b| b.distance.total_cmp(&a.distance).then(a.block.cmp(&b.block)));
    let mut order: Vec<usize> = (0..newcomers.len()).collect();
    // The sooner, the better; of equals the first, since a launch's blocks are alike and neighbours are copied at once.
    order.sort_by(|a, b| newcomers[*a].distance.total_cmp(&newcomers[*b].distance));
    let mut result = Displaced { incoming: vec![Mask::NONE; newcomers.len()], go: vec![] };
    // The resident whose turn it is to go, and how many of its pages do so already.
    let (mut free, mut at, mut gone) = (free, 0, 0);
    for must in [true, false] {
        for newcomer in &order {
            let n = &newcomers[*newcomer];
            let pages = if must { n.moves } else { n.if_room - n.moves };
            let later = |resident: &&Resident| match must {
                true => !in_place || resident.distance >= n.distance,
                false => resident.distance > CLEARLY * n.distance,
            };
            while free < pages.count() {
                let Some(resident) = residents.get(at).filter(later) else { break };
                let goes = (pages.count() - free).min(resident.pages - gone);
                match result.go.last_mut() {
                    Some((block, pages)) if *block == resident.block => *pages += goes,
                    _ => result.go.push((resident.block, goes)),
                }
                (free, gone) = (free + goes, gone + goes);
                if gone == resident.pages {
                    (at, gone) = (at + 1, 0);
                }
            }
            let come = pages - pages.after(free);
            free -= come.count();
            result.incoming[*newcomer] |= come;
        }
    }
    result
}

/// The pages that go if only so many of those of a block that could need to: the last ones, since most programs go through their
/// data from the front, and come to these last.
pub fn leaving(pages: Mask, many: usize) -> Mask {
    pages.after(pages.count().saturating_sub(many))
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
        let out = displace(&[newcomer(10.0, 0, 12)], &mut residents, 2, true);
        assert_eq!(out, Displaced { incoming: vec![Mask::range(0..12)], go: vec![(2, 8), (3, 2)] });
        // Once round a loop: everything else is used before it is.
        let out = displace(&[newcomer(60.0, 0, 12)], &mut residents, 2, true);
        assert_eq!(out, Displaced { incoming: vec![Mask::range(0..2)], go: vec![] }, "only what there is room for");
        let out = displace(&[newcomer(45.0, 0, 3)], &mut residents, 0, true);
        assert!(out.go.is_empty(), "a little sooner is not enough");
    }

    #[test]
    fn the_last_pages_of_a_block_go() {
        let pages = Mask::range(2..6) | Mask::page(30);
        assert_eq!(leaving(pages, 2), Mask::page(5) | Mask::page(30));
        assert_eq!([leaving(pages, 0), leaving(pages, 5), leaving(pages, 9)], [Mask::NONE, pages, pages]);
    }

    #[test]
    fn what_must_move_comes_first() {
        let mut residents = [resident(1, 3.0, 4), resident(2, f32::INFINITY, 4)];
        let newcomers = [newcomer(1.0, 0, 6), newcomer(100.0, 5, 0)];
        let out = displace(&newcomers, &mut residents, 0, false);
        assert_eq!(out.go, [(2, 4), (1, 4)]);
        assert_eq!(out.incoming, [Mask::range(0..3), Mask::range(0..5)]);
        let out = displace(&[newcomer(1.0, 12, 0)], &mut residents, 0, true);
        assert_eq!((out.go.len(), out.incoming[0].count()), (2, 8), "more than there can be");
        // A hint does not make pages take turns that are better used in place.
        let late = [newcomer(100.0, 6, 0)];
        assert_eq!(displace(&late, &mut residents, 0, true).go, [(2, 4)]);
        assert_eq!(displace(&late, &mut residents, 0, false).go, [(2, 4), (1, 2)]);
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
            let out = displace(&newcomers, &mut residents, free, false);
            let room = free + out.go.iter().map(|(_, pages)| pages).sum::<usize>();
            let come = out.incoming.iter().map(|mask| mask.count()).sum::<usize>();
            prop_assert!(come <= room);
            for (newcomer, come) in newcomers.iter().zip(&out.incoming) {
                prop_assert!((newcomer.moves | newcomer.if_room).contains(*come));
            }
            let must: usize = newcomers.iter().map(|n| n.moves.count()).sum();
            let most = free + residents.iter().map(|r| r.pages).sum::<usize>();
            let moved: usize = newcomers.iter().zip(&out.incoming).map(|(n, come)| (*come & n.moves).count()).sum();
            prop_assert_eq!(moved, must.min(most), "what must move does as far as it can");
            prop_assert!(out.go.is_empty() || come == room, "nothing goes without need");
            for (at, (block, pages)) in out.go.iter().enumerate() {
                prop_assert_eq!(residents[at].block, *block, "they go in order");
                // All but the last one go with all they can give.
                prop_assert!(*pages == residents[at].pages || *pages < residents[at].pages && at + 1 == out.go.len());
            }
        }
    }
}
