//! What memory must hold after a history of launches and host writes, computed in issue order.

use super::fake::{Fake, Fate, addresses, mix, summed};
use std::collections::{HashMap, VecDeque};
use vksvm::seam::{Span, Use};

enum Event {
    Launch { number: u32, uses: Vec<Use> },
    Host { start: u64, words: Vec<u32> },
}

/// The memory of one thread of the program, word by word.
#[derive(Default)]
pub struct Shadow {
    words: HashMap<u64, u32>,
    /// Not yet applied, in issue order.
    history: VecDeque<Event>,
}

impl Shadow {
    /// The program wrote `words` at `start`.
    pub fn wrote(&mut self, words: &[u32]) {
        let start = Span::of(words).start;
        self.history.push_back(Event::Host { start, words: words.to_vec() });
    }

    /// A launch was issued.
    pub fn launched(&mut self, number: u32, uses: Vec<Use>) {
        self.history.push_back(Event::Launch { number, uses });
    }

    /// Applies what is known: all launches of which the device has heard, and the host writes before the first of
    /// which it has not.
    ///
    /// That is far enough for any slice that the host may look at: the last launch on it was submitted, and launches
    /// are submitted in issue order. Host writes further on are to memory that the launches before them do not use.
    /// Launches further on that were submitted are those of a crowd, whose order is not known and does not matter.
    fn catch_up(&mut self, fake: &Fake) {
        let history = std::mem::take(&mut self.history);
        let numbers = history.iter().map(|event| match event {
            Event::Launch { number, .. } => Some(*number),
            Event::Host { .. } => None,
        });
        // All at once: other threads submit meanwhile.
        let fates = fake.fates(numbers);
        for (event, fate) in history.into_iter().zip(fates) {
            match (event, fate) {
                (Event::Launch { number, uses }, Some(Fate::Submitted { .. })) => self.apply(number, &uses),
                (Event::Launch { .. }, Some(Fate::Refused)) => {}
                (Event::Host { start, words }, _) if self.history.is_empty() => {
                    self.words.extend(words.iter().enumerate().map(|(i, word)| (start + 4 * i as u64, *word)));
                }
                (event, _) => self.history.push_back(event),
            }
        }
    }

    fn apply(&mut self, number: u32, uses: &[Use]) {
        let read = |at: u64| self.words.get(&at).copied().unwrap_or_else(|| panic!("no word known at {at:#x}"));
        let sum = summed(number, uses.iter().flat_map(|u| addresses(u.span)).map(read));
        let written: Vec<u64> = uses.iter().filter(|u| u.write).flat_map(|u| addresses(u.span)).collect();
        for (index, at) in written.into_iter().enumerate() {
            let old = self.words[&at];
            self.words.insert(at, mix(sum, old, index));
        }
    }

    /// Whether memory is as it must be; the host may look at `slice` now.
    pub fn check(&mut self, fake: &Fake, slice: &[u32], what: &str) {
        self.catch_up(fake);
        // What the host wrote behind a launch that is still pending is on other memory, or on this slice.
        let mut ahead: HashMap<u64, u32> = HashMap::new();
        for event in &self.history {
            if let Event::Host { start, words } = event {
                ahead.extend(words.iter().enumerate().map(|(i, word)| (start + 4 * i as u64, *word)));
            }
        }
        for (at, &word) in addresses(Span::of(slice)).zip(slice) {
            let expected = ahead.get(&at).or(self.words.get(&at)).copied();
            assert_eq!(Some(word), expected, "{what}: word {} of a slice", (at - Span::of(slice).start) / 4);
        }
    }
}
