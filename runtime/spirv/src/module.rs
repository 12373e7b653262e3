//! A SPIR-V module as a list of instructions in the order of its words, with every id resolved to its definition.
//!
//! rspirv's parser knows the grammar. What it does not check and later code relies on is refused here: words that run
//! out, ids without a definition or with two, more ids than SPIR-V allows, functions inside functions.

use crate::error::{Error, Result};
use rspirv::{
    binary::{Consumer, ParseAction, ParseState, Parser},
    dr::{Instruction, ModuleHeader, Operand},
    spirv::{MAGIC_NUMBER, Op},
};
use rustc_hash::FxHashMap as HashMap;
use std::{borrow::Cow, ops::Range};

/// Words in a module's header.
pub(crate) const HEADER: usize = 5;
/// Where the header has the version.
pub(crate) const VERSION: usize = 1;
/// Where the header has the bound of ids.
pub(crate) const BOUND: usize = 3;
/// Ids are below this: the universal limit of the specification's section 2.17.
pub(crate) const MAX_BOUND: u32 = 0x3f_ffff;

/// Characters of a name that an error gives.
const MAX_NAME: usize = 100;

/// An instruction. Its words are in [`Module::words`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inst {
    pub op: Op,
    /// The result type's id, 0 if it has none.
    pub ty: u32,
    /// The result's id, 0 if it has none.
    pub id: u32,
    start: u32,
    len: u32,
    uses: (u32, u32),
}

/// A parsed module.
#[derive(Debug)]
pub(crate) struct Module<'w> {
    words: Cow<'w, [u32]>,
    pub insts: Vec<Inst>,
    /// Operands that are ids, of all instructions, results and result types excluded.
    uses: Vec<u32>,
    /// The defining instruction's index plus one, by id.
    definitions: Vec<u32>,
    /// The instructions of each function, `OpFunction` and `OpFunctionEnd` included, in order.
    pub functions: Vec<Range<usize>>,
    names: HashMap<u32, String>,
}

pub(crate) fn invalid<T>(reason: impl Into<String>) -> Result<T> {
    Err(Error::Invalid { reason: reason.into() })
}

impl<'w> Module<'w> {
    /// Parses `words`, in either byte order.
    pub fn parse(words: &'w [u32]) -> Result<Self> {
        let words = in_byte_order(words)?;
        if words[BOUND] > MAX_BOUND {
            return invalid(format!("its bound of ids is {}; {MAX_BOUND} is the most", words[BOUND]));
        }
        let mut list = List { insts: boundaries(&words)?, ..List::default() };
        let known = readable(&words, &list.insts);
        if let Err(state) = Parser::new(&known, &mut list).parse() {
            return Err(list.stopped(&state));
        }
        let (insts, uses, names) = (list.insts, list.uses, list.names);
        let mut module = Module { words, insts, uses, definitions: vec![], functions: vec![], names };
        module.define()?;
        module.check_uses()?;
        module.find_functions()?;
        module.check_locals()?;
        Ok(module)
    }

    /// Collects definitions.
    fn define(&mut self) -> Result<()> {
        self.definitions = vec![0; self.bound() as usize];
        for (index, inst) in self.insts.iter().enumerate().filter(|(_, inst)| inst.id != 0) {
            match self.definitions.get_mut(inst.id as usize) {
                None => return invalid(format!("{} is not below the bound", inst.describe())),
                Some(slot) if *slot != 0 => return invalid(format!("%{} is defined twice", inst.id)),
                Some(slot) => *slot = index as u32 + 1,
            }
        }
        Ok(())
    }

    fn check_uses(&self) -> Result<()> {
        for inst in &self.insts {
            let ty = (inst.ty != 0).then_some(inst.ty);
            // A module may still name what was stripped from it.
            let names = matches!(inst.op, Op::Name | Op::MemberName);
            let unknown = |id: &u32| if names { *id >= self.bound() } else { self.def(*id).is_none() };
            if let Some(id) = self.uses(inst).iter().copied().chain(ty).find(unknown) {
                return invalid(format!("{} uses %{id}, which is not defined", inst.describe()));
            }
            // Types have no type.
            if ty.is_some_and(|ty| self.type_of(ty) != 0) {
                return invalid(format!("{} has the type %{}, which is none", inst.describe(), inst.ty));
            }
        }
        Ok(())
    }

