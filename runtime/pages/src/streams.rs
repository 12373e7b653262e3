//! CPU scans that go through memory in order: which pages to bring home with a touch, and which before the next one.
//!
//! A touch that continues a scan brings home twice as many pages as the one before, until copying dominates. Where scans end before they
//! have come to what was brought home for them, later ones are trusted with less, until one goes on. What of the pages lies
//! beyond the touched page's block is left to whoever calls [`Streams::take`], while the CPU goes through what it has. A scan that
//! overtakes that comes to a block which is moving, and waits for it, or to one which is still to come, and continues there.

use crate::{
    mask::{Mask, PAGES},
    sync::{AtomicU64, Ordering::Relaxed},
};
use std::ops::Range;

/// What is known of scans. Allocates nothing, locks nothing: touches are looked at in service.
#[derive(Default)]
pub(crate) struct Streams {
    /// The last window of each: a [`Window`].
    heads: [AtomicU64; STREAMS],
    /// What of that is still to be fetched ahead: a [`Window`] without its wish.
    ahead: [AtomicU64; STREAMS],
    next: AtomicU64,
    /// How often, the last times, scans were over too soon: each halves what a touch may bring home.
    over: AtomicU64,
}

/// Scans that are told apart. One for each thread that a small machine would scan with; more would cost each fault time.
const STREAMS: usize = 4;

/// Most pages that a touch has brought home, 16 MiB: then what a fault costs by itself, two threads' waking up, is a few percent
/// of the copying. Also what is copied in vain where a scan ends.
const MOST: u64 = 256;

/// What a touch of a scan may bring home at least, however many were over too soon. Less would not be worth knowing that it is a scan.
const LEAST: u64 = 8;

/// Bits for a number of pages up to [`MOST`].
const BITS: u32 = 12;

/// Pages that were brought home or will be, and how many were wished for: others than the last may have been cut short, which
/// does not keep a scan's windows from growing.
#[derive(Clone, Copy)]
struct Window {
    start: u64,
    pages: u64,
    wish: u64,
}

impl Window {
    fn pack(self) -> u64 {
        (self.start << BITS | self.wish) << BITS | self.pages
    }

    fn unpack(word: u64) -> Self {
        let low = |word| word & ((1 << BITS) - 1);
        Window { start: word >> (2 * BITS), pages: low(word), wish: low(word >> BITS) }
    }

    /// Whether a touch of `page` continues it: where it ends, or at a block that nobody has fetched yet.
    fn continues_at(self, page: u64) -> bool {
        let end = self.start + self.pages;
        self.pages > 0 && (page == end || page > self.start && page < end && page.is_multiple_of(PAGES as u64))
    }
}

impl Streams {
    /// The pages to serve with a touch of `page`: those of its block's `alike` that follow it, as far as its scan goes. And whether
    /// there is more to be fetched ahead; where pages are brought home by being touched, that is, `fetches`.
    pub fn around(&self, page: usize, alike: Mask, fetches: bool) -> (Mask, bool) {
        let page_number = page as u64;
        let window = |i: &usize| Window::unpack(self.heads[*i].load(Relaxed));
        let known = (0..STREAMS).find(|i| window(i).continues_at(page_number));
        let wish = known.map_or(1, |i| self.grown(window(&i).wish));
        let first = page % PAGES;
        let run = alike.runs().find(|run| run.contains(&first)).map_or(first + 1, |run| run.end);
        let end = run.min(first + wish as usize);
        let here = (end - first) as u64;
        let beyond = if fetches && end == PAGES { wish - here } else { 0 };
        let stream = known.unwrap_or_else(|| {
            let stream = self.next.fetch_add(1, Relaxed) as usize % STREAMS;
            self.ended(window(&stream));
            stream
        });
        self.heads[stream].store(Window { start: page_number, pages: here + beyond, wish }.pack(), Relaxed);
        if beyond > 0 {
            let ahead = Window { start: page_number + here, pages: beyond, wish: 0 };
            self.ahead[stream].store(ahead.pack(), Relaxed);
        }
        (Mask::range(first..end), beyond > 0)
    }

    /// What a scan's next touch brings home, once one that brought home so much has been continued.
    fn grown(&self, wish: u64) -> u64 {
        let over = self.over.load(Relaxed);
        let most = (MOST >> over.min(8)).max(LEAST);
        if 2 * wish > most && over > 0 {
            // It came to the end of the most that there was: these scans are worth more.
            self.over.store(over - 1, Relaxed);
        }
        (2 * wish).clamp(1, most)
    }

    /// Nobody has come to the end of a scan's last window, and now it is forgotten.
    fn ended(&self, last: Window) {
        let most = MOST >> self.over.load(Relaxed).min(8);
        if last.pages > 1 && most > LEAST {
            self.over.fetch_add(1, Relaxed);
        }
    }

