//! The order of launches: programs go round in loops, so what came after a launch will most likely come after it again.
//!
//! A launch is told by its signature. The history finds the last launch that came in the same way, after the same one, and from
//! then on walks along: as long as each launch is the one that followed then, the past is taken to tell the future. The first
//! surprise makes it look anew. Walking along finds the length of a program's round by itself, even where single launches repeat
//! within it, since a wrong guess does not last for a round.

use crate::sync::{Mutex, lock};

/// Launches that are remembered. A round that is longer is not recognised; those of the programs that this was tried with are of 10
/// to 500 launches. A power of two, for [`slot`].
const REMEMBERED: usize = 4096;

/// How much a guess that came true, or did not, changes how sure the next one is.
const LEARNS: f32 = 0.25;

/// How sure a guess must be to count. Where the order is random, most guesses fail, and rates of use say more.
const SURE: f32 = 0.5;

/// A launch, from the policy's point of view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// Its number: launches are counted from 1.
    pub number: u64,
    /// When it began, in nanoseconds.
    pub now: u64,
    /// How many launches ago the one was that looked the same, if that tells what will be.
    pub(super) lag: Option<u32>,
}

impl Turn {
    /// A launch of which nothing is known but its number.
    pub(super) fn plain(number: u64, now: u64) -> Turn {
        Turn { number, now, lag: None }
    }
}

/// What is known of the order of launches.
pub(super) struct History {
    /// A leaf: nothing else is locked while it is.
    state: Mutex<State>,
}

struct State {
    /// Launches so far.
    number: u64,
    /// The launch of the past that the last one is like.
    alike: Option<u64>,
    /// How sure it is that the past repeats, from 0 to 1.
    sure: f32,
    /// The last launches' signatures, each at the place of its number.
    signatures: Box<[u64]>,
    /// The last launch of each signature, and of each two in a row.
    lone: Places,
    pairs: Places,
}

/// The number of the last launch of a kind. What falls into the same place forgets each other: a table of a fixed size, in which
/// nothing is ever searched for.
struct Places(Box<[(u64, u64)]>);

impl Places {
    fn new() -> Places {
        Places(vec![(0, 0); REMEMBERED].into())
    }

    /// The last launch of this kind, and `number` is the next one.
    fn replace(&mut self, kind: u64, number: u64) -> Option<u64> {
        let (known, last) = std::mem::replace(&mut self.0[slot(kind)], (kind, number));
        (known == kind && last > 0 && number - last < REMEMBERED as u64).then_some(last)
    }
}

/// The golden ratio, as a fraction of 2^64: multiplying by it spreads numbers that are alike, as in Knuth's The Art of Computer
/// Programming, volume 3, 6.4.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The place of a signature.
fn slot(kind: u64) -> usize {
    (kind.wrapping_mul(GOLDEN) >> (64 - REMEMBERED.trailing_zeros())) as usize
}

/// Two launches in a row.
fn pair(first: u64, second: u64) -> u64 {
    first.wrapping_mul(GOLDEN).rotate_left(29) ^ second
}

impl History {
    pub fn new() -> History {
        let state = State {
            number: 0,
            alike: None,
            sure: SURE,
            signatures: vec![0; REMEMBERED].into(),
            lone: Places::new(),
            pairs: Places::new(),
        };
        History { state: Mutex::new(state) }
    }

    /// A launch begins.
    pub fn begin(&self, signature: u64, now: u64) -> Turn {
        let mut s = lock(&self.state);
        let last = s.at(s.number);
        s.number += 1;
        let number = s.number;
        let guess = s.alike.map(|alike| alike + 1).filter(|guess| number - guess < REMEMBERED as u64);
        let right = guess.is_some_and(|guess| s.at(guess) == signature);
        if guess.is_some() {
            s.sure += LEARNS * (f32::from(u8::from(right)) - s.sure);
        }
        let alone = s.lone.replace(signature, number);
        let after = s.pairs.replace(pair(last, signature), number);
        s.alike = if right { guess } else { after.or(alone) };
        s.signatures[number as usize % REMEMBERED] = signature;
        s.turn(now)
    }

    /// The last launch that began.
    pub fn current(&self, now: u64) -> Turn {
        lock(&self.state).turn(now)
    }
}

impl State {
    /// The signature of one of the last launches.
    fn at(&self, number: u64) -> u64 {
        self.signatures[number as usize % REMEMBERED]
    }

    fn turn(&self, now: u64) -> Turn {
        let number = self.number;
        let lag = self.alike.filter(|_| self.sure >= SURE).map(|alike| (number - alike) as u32);
        Turn { number, now, lag }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::lab::Random;

    /// The lags after each launch of a program.
    fn lags(program: impl IntoIterator<Item = u64>) -> Vec<Option<u32>> {
        let history = History::new();
        program.into_iter().map(|signature| history.begin(signature, 0).lag).collect()
    }

    #[test]
    fn a_round_is_known_from_its_second_time_on() {
        let lags = lags((0..50).map(|i| i % 10 + 1));
        assert_eq!(lags[..10], [None; 10]);
        assert_eq!(lags[10..], [Some(10); 40]);
    }

    #[test]
    fn repeats_within_a_round_do_not_mislead_for_long() {
        let round = [1, 1, 1, 2, 1, 1, 3];
        let lags = lags((0..70).map(|i| round[i % 7]));
        assert!(lags[28..].iter().all(|lag| *lag == Some(7)), "{lags:?}");
    }

    #[test]
    fn a_new_phase_is_learned_like_the_first_one() {
        let phases = (0..40).map(|i| i % 8 + 1).chain((0..40).map(|i| i % 5 + 100));
        let lags = lags(phases);
        assert_eq!(lags[39], Some(8));
        assert_eq!(lags[40..45], [None; 5]);
        assert_eq!(lags[46..], [Some(5); 34]);
    }

    #[test]
    fn random_orders_tell_nothing() {
        let mut random = Random(1);
        let known = lags((0..2000).map(|_| random.below(16) + 1)).iter().filter(|lag| lag.is_some()).count();
        assert!(known < 100, "{known} of 2000 seemed to be known");
    }

    #[test]
    fn what_is_too_long_ago_is_forgotten() {
        let long = REMEMBERED as u64 + 5;
        assert!(lags((0..3 * long).map(|i| i % long + 1)).iter().all(Option::is_none));
        // And nothing is made of signatures that happen to be zero, which empty places hold.
        assert_eq!(lags([0, 0, 0])[0], None);
    }
}
