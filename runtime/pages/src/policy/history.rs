//! The order of launches: programs go round in loops, so what came after a launch will most likely come after it again.
//!
//! A launch is told by its signature. The history finds an earlier launch that came in the same way, after the same one, and from
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

/// So much of the last launches must be new for the program to be taken to do something new.
const MOSTLY: f32 = 0.5;

/// A launch, from the policy's point of view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// Its number: launches are counted from 1.
    pub number: u64,
    /// When it began, in nanoseconds.
    pub now: u64,
    /// What the launches before tell of those to come.
    pub(super) order: Order,
}

/// What the order of launches tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Order {
    /// What follows is what followed so many launches ago.
    Repeats(u32),
    /// Most of the last launches had never been there: the program does something else now, and what it used before says little.
    New,
    /// Nothing: the launches are known, but come in any order.
    Random,
}

impl Turn {
    /// A launch of which nothing is known but its number.
    pub(super) fn plain(number: u64, now: u64) -> Turn {
        Turn { number, now, order: Order::Random }
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
    /// How many of the last launches were new, from 0 to 1.
    new: f32,
    /// The last launches' signatures, each at the place of its number.
    signatures: Box<[u64]>,
    /// The last launch of each signature, and of each two in a row.
    lone: Places,
    pairs: Places,
}

/// The numbers of the last two launches of each kind. What falls into the same place forgets each other: a table of a fixed size,
/// in which nothing is ever searched for.
struct Places(Box<[Place]>);

#[derive(Clone, Copy, Default)]
struct Place {
    kind: u64,
    last: u64,
    before: u64,
}

impl Places {
    fn new() -> Places {
        Places(vec![Place::default(); REMEMBERED].into())
    }

    /// The launch of this kind before the last, or the last where there was one only; `number` is the next one. The last may have
    /// been the end of a loop: when a program comes back to the loop, what followed then says less than what followed before.
    fn replace(&mut self, kind: u64, number: u64) -> Option<u64> {
        let place = &mut self.0[slot(kind)];
        let known = Some(*place).filter(|place| place.kind == kind && place.last > 0);
        let before = known.map_or(0, |place| place.last);
        *place = Place { kind, last: number, before };
        let remembered = |launch: &u64| *launch > 0 && number - launch < REMEMBERED as u64;
        known.and_then(|place| [place.before, place.last].into_iter().find(remembered))
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
            new: 1.0,
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
        s.new += LEARNS * (f32::from(u8::from(alone.is_none())) - s.new);
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
        let order = match self.alike {
            Some(alike) if self.sure >= SURE => Order::Repeats((number - alike) as u32),
            _ if self.new > MOSTLY => Order::New,
            _ => Order::Random,
        };
        Turn { number, now, order }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::lab::Random;

    /// What is told after each launch of a program.
    fn orders(program: impl IntoIterator<Item = u64>) -> Vec<Order> {
        let history = History::new();
        program.into_iter().map(|signature| history.begin(signature, 0).order).collect()
    }

    #[test]
    fn a_round_is_known_from_its_second_time_on() {
        let orders = orders((0..50).map(|i| i % 10 + 1));
        assert_eq!(orders[..10], [Order::New; 10]);
        assert_eq!(orders[10..], [Order::Repeats(10); 40]);
    }

    #[test]
    fn repeats_within_a_round_do_not_mislead_for_long() {
        let round = [1, 1, 1, 2, 1, 1, 3];
        let orders = orders((0..70).map(|i| round[i % 7]));
        assert!(orders[28..].iter().all(|order| *order == Order::Repeats(7)), "{orders:?}");
    }

    #[test]
    fn a_new_phase_is_learned_like_the_first_one() {
        let phases = (0..40).map(|i| i % 8 + 1).chain((0..40).map(|i| i % 8 + 100));
        let orders = orders(phases);
        assert_eq!(orders[39], Order::Repeats(8));
        assert_eq!(orders[43..48], [Order::New; 5], "after the first few of them");
        assert_eq!(orders[48..], [Order::Repeats(8); 32]);
    }

    #[test]
    fn random_orders_tell_nothing() {
        let mut random = Random(1);
        let orders = orders((0..2000).map(|_| random.below(16) + 1));
        let random = orders.iter().filter(|order| **order == Order::Random).count();
        assert!(random > 1900, "{random} of 2000 were seen to be random");
    }

    #[test]
    fn what_is_too_long_ago_is_forgotten() {
        let long = REMEMBERED as u64 + 5;
        assert!(orders((0..3 * long).map(|i| i % long + 1)).iter().all(|order| *order == Order::New));
        // And nothing is made of signatures that happen to be zero, which empty places hold.
        assert_eq!(orders([0, 0, 0])[0], Order::New);
    }
}
