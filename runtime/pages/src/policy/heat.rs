//! How much launches use each page: an estimate that decays.

use crate::mask::{Mask, PAGES};

/// Launches after which a page that is not used is half as hot. The programs that this was tried with go through their data in
/// rounds of some 20 to 100 launches: what is used once a round is clearly warm, what was used some rounds ago clearly is not.
const HALF_LIFE: f32 = 128.0;

/// How far a use brings a page from where it is to the hottest there is: after four uses in a row it is two thirds of the way.
const STEP: f32 = 0.25;

/// What is left of a page's heat when the CPU's touch brings it home: the device is not the only one who wants it.
const TOUCHED: f32 = 0.75;

/// A page of which the program says that it is hot is at least so hot, and one of which it says that it is cold at most so.
const HINTED_HOT: f32 = 0.75;
const HINTED_COLD: f32 = 0.1;

/// The heat of a block's pages.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heat {
    /// From 0 to [`u16::MAX`], as of the launch `at`.
    pages: [u16; PAGES],
    at: u64,
}

impl Heat {
    /// The launch of this number uses pages.
    pub fn warm(&mut self, pages: Mask, number: u64) {
        let kept = self.kept(number);
        self.at = self.at.max(number);
        for (page, heat) in self.pages.iter_mut().enumerate() {
            let now = f32::from(*heat) * kept;
            // Rounded down, so that it ends at nothing.
            *heat = if pages.has(page) { now + STEP * (f32::from(u16::MAX) - now) } else { now } as u16;
        }
    }

    /// The CPU's touch brought the page home.
    pub fn touched(&mut self, page: usize) {
        if let Some(heat) = self.pages.get_mut(page) {
            *heat = (f32::from(*heat) * TOUCHED) as u16;
        }
    }

    /// Pages were freed.
    pub fn clear(&mut self, pages: Mask) {
        pages.iter().for_each(|page| self.pages[page] = 0);
    }

    /// How hot a page is when launch `number` comes, from 0 to 1.
    pub fn of(&self, page: usize, number: u64, hot: Mask, cold: Mask) -> f32 {
        let heat = self.pages.get(page).map_or(0.0, |heat| f32::from(*heat) / f32::from(u16::MAX) * self.kept(number));
        if hot.has(page) {
            heat.max(HINTED_HOT)
        } else if cold.has(page) {
            heat.min(HINTED_COLD)
        } else {
            heat
        }
    }

    /// What is left after the launches since `at`.
    fn kept(&self, number: u64) -> f32 {
        (-(number.saturating_sub(self.at) as f32) / HALF_LIFE).exp2()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn uses_warm_and_time_cools() {
        let mut heat = Heat::default();
        let of = |heat: &Heat, page, number| heat.of(page, number, Mask::NONE, Mask::NONE);
        (1..=4).for_each(|number| heat.warm(Mask::page(3), number));
        let hot = of(&heat, 3, 4);
        assert!((0.6..0.75).contains(&hot), "{hot}");
        assert_eq!(of(&heat, 2, 4), 0.0);
        assert!((of(&heat, 3, 4 + 128) / hot - 0.5).abs() < 0.01, "half of it is left");
        heat.warm(Mask::page(2), 4 + 128);
        assert!((of(&heat, 3, 4 + 128) / hot - 0.5).abs() < 0.01, "others' uses change nothing");
        (0..100_000).for_each(|number| heat.warm(Mask::page(2), number));
        assert_eq!(of(&heat, 3, 100_000), 0.0);
        assert!(of(&heat, 2, 100_000) > 0.9);
        heat.touched(2);
        assert!(of(&heat, 2, 100_000) < 0.76);
        heat.clear(Mask::ALL);
        assert_eq!(of(&heat, 2, 100_000), 0.0);
    }

    #[test]
    fn hints_bound_it() {
        let heat = Heat::default();
        assert_eq!(heat.of(1, 9, Mask::page(1), Mask::NONE), HINTED_HOT);
        let mut heat = Heat::default();
        (1..9).for_each(|number| heat.warm(Mask::ALL, number));
        assert_eq!(heat.of(1, 9, Mask::NONE, Mask::page(1)), HINTED_COLD);
        assert_eq!(heat.of(PAGES, 9, Mask::NONE, Mask::NONE), 0.0, "no such page");
    }
}