    /// The next pages to fetch ahead, all of one block; `None` where there are none.
    pub fn take(&self) -> Option<Range<usize>> {
        self.ahead.iter().find_map(|ahead| {
            let mut word = ahead.load(Relaxed);
            while word != 0 {
                let Window { start, pages, .. } = Window::unpack(word);
                let here = pages.min(PAGES as u64 - start % PAGES as u64);
                let rest = Window { start: start + here, pages: pages - here, wish: 0 };
                let rest = if rest.pages > 0 { rest.pack() } else { 0 };
                match ahead.compare_exchange(word, rest, Relaxed, Relaxed) {
                    Ok(_) => return Some(start as usize..(start + here) as usize),
                    // A touch has put something else there.
                    Err(now) => word = now,
                }
            }
            None
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn taken(streams: &Streams) -> Vec<Range<usize>> {
        std::iter::from_fn(|| streams.take()).collect()
    }

    #[test]
    fn a_scan_is_served_ahead_and_a_lone_touch_is_not() {
        let streams = Streams::default();
        let around = |page| streams.around(page, Mask::ALL, false).0.count();
        assert_eq!([around(0), around(1), around(3), around(7), around(15), around(31)], [1, 2, 4, 8, 16, 1]);
        assert_eq!([around(32), around(500), around(64), around(96)], [32, 1, 32, 32]);
        assert_eq!(around(7), 1);
        assert_eq!(taken(&streams), [], "nothing that would come home");
    }

    #[test]
    fn a_window_goes_on_beyond_its_block() {
        let streams = Streams::default();
        let around = |page| streams.around(page, Mask::ALL, true);
        assert_eq!([1, 2, 4, 8].map(|page| around(page).0.count()), [1, 2, 4, 8]);
        assert_eq!(taken(&streams), []);
        // 16 from 16 end with the block. The next is of 32, and of 64 after that.
        assert_eq!(around(16), (Mask::range(16..32), false));
        assert_eq!(around(32), (Mask::ALL, false));
        assert_eq!(around(64), (Mask::ALL, true));
        assert_eq!([streams.take(), streams.take()], [Some(96..128), None]);
        assert_eq!(around(128), (Mask::ALL, true));
        assert_eq!(taken(&streams), [160..192, 192..224, 224..256]);
        // It is never more than that.
        let ends: Vec<usize> = (256..2048)
            .step_by(256)
            .map(|page| {
                around(page);
                taken(&streams).len()
            })
            .collect();
        assert_eq!(ends, [7; 7]);
    }

    #[test]
    fn a_scan_that_overtakes_goes_on_where_it_is() {
        let streams = Streams::default();
        [1, 2, 4, 8, 16, 32, 64, 128].into_iter().for_each(|page| _ = streams.around(page, Mask::ALL, true));
        assert_eq!(streams.take(), Some(160..192));
        assert_eq!(streams.around(192, Mask::ALL, true), (Mask::ALL, true));
        assert_eq!(taken(&streams).last(), Some(&(416..448)));
        assert_eq!(streams.around(300, Mask::ALL, true), (Mask::page(300 % PAGES), false), "somewhere inside");
    }

    #[test]
    fn windows_shrink_where_they_are_wasted_and_recover() {
        let streams = Streams::default();
        // Scans of four touches each, far from each other, of which the last brings home eight pages in vain.
        let scan = |first: usize, touches: &[usize]| -> Vec<usize> {
            touches.iter().map(|page| streams.around(first + page, Mask::ALL, false).0.count()).collect()
        };
        assert_eq!(scan(0, &[0, 1, 3, 7, 15]), [1, 2, 4, 8, 16]);
        for i in 1..20 {
            scan(1024 * i, &[0, 1, 3, 7]);
        }
        let short = scan(1024 * 30, &[0, 1, 3, 7, 15, 23]);
        assert_eq!(short, [1, 2, 4, 8, 8, 9], "no more than that until a scan goes on");
        // One that does is trusted with more and more.
        let long: Vec<usize> = (0..12)
            .scan(1024 * 40, |page, _| {
                let pages = streams.around(*page, Mask::ALL, true).0.count();
                while streams.take().is_some() {}
                *page += pages.max(1);
                Some(pages)
            })
            .collect();
        assert!(long.ends_with(&[32, 32]), "{long:?}");
    }

    #[test]
    fn a_block_that_ends_a_run_ends_the_window() {
        let streams = Streams::default();
        [1, 2, 4, 8, 16, 32].into_iter().for_each(|page| _ = streams.around(page, Mask::ALL, true));
        assert_eq!(streams.around(64, Mask::range(0..20), true), (Mask::range(0..20), false));
        assert_eq!(taken(&streams), []);
    }

    #[test]
    fn only_what_is_alike_and_follows() {
        let streams = Streams::default();
        let around = |page, alike| streams.around(page, alike, true).0;
        let alike = Mask::range(0..6) - Mask::page(3);
        assert_eq!(around(0, alike), Mask::page(0));
        assert_eq!(around(1, alike), Mask::range(1..3));
        assert_eq!(around(3, alike), Mask::page(3), "a page that is unlike all others");
        assert_eq!(around(4, alike), Mask::range(4..6));
    }
}
