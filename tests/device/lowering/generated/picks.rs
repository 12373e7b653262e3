//! Where the details of a generated module come from: a seeded generator, or always the first choice.

/// A source of choices. The same seed gives the same choices; seed 0 is the *plain* source, which always takes the first
/// choice and never a percentage, so a thing is made simpler by setting its seed to 0.
pub struct Picks(Option<fastrand::Rng>);

impl Picks {
    pub fn new(seed: u64) -> Picks {
        Picks((seed != 0).then(|| fastrand::Rng::with_seed(seed)))
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.as_mut().map_or(0, |random| random.usize(..bound))
    }

    /// Whether a thing happens that should in so many of 100 cases.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.0.as_mut().is_some_and(|random| random.usize(..100) < percent)
    }

    /// One of some choices, the simplest of which is the first.
    pub fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.as_mut().map_or(0, |random| random.u64(..))
    }

    /// A seed for a source of its own, plain if this one is.
    pub fn seed(&mut self) -> u64 {
        self.0.as_mut().map_or(0, |random| random.u64(1..))
    }
}
