//! `thrash_pingpong`: CPU and device write one page in turns, 10,000 times in all.
//!
//! The other side does the same under a policy that lets pages bounce.

use crate::{
    Benchmark,
    measure::Rounds,
    pages::{Touched, counted},
    report::{Bound, Unit},
};
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};
use vksvm::{Faults, PAGE, Placement, Policy, Svm, SvmBuilder, hints::Location};

/// Turns in a round: the device writes, then the CPU.
const TURNS: u32 = 5_000;

/// With the guard over without it. The program wants its page with the device: else costs alone would soon leave it with the host, and
/// there would be nothing to guard against.
pub const THRASH_PINGPONG: Benchmark = Benchmark {
    name: "thrash_pingpong",
    unit: Unit::Ms,
    steps: 1,
    bound: Some(Bound::Ratio(0.8)),
    batch: 2,
    sessions: 3,
    limit: Duration::from_secs(10),
    session: |_, rounds| {
        let (guarded, unguarded) = (builder().policy(Policy::Auto), builder().policy(Policy::Auto).without_guard());
        compare(Side::open(guarded, true)?, Side::open(unguarded, true)?, rounds)
    },
};

/// Where the program wants nothing: the policy that learns over the one that has all moved.
pub const THRASH_PINGPONG_PLAIN: Benchmark = Benchmark {
    name: "thrash_pingpong_plain",
    bound: None,
    session: |_, rounds| {
        let (auto, lru) = (builder().policy(Policy::Auto), builder().policy(Policy::Lru));
        compare(Side::open(auto, false)?, Side::open(lru, false)?, rounds)
    },
    ..THRASH_PINGPONG
};

fn builder() -> SvmBuilder {
    Svm::builder().placement(Placement::Discrete).faults(Faults::Userfaultfd).in_place(true)
}

fn compare(mut ours: Side, mut bouncing: Side, rounds: &mut Rounds) -> Result<()> {
    rounds.interleave(
        || ours.round(),
        || {
            let before = bouncing.svm.stats().cpu_faults;
            let took = bouncing.round()?;
            counted(&bouncing.svm, |stats| stats.cpu_faults >= before + u64::from(TURNS))?;
            Ok(took)
        },
    )
}

/// A heap with a page.
struct Side {
    svm: Svm,
    page: Touched,
    /// Turns that the CPU has had.
    turns: u32,
}

impl Side {
    fn open(builder: SvmBuilder, wants_device: bool) -> Result<Self> {
        let svm = builder.open()?;
        let page = Touched::new(&svm, PAGE)?;
        if wants_device {
            svm.prefer_location(&page.words, Location::Device)?;
        }
        Ok(Side { svm, page, turns: 0 })
    }

    fn round(&mut self) -> Result<Duration> {
        let start = Instant::now();
        for _ in 0..TURNS {
            self.page.launch()?;
            self.page.words[0] += 1;
        }
        let took = start.elapsed();
        self.turns += TURNS;
        let (word, turns) = (self.page.words[0], self.page.launched + self.turns);
        ensure!(word == turns, "the word is {word} after {turns} turns");
        Ok(took)
    }
}