    fn find_functions(&mut self) -> Result<()> {
        let mut start = None;
        for (index, inst) in self.insts.iter().enumerate() {
            match (start, inst.op) {
                (None, Op::Function) => start = Some(index),
                (Some(_), Op::Function) => return invalid("a function starts inside a function"),
                (None, Op::FunctionEnd) => return invalid("a function ends outside a function"),
                (Some(first), Op::FunctionEnd) => {
                    self.functions.push(first..index + 1);
                    start = None;
                }
                _ => {}
            }
        }
        match start {
            Some(_) => invalid("its last function has no end: it is truncated"),
            None => Ok(()),
        }
    }

    /// What a function defines is used by its own instructions only, but for names and decorations.
    fn check_locals(&self) -> Result<()> {
        let Some(first) = self.functions.first() else { return Ok(()) };
        let mut functions = self.functions.iter().peekable();
        for (index, inst) in self.insts.iter().enumerate() {
            while functions.next_if(|function| function.end <= index).is_some() {}
            let own = functions.peek().filter(|function| function.contains(&index));
            if own.is_none() && is_about_ids(inst.op) {
                continue;
            }
            let foreign = |id: &u32| {
                self.index_of(*id).is_some_and(|at| {
                    at >= first.start && self.insts[at].op != Op::Function && !own.is_some_and(|own| own.contains(&at))
                })
            };
            if let Some(id) = self.uses(inst).iter().copied().find(foreign) {
                return invalid(format!("{} uses %{id}, which is of another function", inst.describe()));
            }
        }
        Ok(())
    }

    /// All ids are below this.
    pub fn bound(&self) -> u32 {
        self.words[BOUND]
    }

    /// The header's words.
    pub fn header(&self) -> &[u32] {
        &self.words[..HEADER]
    }

    /// The module's words, in the host's byte order.
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// An instruction's words, the first of which is its length and opcode.
    pub fn words_of(&self, inst: &Inst) -> &[u32] {
        &self.words[inst.start as usize..][..inst.len as usize]
    }

    /// An instruction's words after opcode, result type and result.
    pub fn operands(&self, inst: &Inst) -> &[u32] {
        &self.words_of(inst)[1 + usize::from(inst.ty != 0) + usize::from(inst.id != 0)..]
    }

    /// An instruction's operands that are ids.
    pub fn uses(&self, inst: &Inst) -> &[u32] {
        &self.uses[inst.uses.0 as usize..][..inst.uses.1 as usize]
    }

    /// Where an id is defined.
    pub fn index_of(&self, id: u32) -> Option<usize> {
        self.definitions.get(id as usize).and_then(|index| (*index as usize).checked_sub(1))
    }

    /// What defines an id.
    pub fn def(&self, id: u32) -> Option<&Inst> {
        self.index_of(id).map(|index| &self.insts[index])
    }

    /// The type of a value, 0 if `id` is none.
    pub fn type_of(&self, id: u32) -> u32 {
        self.def(id).map_or(0, |inst| inst.ty)
    }

    /// The name that debug information gives an id.
    pub fn name(&self, id: u32) -> Option<&str> {
        self.names.get(&id).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The function that an instruction is in, as errors name it.
    pub fn function_of(&self, index: usize) -> String {
        match self.functions.iter().find(|range| range.contains(&index)) {
            None => "none".into(),
            Some(range) => {
                let id = self.insts[range.start].id;
                function_name(id, self.name(id))
            }
        }
    }

    /// The error for an instruction that cannot be lowered.
    pub fn unsupported(&self, index: usize, reason: impl Into<String>) -> Error {
        Error::Unsupported {
            instruction: self.insts[index].describe(),
            function: self.function_of(index),
            reason: reason.into(),
        }
    }
}

impl Inst {
    /// The opcode and, if there is one, the result.
    pub fn describe(&self) -> String {
        match self.id {
            0 => format!("Op{:?}", self.op),
            id => format!("Op{:?} %{id}", self.op),
        }
    }
}

/// What errors call a function.
fn function_name(id: u32, name: Option<&str>) -> String {
    name.map_or_else(|| format!("%{id}"), |name| name.chars().take(MAX_NAME).collect())
}

/// Whether an instruction says something about ids wherever they are defined.
fn is_about_ids(op: Op) -> bool {
    matches!(op, Op::Name | Op::MemberName | Op::Decorate | Op::DecorateId | Op::DecorateString | Op::GroupDecorate)
}

fn in_byte_order(words: &[u32]) -> Result<Cow<'_, [u32]>> {
    let magic = words.first().copied();
    if words.len() < HEADER {
        return invalid(format!("{} words; the header alone has {HEADER}", words.len()));
    }
    if magic == Some(MAGIC_NUMBER) {
        Ok(words.into())
    } else if magic == Some(MAGIC_NUMBER.swap_bytes()) {
        Ok(words.iter().map(|word| word.swap_bytes()).collect())
    } else {
        invalid(format!("it starts with {:#010x}, not SPIR-V's magic number {MAGIC_NUMBER:#010x}", words[0]))
    }
}

