//! A SPIR-V module, taken apart: definitions, decorations, entry points and functions by id.
//!
//! rspirv's parser knows the grammar; what it does not know (words that run out, ids without a definition, functions
//! without an end, types that contain themselves) is refused here, so that later code may follow ids without checking.

use crate::{Error, Result};
use rspirv::spirv::{Capability, Decoration, ExecutionMode, ExecutionModel, Op};
use rspirv::{
    binary::{Consumer, ParseAction, Parser},
    dr::{Instruction, ModuleHeader, Operand},
};
use std::collections::{HashMap, HashSet};

/// Nesting of types beyond which a module is refused. Vulkan's own limit for structs is 255.
const MAX_NESTING: usize = 255;

/// A decoration with its literals.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decorated {
    pub decoration: Decoration,
    pub literals: Vec<u32>,
}

/// `OpEntryPoint`.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub model: ExecutionModel,
    pub function: u32,
    pub name: String,
}

/// `OpExecutionMode` and `OpExecutionModeId`; the operands are numbers or ids.
#[derive(Clone, Debug)]
pub(crate) struct Mode {
    pub function: u32,
    pub mode: ExecutionMode,
    pub operands: Vec<u32>,
}

/// `OpSpecConstantOp`, which rspirv's parser does not read in full.
#[derive(Clone, Debug)]
pub(crate) struct SpecOp {
    pub op: Op,
    pub operands: Vec<u32>,
}

/// A parsed module. Every id that an instruction uses has a definition, every struct, array, vector and matrix type
/// is made of types defined before it (pointers excepted), every function has an end.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// Types, constants and global variables by id.
    pub globals: HashMap<u32, Instruction>,
    /// The ids of `globals` in order of definition.
    pub order: Vec<u32>,
    pub spec_ops: HashMap<u32, SpecOp>,
    pub capabilities: Vec<Capability>,
    pub entries: Vec<Entry>,
    pub modes: Vec<Mode>,
    /// Instructions of each function between `OpFunction` and `OpFunctionEnd`, both excluded.
    pub functions: HashMap<u32, Vec<Instruction>>,
    names: HashMap<u32, String>,
    member_names: HashMap<(u32, u32), String>,
    decorations: HashMap<u32, Vec<Decorated>>,
    member_decorations: HashMap<(u32, u32), Vec<Decorated>>,
}

pub(crate) fn invalid<T>(reason: impl Into<String>) -> Result<T> {
    Err(Error::InvalidSpirv { reason: reason.into() })
}

impl Module {
    /// Parses `words`, in either byte order.
    pub fn parse(words: &[u32]) -> Result<Self> {
        let words = in_byte_order(words)?;
        let (words, spec_ops) = split(words)?;
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        let mut list = List::default();
        if let Err(state) = Parser::new(&bytes, &mut list).parse() {
            return invalid(format!("{state} (byte offset)"));
        }
        check_ids(&list, &spec_ops, words[3])?;
        let mut module = Module { spec_ops, ..Module::default() };
        module.sort(list.0)?;
        module.check_types()?;
        Ok(module)
    }

    fn sort(&mut self, list: Vec<Instruction>) -> Result<()> {
        let mut body: Option<(u32, Vec<Instruction>)> = None;
        for i in list {
            match (&mut body, i.class.opcode) {
                (Some(_), Op::Function) => return invalid("a function starts inside a function"),
                (None, Op::Function) => body = i.result_id.map(|id| (id, vec![])),
                (Some(_), Op::FunctionEnd) => {
                    if let Some((id, instructions)) = body.take() {
                        self.functions.insert(id, instructions);
                    }
                }
                (None, Op::FunctionEnd) => return invalid("a function ends outside a function"),
                (Some((_, instructions)), _) => instructions.push(i),
                (None, _) => self.global(i),
            }
        }
        match body {
            Some((id, _)) => invalid(format!("function %{id} has no OpFunctionEnd: the module is truncated")),
            None => Ok(()),
        }
    }

