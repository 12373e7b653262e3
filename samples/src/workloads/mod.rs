//! The workloads: what they are called, how large they are, how one is run and measured.

mod advice;
mod bfs;
mod cg;
mod check;
mod filter;
mod graph;
mod heat;
mod histogram;
mod kmeans;
mod kvstore;
mod matmul;
mod pagerank;
mod parts;
mod picture;
mod points;
mod reduce;
mod saxpy;
mod spmv;
mod wordcount;
mod zipf;

pub use advice::Advice;

use anyhow::{Result, bail};
use fastrand::Rng;
use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    time::{Duration, Instant},
};
use vksvm::{Grid, Launch, Svm, hints::Region};

/// Something to run: all that the command line knows of a workload.
pub struct Workload {
    /// What it is called on the command line.
    pub name: &'static str,
    /// One line for the list.
    pub about: &'static str,
    /// What its size counts.
    pub unit: &'static str,
    /// Its small, medium and large size, in `unit`; `None` for the natural size of its input.
    pub sizes: [Option<u64>; 3],
    /// Which file it takes by `--input`, if any.
    pub input: Option<&'static str>,
    /// Bytes that its launches work on at a size in `unit`, with the arrays that matter; for the workloads whose launches
    /// each work on a part, so that the device may have memory for a quarter of that only.
    working_set: Option<fn(u64) -> u64>,
    run: fn(&Job) -> Result<Outcome>,
}

/// Every workload, in the order in which `all` runs them.
pub const ALL: [Workload; 13] = [
    saxpy::WORKLOAD,
    reduce::WORKLOAD,
    histogram::WORKLOAD,
    matmul::WORKLOAD,
    cg::WORKLOAD,
    filter::WORKLOAD,
    wordcount::WORKLOAD,
    bfs::WORKLOAD,
    pagerank::WORKLOAD,
    heat::WORKLOAD,
    spmv::WORKLOAD,
    kmeans::WORKLOAD,
    kvstore::WORKLOAD,
];

/// How large a run is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Done in an instant.
    Small,
    /// About a second on a CPU device.
    Medium,
    /// Some seconds on a CPU device.
    Large,
    /// A number of the workload's own units.
    Exactly(u64),
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Size::Small => f.write_str("small"),
            Size::Medium => f.write_str("medium"),
            Size::Large => f.write_str("large"),
            Size::Exactly(count) => count.fmt(f),
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "small" => Ok(Size::Small),
            "medium" => Ok(Size::Medium),
            "large" => Ok(Size::Large),
            _ => match text.replace('_', "").parse() {
                Ok(0) => Err("a size of 0 leaves nothing to do".into()),
                Ok(count) => Ok(Size::Exactly(count)),
                Err(_) => Err("a size is small, medium, large or a whole number".into()),
            },
        }
    }
}

/// One run of a workload: where, how large, on what.
pub struct Job<'a> {
    /// The heap and device to run on.
    pub svm: &'a Svm,
    /// The size in the workload's unit; `None` for the natural size of its input.
    pub size: Option<u64>,
    /// What the random data starts from.
    pub seed: u64,
    /// Whether the workload is to say what it knows about its data; for those that know something of use.
    pub advice: Advice,
    /// The file to work on in place of the one that comes with the samples.
    pub input: Option<&'a Path>,
    /// Where pictures go. Created when there is one to write.
    pub out: &'a Path,
    /// Told what the run is at.
    pub step: &'a dyn Fn(&str),
}

