//! Writes the module of a recipe.

mod access;
mod atomic;
mod chain;
mod control;
mod declare;
mod entry;
mod features;
mod function;
mod operands;
mod pointers;
mod sections;
mod values;

use super::picks::Picks;
use super::recipe::{Kind, Recipe, Step};
use super::types::Type;
use declare::Key;
pub use features::FEATURES;
use rspirv::spirv::Op;
use sections::{Code, Sections};
use std::collections::{BTreeMap, HashMap};

/// A module, and what is in it.
pub struct Written {
    pub words: Vec<u32>,
    /// How often each of [`FEATURES`] occurs.
    pub seen: BTreeMap<&'static str, usize>,
    /// What the steps became, in order.
    pub notes: Vec<String>,
}

/// A pointer at a point of the program, and what is known of it.
#[derive(Clone, Debug)]
struct Place {
    id: u32,
    ty: Type,
    /// The pointer type's stride.
    stride: Option<u32>,
    /// A power of two in bytes that divides the address, whichever object it is.
    align: u32,
    read: bool,
    write: bool,
    /// Whether a variable, a phi or a parameter may carry it: not where the chain that made it tells the layout.
    loose: bool,
    /// Whether it is a view of memory that has another type.
    raw: bool,
    /// If it is one of a row of elements: where it stands.
    element: Option<Element>,
}

#[derive(Clone, Debug)]
struct Element {
    /// A `u32` below `length`.
    index: u32,
    length: u32,
    stride: u32,
}

/// The labels that a step inside a loop can leave for.
#[derive(Clone, Copy)]
struct Loop {
    merge: u32,
    proceed: u32,
}

/// The function that is being written.
#[derive(Default)]
struct Body {
    variables: Code,
    code: Code,
    /// The label of the block that is being written.
    label: u32,
    /// Pointers that exist at this point.
    scope: Vec<Place>,
    loops: Vec<Loop>,
    /// Values of type `u32` that are small and differ: the invocation's index, loop counters.
    small: Vec<u32>,
    /// The invocation's index.
    index: u32,
    /// A zero that the compiler does not know.
    zero: u32,
    /// A value that each turn of a loop changes, for values that must do so too.
    varying: Option<u32>,
    /// Functions below this one can be called.
    callable: usize,
    /// The block that it returns a pointer to.
    returns: Option<usize>,
    main: bool,
    /// The label of its first block.
    first: u32,
}

struct Writer<'r> {
    recipe: &'r Recipe,
    sections: Sections,
    declared: HashMap<Key, u32>,
    block_pointers: HashMap<usize, u32>,
    open_structs: Vec<usize>,
    forward: Vec<usize>,
    body: Body,
    functions: Vec<u32>,
    /// The variable that all loaded values are mixed into.
    sum: u32,
    file: Option<u32>,
    globals: entry::Globals,
    seen: BTreeMap<&'static str, usize>,
    notes: Vec<String>,
    depth: usize,
}

/// Writes the module of a recipe.
pub fn write(recipe: &Recipe) -> Written {
    let mut writer = Writer {
        recipe,
        sections: Sections::default(),
        declared: HashMap::new(),
        block_pointers: HashMap::new(),
        open_structs: Vec::new(),
        forward: Vec::new(),
        body: Body::default(),
        functions: Vec::new(),
        sum: 0,
        file: None,
        globals: entry::Globals::default(),
        seen: BTreeMap::new(),
        notes: Vec::new(),
        depth: 0,
    };
    let words = writer.module();
    Written { words, seen: writer.seen, notes: writer.notes }
}

impl Writer<'_> {
    /// Counts a feature.
    fn saw(&mut self, feature: &'static str) {
        debug_assert!(FEATURES.contains(&feature), "{feature} is missing in the list");
        *self.seen.entry(feature).or_default() += 1;
    }

    fn note(&mut self, text: impl std::fmt::Display) {
        self.notes.push(format!("{:indent$}{text}", "", indent = 2 * self.depth));
    }

    /// An instruction with a result.
    fn op(&mut self, op: Op, ty: u32, operands: &[u32]) -> u32 {
        let id = self.sections.id();
        let mut all = vec![ty, id];
        all.extend(operands);
        self.body.code.put(op, &all);
        id
    }

    /// An instruction without a result.
    fn act(&mut self, op: Op, operands: &[u32]) {
        self.body.code.put(op, operands);
    }

    /// Starts a block.
    fn label(&mut self, id: u32) {
        self.body.code.put(Op::Label, &[id]);
        self.body.label = id;
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            self.step(step);
        }
    }

    fn step(&mut self, step: &Step) {
        let mut picks = Picks::new(step.seed);
        let picks = &mut picks;
        self.line(picks);
        match step.kind {
            Kind::Load => self.load_step(picks),
            Kind::Store => self.store_step(picks),
            Kind::Update => self.update_step(picks),
            Kind::Copy => self.copy_step(picks),
            Kind::Atomic => self.atomic_step(picks),
            Kind::Counter => self.counter_step(picks),
            Kind::Follow => self.follow_step(picks),
            Kind::Link => self.link_step(picks),
            Kind::Keep => self.keep_step(picks),
            Kind::Cast => self.cast_step(picks),
            Kind::Select => self.select_step(picks),
            Kind::Variable => self.variable_step(picks),
            Kind::Neighbour => self.neighbour_step(picks),
            Kind::If => self.if_step(picks, &step.inner),
            Kind::Guard => self.guard_step(picks, &step.inner),
            Kind::Switch => self.switch_step(picks, &step.inner),
            Kind::Loop => self.loop_step(picks, &step.inner),
            Kind::Call(function) => self.call_step(picks, function),
            Kind::Leave => self.leave_step(picks),
        }
    }

    /// At times, says where in a source file we are.
    fn line(&mut self, picks: &mut Picks) {
        let Some(file) = self.file else { return };
        match picks.below(4) {
            1 => self.act(Op::Line, &[file, picks_line(&self.notes), 1]),
            2 => self.act(Op::NoLine, &[]),
            _ => {}
        }
    }
}

fn picks_line(notes: &[String]) -> u32 {
    1 + notes.len() as u32
}