    fn global(&mut self, i: Instruction) {
        match (i.class.opcode, i.operands.as_slice()) {
            (Op::Capability, [Operand::Capability(c)]) => self.capabilities.push(*c),
            (Op::EntryPoint, [Operand::ExecutionModel(model), Operand::IdRef(f), Operand::LiteralString(name), ..]) => {
                self.entries.push(Entry { model: *model, function: *f, name: name.clone() });
            }
            (
                Op::ExecutionMode | Op::ExecutionModeId,
                [Operand::IdRef(f), Operand::ExecutionMode(mode), operands @ ..],
            ) => self.modes.push(Mode { function: *f, mode: *mode, operands: numbers(operands) }),
            (Op::Name, [Operand::IdRef(id), Operand::LiteralString(name)]) => {
                self.names.insert(*id, name.clone());
            }
            (Op::MemberName, [Operand::IdRef(id), Operand::LiteralBit32(member), Operand::LiteralString(name)]) => {
                self.member_names.insert((*id, *member), name.clone());
            }
            (Op::Decorate | Op::DecorateId, [Operand::IdRef(id), Operand::Decoration(d), literals @ ..]) => {
                let d = Decorated { decoration: *d, literals: numbers(literals) };
                self.decorations.entry(*id).or_default().push(d);
            }
            (
                Op::MemberDecorate,
                [Operand::IdRef(id), Operand::LiteralBit32(member), Operand::Decoration(d), literals @ ..],
            ) => {
                let d = Decorated { decoration: *d, literals: numbers(literals) };
                self.member_decorations.entry((*id, *member)).or_default().push(d);
            }
            // Old compilers decorate a group and then name its targets.
            (Op::GroupDecorate, [Operand::IdRef(group), targets @ ..]) => {
                let group = self.decorations.get(group).cloned().unwrap_or_default();
                for target in numbers(targets) {
                    self.decorations.entry(target).or_default().extend(group.iter().cloned());
                }
            }
            (Op::GroupMemberDecorate, [Operand::IdRef(group), targets @ ..]) => {
                let group = self.decorations.get(group).cloned().unwrap_or_default();
                for pair in numbers(targets).chunks_exact(2) {
                    self.member_decorations.entry((pair[0], pair[1])).or_default().extend(group.iter().cloned());
                }
            }
            _ => {
                if let Some(id) = i.result_id {
                    self.order.push(id);
                    self.globals.insert(id, i);
                }
            }
        }
    }

    /// Types are made of earlier types, pointers that were announced excepted, and do not nest absurdly.
    fn check_types(&self) -> Result<()> {
        let mut nesting: HashMap<u32, usize> = HashMap::new();
        for &id in &self.order {
            let i = &self.globals[&id];
            let parts = match i.class.opcode {
                Op::TypeStruct | Op::TypeFunction => ids(i),
                Op::TypeArray | Op::TypeRuntimeArray | Op::TypeVector | Op::TypeMatrix => {
                    ids(i).into_iter().take(1).collect()
                }
                _ => vec![],
            };
            let mut depth = 1;
            for part in parts {
                let inner = match (nesting.get(&part), self.globals.get(&part)) {
                    (Some(depth), _) => *depth,
                    (None, Some(p)) if p.class.opcode == Op::TypePointer => 1,
                    _ => return invalid(format!("type %{id} is made of %{part}, which is no type defined before it")),
                };
                depth = depth.max(inner + 1);
            }
            if depth > MAX_NESTING {
                return invalid(format!("type %{id} nests more than {MAX_NESTING} types deep"));
            }
            nesting.insert(id, depth);
        }
        Ok(())
    }

    /// The instruction that defines a type, constant or global variable.
    pub fn global_op(&self, id: u32) -> Option<(Op, &[Operand])> {
        self.globals.get(&id).map(|i| (i.class.opcode, i.operands.as_slice()))
    }

    /// The name that the module's debug information gives.
    pub fn name(&self, id: u32) -> Option<&str> {
        self.names.get(&id).map(String::as_str).filter(|n| !n.is_empty())
    }

    /// A struct member's name, or its number where the debug information was stripped.
    pub fn member_name(&self, id: u32, member: u32) -> String {
        match self.member_names.get(&(id, member)) {
            Some(name) if !name.is_empty() => format!("'{name}'"),
            _ => format!("number {member}"),
        }
    }

    pub fn decoration(&self, id: u32, decoration: Decoration) -> Option<&[u32]> {
        find(self.decorations.get(&id), decoration)
    }

    pub fn member_decoration(&self, id: u32, member: u32, decoration: Decoration) -> Option<&[u32]> {
        find(self.member_decorations.get(&(id, member)), decoration)
    }
}

fn find(decorations: Option<&Vec<Decorated>>, decoration: Decoration) -> Option<&[u32]> {
    decorations?.iter().find(|d| d.decoration == decoration).map(|d| d.literals.as_slice())
}

/// An instruction's ids other than result and result type.
pub(crate) fn ids(i: &Instruction) -> Vec<u32> {
    i.operands.iter().filter_map(id_of).collect()
}