/// Every instruction's place. `OpSpecConstantOp`, whose operands rspirv cannot read in full, gets its result here; the
/// others are filled in by the parser.
fn boundaries(words: &[u32]) -> Result<Vec<Inst>> {
    let (mut insts, mut at) = (vec![], HEADER);
    while let Some(first) = words.get(at) {
        let len = (first >> 16) as usize;
        if len == 0 || len > words.len() - at {
            return invalid(format!("the instruction at word {at} claims {len} words"));
        }
        let mut inst = Inst { op: Op::Nop, ty: 0, id: 0, start: at as u32, len: len as u32, uses: (0, 0) };
        if first & 0xffff == Op::SpecConstantOp as u32 {
            if len < 4 {
                return invalid(format!("the OpSpecConstantOp at word {at} has {len} words"));
            }
            (inst.op, inst.ty, inst.id) = (Op::SpecConstantOp, words[at + 1], words[at + 2]);
        }
        insts.push(inst);
        at += len;
    }
    Ok(insts)
}

/// The module as bytes that rspirv reads: with a value of the same type and id in the place of each `OpSpecConstantOp`,
/// since it takes the width of a switch's literals from its selector's type.
fn readable(words: &[u32], insts: &[Inst]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 * words.len());
    let mut add = |words: &[u32]| words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
    add(&words[..HEADER]);
    for inst in insts {
        match inst.op {
            Op::SpecConstantOp => add(&[3 << 16 | Op::Undef as u32, inst.ty, inst.id]),
            _ => add(&words[inst.start as usize..][..inst.len as usize]),
        }
    }
    bytes
}

/// What the parser tells.
#[derive(Default)]
struct List {
    insts: Vec<Inst>,
    uses: Vec<u32>,
    names: HashMap<u32, String>,
    next: usize,
}

impl List {
    /// The error for what the parser stopped at. An instruction that it does not know need not be wrong: extensions bring
    /// new ones.
    fn stopped(&self, state: &ParseState) -> Error {
        let ParseState::OpcodeUnknown(_, _, opcode) = state else {
            return Error::Invalid { reason: state.to_string() };
        };
        let before = self.insts[..self.next.min(self.insts.len())].iter().rev();
        let function = before.take_while(|inst| inst.op != Op::FunctionEnd).find(|inst| inst.op == Op::Function);
        let name = |id| self.names.get(id).map(String::as_str).filter(|name| !name.is_empty());
        Error::Unsupported {
            instruction: format!("Op{opcode}"),
            function: function.map_or_else(|| "none".into(), |inst| function_name(inst.id, name(&inst.id))),
            reason: "it is not known what this opcode does: compile without the extension that it belongs to".into(),
        }
    }
}

impl Consumer for List {
    fn initialize(&mut self) -> ParseAction {
        ParseAction::Continue
    }

    fn finalize(&mut self) -> ParseAction {
        ParseAction::Continue
    }

    fn consume_header(&mut self, _: ModuleHeader) -> ParseAction {
        ParseAction::Continue
    }

    fn consume_instruction(&mut self, parsed: Instruction) -> ParseAction {
        let Some(inst) = self.insts.get_mut(self.next) else { return ParseAction::Stop };
        self.next += 1;
        if inst.op == Op::SpecConstantOp {
            return ParseAction::Continue;
        }
        let first = self.uses.len();
        self.uses.extend(parsed.operands.iter().filter_map(Operand::id_ref_any));
        inst.op = parsed.class.opcode;
        inst.ty = parsed.result_type.unwrap_or(0);
        inst.id = parsed.result_id.unwrap_or(0);
        inst.uses = (first as u32, (self.uses.len() - first) as u32);
        if let (Op::Name, [Operand::IdRef(id), Operand::LiteralString(name)]) = (inst.op, &parsed.operands[..]) {
            self.names.insert(*id, name.clone());
        }
        ParseAction::Continue
    }
}
