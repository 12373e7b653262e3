//! `lower_speed`: how long lowering takes for each 1,000 instructions of a module, in table form, over reading the module and writing
//! it again unchanged, which no rewriting can do without.
//!
//! All kernels of the workloads and of the lowering's corpus are one part. The others are modules of 1,000, 10,000 and 100,000
//! instructions, made of copies of one kernel's function: if lowering is linear, their figures are alike.

use crate::{
    Benchmark, LIMIT,
    measure::Rounds,
    report::{Bound, Unit},
};
use anyhow::{Context, Result, anyhow, ensure};
use rspirv::{
    binary::{Assemble, Consumer, ParseAction, parse_words},
    dr::{Function, Instruction, Module, ModuleHeader, Operand, load_words},
    spirv::Word,
};
use std::{
    collections::HashMap,
    fs,
    hint::black_box,
    time::{Duration, Instant},
};
use vksvm_spirv::{Options, Table, Translation, lower};

/// The bound is the issue's: a millisecond.
pub const LOWER_SPEED: Benchmark = Benchmark {
    name: "lower_speed",
    unit: Unit::Us,
    steps: 1,
    bound: Some(Bound::Figure(1000.0)),
    batch: 8,
    sessions: 5,
    limit: LIMIT,
    session: |_, rounds| session(rounds),
};

/// The synthetic modules' instructions, at least.
const SIZES: [(&str, usize); 3] = [("1k", 1_000), ("10k", 10_000), ("100k", 100_000)];

/// The kernel that they are made of: pointers to structs, arrays of pointers, atomics, loops and branches.
const SEED: &str = "shaders/kernels/bfs.spv";

/// Where the real modules are.
const DIRECTORIES: [&str; 2] = ["shaders/kernels", "runtime/spirv/corpus"];

fn session(rounds: &mut Rounds) -> Result<()> {
    measure("workloads and corpus", &real()?, rounds)?;
    let seed = load_words(read(SEED)?).map_err(|error| anyhow!("{error}"))?;
    for (name, instructions) in SIZES {
        measure(name, &[repeated(&seed, instructions)?], rounds)?;
    }
    Ok(())
}

/// One part: all of `modules`, one after the other.
fn measure(name: &str, modules: &[Vec<u32>], rounds: &mut Rounds) -> Result<()> {
    let options =
        Options::new(Translation::Table(Table { base: 1 << 45, pages: 1 << 18, page_shift: 16, entries: 1 << 44 }));
    let (mut instructions, mut lookups) = (0, 0);
    for words in modules {
        instructions += Flat::read(words)?.instructions.len();
        lookups += lower(words, &options)?.facts.lookups;
    }
    ensure!(lookups * 100 > instructions, "{lookups} lookups in {instructions} instructions: hardly anything to lower");
    let per_thousand = |start: Instant| start.elapsed().mul_f64(1000.0 / instructions as f64);
    let ours = || -> Result<Duration> {
        let start = Instant::now();
        for words in modules {
            black_box(lower(black_box(words), &options)?);
        }
        Ok(per_thousand(start))
    };
    let floor = || {
        let start = Instant::now();
        for words in modules {
            black_box(Flat::read(black_box(words))?.write());
        }
        Ok(per_thousand(start))
    };
    rounds.interleave_part(name, ours, floor)
}

/// A module as a list of instructions: rspirv's own form of modules does not have all that is allowed between functions.
#[derive(Default)]
struct Flat {
    header: Option<ModuleHeader>,
    instructions: Vec<Instruction>,
}

impl Flat {
    fn read(words: &[u32]) -> Result<Self> {
        let mut flat = Flat::default();
        parse_words(words, &mut flat).map_err(|error| anyhow!("{error}"))?;
        Ok(flat)
    }

    fn write(&self) -> Vec<u32> {
        let mut words = vec![];
        if let Some(header) = &self.header {
            header.assemble_into(&mut words);
        }
        self.instructions.iter().for_each(|instruction| instruction.assemble_into(&mut words));
        words
    }
}

impl Consumer for Flat {
    fn initialize(&mut self) -> ParseAction {
        ParseAction::Continue
    }

    fn finalize(&mut self) -> ParseAction {
        ParseAction::Continue
    }

    fn consume_header(&mut self, header: ModuleHeader) -> ParseAction {
        self.header = Some(header);
        ParseAction::Continue
    }

    fn consume_instruction(&mut self, instruction: Instruction) -> ParseAction {
        self.instructions.push(instruction);
        ParseAction::Continue
    }
}

/// All kernels of the workloads and the corpus.
fn real() -> Result<Vec<Vec<u32>>> {
    let mut paths = vec![];
    for directory in DIRECTORIES {
        let full = format!("{}/../{directory}", env!("CARGO_MANIFEST_DIR"));
        for entry in fs::read_dir(&full).with_context(|| full.clone())? {
            let name = entry?.file_name();
            paths.extend(name.to_str().filter(|name| name.ends_with(".spv")).map(|name| format!("{directory}/{name}")));
        }
    }
    ensure!(paths.len() > 20, "only {} modules in {}", paths.len(), DIRECTORIES.join(" and "));
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &str) -> Result<Vec<u32>> {
    let bytes = fs::read(format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))).context(path.to_owned())?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect())
}

/// The module with copies of its last function, until it has so many instructions. Nobody calls the copies; they are lowered all
/// the same.
fn repeated(seed: &Module, instructions: usize) -> Result<Vec<u32>> {
    let mut module = seed.clone();
    let function = module.functions.last().context("a module without functions")?.clone();
    let mut bound = module.header.as_ref().context("a module without a header")?.bound;
    let mut have = module.all_inst_iter().count();
    let each = function.all_inst_iter().count();
    while have < instructions {
        let (copy, after) = fresh(&function, bound);
        bound = after;
        module.functions.push(copy);
        have += each;
    }
    if let Some(header) = &mut module.header {
        header.bound = bound;
    }
    Ok(module.assemble())
}

/// A copy of the function whose ids begin at `bound`, and the bound after it.
fn fresh(function: &Function, mut bound: Word) -> (Function, Word) {
    let mut ids = HashMap::new();
    for id in function.all_inst_iter().filter_map(|inst| inst.result_id) {
        ids.insert(id, bound);
        bound += 1;
    }
    let mut copy = function.clone();
    let rename = |inst: &mut Instruction| {
        inst.result_id = inst.result_id.map(|id| ids.get(&id).copied().unwrap_or(id));
        for operand in &mut inst.operands {
            if let Operand::IdRef(id) | Operand::IdScope(id) | Operand::IdMemorySemantics(id) = operand {
                *id = ids.get(id).copied().unwrap_or(*id);
            }
        }
    };
    copy.all_inst_iter_mut().for_each(rename);
    (copy, bound)
}