impl Job<'_> {
    fn step(&self, what: &str) {
        (self.step)(what)
    }

    /// The heap to tell what is known about the data, if any of that is to be told.
    fn hints(&self) -> Option<&Svm> {
        (self.advice == Advice::Best).then_some(self.svm)
    }

    /// The size as a shader counts. `at_most` is what the workload's arithmetic holds.
    fn size_up_to(&self, at_most: u64) -> Result<usize> {
        match self.size {
            Some(size) if size > at_most => bail!("size {size} is too large: this workload counts up to {at_most}"),
            Some(size) => Ok(size as usize),
            None => bail!("this workload needs a size"),
        }
    }

    /// What reports call memory.
    fn names<const N: usize>(&self, names: [(Region, &str); N]) {
        names.into_iter().for_each(|(region, name)| self.svm.name(region, name));
    }

    /// Random numbers that depend on the seed and on which of the workload's data they are for.
    fn rng(&self, stream: u64) -> Rng {
        Rng::with_seed(self.seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

/// What a run came to.
pub struct Outcome {
    /// How large it was, in the workload's unit.
    pub size: u64,
    /// Times and launches.
    pub measured: Measured,
    /// Whether the result agrees with the reference, else what differs.
    pub check: Result<(), String>,
    /// What came out, in a few words.
    pub summary: String,
    /// The picture that it wrote.
    pub picture: Option<PathBuf>,
}

impl Workload {
    /// The workload of that name.
    pub fn named(name: &str) -> Option<&'static Workload> {
        static WORKLOADS: [Workload; ALL.len()] = ALL;
        WORKLOADS.iter().find(|w| w.name == name)
    }

    /// The size in this workload's unit.
    pub fn units(&self, size: Size) -> Option<u64> {
        match size {
            Size::Small => self.sizes[0],
            Size::Medium => self.sizes[1],
            Size::Large => self.sizes[2],
            Size::Exactly(count) => Some(count),
        }
    }

    /// Bytes that its launches work on at that size, to choose a device budget by; `None` where the size is that of a file,
    /// and for workloads whose launches work on everything at once.
    pub fn working_set(&self, size: Size) -> Option<u64> {
        self.working_set.zip(self.units(size)).map(|(bytes, units)| bytes(units))
    }

    /// Runs and checks it.
    ///
    /// # Errors
    /// Whatever stopped it from coming to a result: the input, the heap, the device. A result that differs from the
    /// reference is an [`Outcome`].
    pub fn run(&self, job: &Job) -> Result<Outcome> {
        (self.run)(job)
    }
}

/// What the launches of a run took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// From just before the first launch until the CPU could use the results.
    pub wall: Duration,
    /// The launches' time on the device, added up.
    pub kernel: Duration,
    /// How many.
    pub launches: u64,
}

/// Collects launches while they are made, for a [`Measured`].
struct Meter {
    started: Instant,
    launches: Vec<Launch>,
}

impl Meter {
    fn start() -> Self {
        Meter { started: Instant::now(), launches: vec![] }
    }

    fn add(&mut self, launch: Launch) {
        self.launches.push(launch);
    }

    /// Adds a launch and waits for it. For passes over more data than the device has memory for: launches in flight hold
    /// their pages, and several at a time would drive out what the next pass could have found there.
    fn add_and_wait(&mut self, launch: Launch) -> vksvm::Result<()> {
        launch.wait()?;
        self.add(launch);
        Ok(())
    }

    /// Call it after the scope, when the results are there.
    fn stop(self) -> Result<Measured> {
        let mut measured =
            Measured { wall: self.started.elapsed(), launches: self.launches.len() as u64, ..Default::default() };
        for launch in self.launches {
            measured.kernel += launch.gpu_time()?.unwrap_or_default();
        }
        Ok(measured)
    }
}

/// The largest number of workgroups in a dimension that every device allows. Kernels loop where this is not enough.
const MOST_GROUPS: usize = 65535;

/// A row of workgroups for `items`, of which each takes `each`.
fn row_of_groups(items: usize, each: usize) -> Grid {
    Grid::groups([items.div_ceil(each).clamp(1, MOST_GROUPS) as u32, 1, 1])
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_words_or_numbers() {
        assert_eq!("small".parse(), Ok(Size::Small));
        assert_eq!("large".parse(), Ok(Size::Large));
        assert_eq!("1_000".parse(), Ok(Size::Exactly(1000)));
        for wrong in ["0", "", "-1", "1.5", "huge"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn names_are_distinct_and_found() {
        for w in &ALL {
            assert_eq!(Workload::named(w.name).map(|found| found.about), Some(w.about));
            assert!(w.units(Size::Exactly(7)) == Some(7));
        }
        assert!(Workload::named("all").is_none());
    }

    #[test]
    fn working_sets_are_as_large_as_sizes_promise() {
        let oversubscribed: Vec<_> = ALL.iter().filter(|w| w.working_set.is_some()).collect();
        assert_eq!(oversubscribed.len(), 5);
        for w in oversubscribed {
            let mib = |size| w.working_set(size).map(|bytes| bytes >> 20);
            assert!(mib(Size::Medium).is_some_and(|mib| (32..=64).contains(&mib)), "{}", w.name);
            assert!(mib(Size::Large).is_some_and(|mib| mib >= 256), "{}", w.name);
            assert!(w.working_set(Size::Exactly(u64::MAX)).is_some(), "{}: no size is too large to ask about", w.name);
        }
    }

    #[test]
    fn thousands_are_separated() {
        let shown: Vec<_> = [0, 999, 1000, 65536, 1_234_567].map(grouped).into();
        assert_eq!(shown, ["0", "999", "1,000", "65,536", "1,234,567"]);
    }
}
