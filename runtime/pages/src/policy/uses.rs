//! When launches have used a block, and what follows for its next use.

/// Uses that are remembered of a block. A block that is used more often between two launches that look alike counts as used all the
/// time, so this is about as many launches as go through one block's data in a round of a program.
const REMEMBERED: usize = 32;

/// The last launches that used a block. Numbers are cut to 32 bits and only their differences matter, so that a program may go on
/// for any number of launches; a block that is used again after more than 2^31 of them looks as if it had been used just now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Uses {
    numbers: [u32; REMEMBERED],
    /// How many there ever were, as far as it matters.
    count: usize,
    next: usize,
}

impl Default for Uses {
    fn default() -> Self {
        Uses { numbers: [0; REMEMBERED], count: 0, next: 0 }
    }
}

impl Uses {
    /// The launch of this number uses it.
    pub fn push(&mut self, number: u64) {
        if self.age(0, number) == Some(0) {
            return;
        }
        self.numbers[self.next] = number as u32;
        self.next = (self.next + 1) % REMEMBERED;
        self.count = (self.count + 1).min(REMEMBERED);
    }

    /// Nothing was ever used.
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// How many are remembered.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many launches before `number` the `back`th use was: the last one is number 0. None where a launch that began later, on another
    /// thread, has come first.
    pub fn age(&self, back: usize, number: u64) -> Option<u32> {
        let at = (self.next + REMEMBERED - 1 - back % REMEMBERED) % REMEMBERED;
        (back < self.count).then(|| ((number as u32).wrapping_sub(self.numbers[at]) as i32).max(0) as u32)
    }

    /// How many launches after `number` the next use comes, if what follows is what followed `lag` launches earlier. `None` where
    /// the block was not used since then.
    pub fn repeats(&self, number: u64, lag: u32) -> Option<f32> {
        let age = |back| self.age(back, number);
        let since = (0..self.count).take_while(|back| age(*back).is_some_and(|age| age < lag)).count();
        let first = age(since.checked_sub(1)?)?;
        if since == REMEMBERED {
            // What came first is forgotten: it is used all the time.
            return Some((first as f32 / (REMEMBERED - 1) as f32).max(1.0));
        }
        Some((lag - first) as f32)
    }

    /// The mean time between uses, as far as they are remembered, including the time since the last one: the reciprocal of the
    /// rate of uses, as in LRU-K (O'Neil, O'Neil and Weikum, SIGMOD 1993). `prior` uses at an interval of `interval` launches are
    /// taken for granted, so that one use alone says little.
    pub fn interval(&self, number: u64, prior: f32, interval: f32) -> Option<f32> {
        let oldest = self.age(self.count.checked_sub(1)?, number)?;
        Some((oldest as f32 + 1.0 + prior * interval) / (self.count as f32 + prior))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn launches_may_overtake_each_other() {
        let mut uses = uses([5, 9]);
        assert_eq!((uses.age(0, 7), uses.age(1, 7)), (Some(0), Some(2)));
        uses.push(8);
        assert_eq!((uses.count(), uses.age(0, 10)), (2, Some(1)), "it is in order");
    }

    fn uses(numbers: impl IntoIterator<Item = u64>) -> Uses {
        let mut uses = Uses::default();
        numbers.into_iter().for_each(|number| uses.push(number));
        uses
    }

    #[test]
    fn what_followed_follows() {
        // A round is ten launches; the block is used by the third and the seventh.
        let uses = uses([3, 7, 13, 17]);
        let next = |number| uses.repeats(number, 10);
        assert_eq!([next(20), next(21), next(22)], [Some(3.0), Some(2.0), Some(1.0)]);
        assert_eq!(uses.repeats(17, 10), Some(6.0), "used just now, and next in the round after");
        assert_eq!(uses.repeats(40, 10), None, "not in this round");
        assert_eq!(Uses::default().repeats(5, 3), None);
    }

    #[test]
    fn what_is_used_all_the_time_is_used_soon() {
        let uses = uses((0..400).map(|i| 2 * i));
        assert_eq!(uses.count(), REMEMBERED);
        assert_eq!(uses.repeats(800, 700), Some(64.0 / 31.0));
        assert_eq!(uses.repeats(800, 10), Some(2.0), "exactly, where it is remembered");
    }

    #[test]
    fn intervals_are_means() {
        let uses = uses([10, 20, 30, 40]);
        assert_eq!(uses.interval(49, 0.0, 0.0), Some(10.0));
        assert_eq!(uses.interval(89, 0.0, 0.0), Some(20.0), "the time since the last use counts");
        assert_eq!(uses.interval(49, 4.0, 30.0), Some(20.0));
        assert_eq!(Uses::default().interval(49, 1.0, 1.0), None);
    }

    #[test]
    fn numbers_wrap_and_repeat() {
        let uses = uses([u64::from(u32::MAX) - 1, u64::from(u32::MAX) + 3, u64::from(u32::MAX) + 3]);
        assert_eq!(uses.count(), 2, "a launch uses a block once");
        assert_eq!(uses.age(1, u64::from(u32::MAX) + 4), Some(5));
        assert_eq!(uses.age(2, 0), None);
    }
}