fn id_of(operand: &Operand) -> Option<u32> {
    match operand {
        Operand::IdRef(id) | Operand::IdScope(id) | Operand::IdMemorySemantics(id) => Some(*id),
        _ => None,
    }
}

fn numbers(operands: &[Operand]) -> Vec<u32> {
    let number = |o: &Operand| match o {
        Operand::LiteralBit32(v) => Some(*v),
        Operand::BuiltIn(b) => Some(*b as u32),
        other => id_of(other),
    };
    operands.iter().filter_map(number).collect()
}

fn in_byte_order(words: &[u32]) -> Result<Vec<u32>> {
    match words.first() {
        None => invalid("it is empty"),
        Some(&rspirv::spirv::MAGIC_NUMBER) => Ok(words.to_vec()),
        Some(w) if w.swap_bytes() == rspirv::spirv::MAGIC_NUMBER => Ok(words.iter().map(|w| w.swap_bytes()).collect()),
        Some(w) => invalid(format!(
            "it starts with {w:#010x} instead of SPIR-V's magic number {:#010x}",
            rspirv::spirv::MAGIC_NUMBER
        )),
    }
}

/// Checks the words of each instruction, and takes out what rspirv's parser cannot read: it expects a fixed number of
/// literals in `OpSpecConstantOp`. In their place stand `OpUndef` and `OpNop`, so that offsets stay.
fn split(mut words: Vec<u32>) -> Result<(Vec<u32>, HashMap<u32, SpecOp>)> {
    let mut spec_ops = HashMap::new();
    if words.len() < 5 {
        return invalid(format!("its header has {} words instead of 5: it is truncated", words.len()));
    }
    let mut at = 5;
    while at < words.len() {
        let (count, opcode) = ((words[at] >> 16) as usize, words[at] & 0xffff);
        let left = words.len() - at;
        if count == 0 {
            return invalid(format!("word {at}: an instruction of no words"));
        }
        if count > left {
            return invalid(format!("word {at}: an instruction of {count} words with {left} left: it is truncated"));
        }
        if opcode == Op::SpecConstantOp as u32 {
            let instruction = &mut words[at..at + count];
            let &mut [_, _, result, op, ref operands @ ..] = instruction else {
                return invalid(format!("word {at}: OpSpecConstantOp has too few operands"));
            };
            let Some(op) = Op::from_u32(op) else {
                return invalid(format!("word {at}: OpSpecConstantOp with the unknown operation {op}"));
            };
            spec_ops.insert(result, SpecOp { op, operands: operands.to_vec() });
            instruction[0] = 3 << 16 | Op::Undef as u32;
            instruction[3..].fill(1 << 16 | Op::Nop as u32);
        }
        at += count;
    }
    Ok((words, spec_ops))
}

/// Every id is below the bound, defined once, and defined somewhere if it is used.
fn check_ids(list: &List, spec_ops: &HashMap<u32, SpecOp>, bound: u32) -> Result<()> {
    let mut defined = HashSet::new();
    for id in list.0.iter().filter_map(|i| i.result_id) {
        if id == 0 || id >= bound {
            return invalid(format!("id %{id} is not below the bound {bound}"));
        }
        if !defined.insert(id) {
            return invalid(format!("id %{id} is defined twice"));
        }
    }
    let missing = |id: &u32| !defined.contains(id);
    for i in &list.0 {
        // Debug information may name what an optimiser removed.
        if matches!(i.class.opcode, Op::Name | Op::MemberName) {
            continue;
        }
        if let Some(id) = i.result_type.into_iter().chain(i.operands.iter().filter_map(id_of)).find(missing) {
            return invalid(format!("Op{} uses id %{id}, which nothing defines", i.class.opname));
        }
    }
    for (result, s) in spec_ops {
        if let Some(id) = s.operands[..s.ids()].iter().find(|id| missing(id)) {
            return invalid(format!("the specialization constant %{result} uses id %{id}, which nothing defines"));
        }
    }
    Ok(())
}

impl SpecOp {
    /// How many of the operands, from the first, are ids; the rest are literals.
    fn ids(&self) -> usize {
        let ids = match self.op {
            Op::CompositeExtract => 1,
            Op::CompositeInsert | Op::VectorShuffle => 2,
            _ => self.operands.len(),
        };
        ids.min(self.operands.len())
    }
}

/// All instructions, in order.
#[derive(Default)]
struct List(Vec<Instruction>);

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
    fn consume_instruction(&mut self, i: Instruction) -> ParseAction {
        self.0.push(i);
        ParseAction::Continue
    }
}
