//! What is asked of a worker, and what it answers.

use super::{
    case::Case,
    corpus, generated,
    probes::{self, Probe},
    ways::Way,
};
use serde::{Deserialize, Serialize};
use std::hash::{DefaultHasher, Hash, Hasher};
use vksvm_spirv::{Broken, Options, Translation};

/// Set, every case runs in every way, which takes some three times as long.
const ALL_WAYS: &str = "VKSVM_LOWERING_ALL_WAYS";

/// Whether an environment variable asks for something.
fn is_set(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| !value.is_empty() && value != "0")
}

/// Where a case comes from. A worker makes it anew.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Id {
    /// A module of the corpus, by its name, on the image of this seed.
    Corpus(String, u64),
    /// A generated module: a seed, and the cuts that make it smaller.
    Generated(u64, Vec<u32>),
    /// One of this harness's own.
    Probe(probes::Probe),
}

impl Id {
    pub fn case(&self) -> Case {
        match self {
            Id::Corpus(name, seed) => corpus::case(name, *seed),
            Id::Generated(seed, cuts) => generated::case(*seed, cuts),
            Id::Probe(probe) => probe.case(),
        }
    }

    /// The ways to run it in: the plain one (a second time, in which an order of invocations that shows would differ sooner
    /// or later), the table with the smallest pages, which notices the most, and in turn the others; all with
    /// [`ALL_WAYS`].
    fn ways(&self) -> Vec<Way> {
        let (first, others) = Way::LOWERED.split_first().expect("there are some");
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        let turn = others[(hasher.finish() % others.len() as u64) as usize];
        match self {
            _ if self.needs_table() || is_set(ALL_WAYS) => self.all_ways(),
            Id::Probe(_) => self.all_ways(),
            Id::Corpus(..) if turn == Way::Offset => vec![Way::Plain, *first, turn],
            Id::Corpus(..) => vec![Way::Plain, *first, Way::Offset, turn],
            Id::Generated(..) => vec![Way::Plain, *first, turn],
        }
    }

    /// All ways that it can be run in.
    pub fn all_ways(&self) -> Vec<Way> {
        let plain = [Way::Plain, Way::Offset];
        let all = [Way::Plain].iter().chain(Way::LOWERED);
        all.filter(|way| !self.needs_table() || !plain.contains(way)).copied().collect()
    }

    /// Whether it is this module of the corpus.
    pub fn is_module(&self, name: &str) -> bool {
        matches!(self, Id::Corpus(of, _) if of == name)
    }

    /// Whether only tables do what it is about: they know what is outside, and round addresses down.
    fn needs_table(&self) -> bool {
        match self {
            Id::Corpus(name, _) => corpus::is_wild(name),
            Id::Generated(..) => false,
            Id::Probe(probe) => matches!(probe, Probe::Outside(_) | Probe::Misaligned),
        }
    }

    /// Whether it may leave anything in the null page.
    pub fn may_write_null(&self) -> bool {
        matches!(self, Id::Corpus(name, _) if name.starts_with("wild_store"))
    }

    /// Whether the validation layer can look at it.
    fn takes_layer(&self) -> bool {
        !matches!(self, Id::Corpus(name, _) if !corpus::takes_layer(name))
    }

    /// What a case leaves that cannot run as it is.
    pub fn expected(&self, case: &Case) -> Option<Vec<u8>> {
        match self {
            Id::Corpus(name, _) if corpus::is_wild(name) => Some(corpus::expected_of_wild(case)),
            Id::Probe(probe) => probe.expected(case),
            _ => None,
        }
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Id::Corpus(name, 0) => write!(f, "corpus/{name}"),
            Id::Corpus(name, seed) => write!(f, "corpus/{name} on image {seed}"),
            Id::Generated(seed, cuts) if cuts.is_empty() => write!(f, "generated/{seed}"),
            Id::Generated(seed, cuts) => write!(f, "generated/{seed} after {} cuts", cuts.len()),
            Id::Probe(probe) => write!(f, "probe/{probe:?}"),
        }
    }
}

/// What makes the lowered words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lowering {
    /// `lower`.
    Right,
    /// `lower` with one thing broken, by its index in [`Broken::ALL`].
    Broken(usize),
    /// Nothing: the words as they are.
    Nothing,
    /// `lower`, told that the image lies 16 bytes, or one page, further.
    Beside,
}

impl Lowering {
    /// Lowers.
    pub fn apply(self, words: &[u32], translation: Translation) -> Result<Vec<u32>, vksvm_spirv::Error> {
        let mut options = Options::new(translation);
        match self {
            Lowering::Right => {}
            Lowering::Broken(index) => options.broken = Some(Broken::ALL[index]),
            Lowering::Nothing => return Ok(words.to_vec()),
            Lowering::Beside => match &mut options.translation {
                Translation::Offset(offset) => offset.0 = offset.0.wrapping_add(16),
                Translation::Table(table) => table.base += 1 << table.page_shift,
                Translation::Mirrored(tables) => tables.root += 8,
                _ => {}
            },
        }
        vksvm_spirv::lower(words, &options).map(|lowered| lowered.words)
    }
}

/// A case to run in some ways, each compared with the plain one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    pub id: Id,
    pub lowering: Lowering,
    pub ways: Vec<Way>,
    /// How long one dispatch may take.
    pub milliseconds: u64,
    /// Stop at the first thing that is wrong.
    pub stop_early: bool,
    /// Write modules and disassembly to files, whatever comes out.
    pub dump: bool,
    /// Run it; otherwise only lower and validate.
    pub run: bool,
    /// Under the validation layer, if the tests are.
    pub layer: bool,
}

impl Job {
    /// The case lowered as it should be, in the ways that it is usually run in.
    pub fn new(id: Id) -> Self {
        let (ways, layer) = (id.ways(), id.takes_layer());
        Job {
            id,
            lowering: Lowering::Right,
            ways,
            milliseconds: 20_000,
            stop_early: false,
            dump: false,
            run: true,
            layer,
        }
    }
}

impl Job {
    /// Whether a lowered form can run this case.
    pub fn allows(&self, way: Way) -> bool {
        way != Way::Offset || !self.id.needs_table()
    }
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Every way left the same bytes, and poison where it was.
    Agrees,
    /// The device lacks something.
    Skipped(String),
    /// What was broken plays no part in this module: its words are those of the right lowering.
    Unaffected,
    /// Something is wrong.
    Wrong(Vec<Wrong>),
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    pub kind: Kind,
    pub way: Way,
    /// What was found, for people.
    pub text: String,
}

/// How it was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// `lower` refused the module.
    Refused,
    /// `lower` broke one of its promises that need no device.
    Law,
    /// spirv-val refused the words.
    Invalid,
    /// The image differs.
    Differs,
    /// Something outside the image was written.
    Stray,
    /// The validation layer spoke.
    Layer,
    /// A dispatch did not end.
    Stuck,
    /// The process died.
    Crashed,
    /// Vulkan failed, or the harness did.
    Failed,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} ({}): {}", self.kind, self.way, self.text)
    }
}
