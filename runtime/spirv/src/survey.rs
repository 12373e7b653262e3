//! Finds the dereferences of a function and what is done to pointers besides.

use crate::{
    error::Result,
    facts::{Access, Block, Facts},
    memory::MemoryOperands,
    module::{Module, invalid},
    place::{Places, is_chain},
    types::Types,
};
use rspirv::spirv::{Op, StorageClass};
use rustc_hash::FxHashSet as HashSet;
use std::ops::Range;

/// One side of an instruction that accesses memory through a pointer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dereference {
    /// The instruction.
    pub index: usize,
    pub kind: Kind,
    pub pointer: u32,
    /// Of the access through this pointer.
    pub operands: MemoryOperands,
}

/// What an access is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Load,
    Store { value: u32 },
    Atomic { writes: bool },
    CopySource,
    CopyTarget,
}

/// The dereferences of a function, in the order of its instructions, a copy's source before its target; and the places
/// of its pointers.
pub(crate) fn dereferences(
    module: &Module<'_>,
    types: &Types,
    places: &mut Places,
    function: Range<usize>,
) -> Result<Vec<Dereference>> {
    let mut found = vec![];
    for index in function {
        let inst = &module.insts[index];
        let words = module.operands(inst);
        let translated = |pointer: u32| types.pointee(module.type_of(pointer)).is_some();
        match (inst.op, words) {
            (op, _) if is_chain(op) && types.pointee(inst.ty).is_some() => places.follow(types, module, index),
            (Op::Load, [pointer, rest @ ..]) if translated(*pointer) => {
                let operands = read_operands(module, index, rest)?.0;
                found.push(Dereference { index, kind: Kind::Load, pointer: *pointer, operands });
            }
            (Op::Store, [pointer, value, rest @ ..]) if translated(*pointer) => {
                let operands = read_operands(module, index, rest)?.0;
                found.push(Dereference { index, kind: Kind::Store { value: *value }, pointer: *pointer, operands });
            }
            (Op::CopyMemory, [target, source, rest @ ..]) => {
                let (to, from) = copy_operands(module, index, rest)?;
                if translated(*source) {
                    found.push(Dereference { index, kind: Kind::CopySource, pointer: *source, operands: from });
                }
                if translated(*target) {
                    found.push(Dereference { index, kind: Kind::CopyTarget, pointer: *target, operands: to });
                }
            }
            (op, [pointer, ..]) if is_atomic(op) && translated(*pointer) => {
                let kind = Kind::Atomic { writes: op != Op::AtomicLoad };
                found.push(Dereference { index, kind, pointer: *pointer, operands: MemoryOperands::default() });
            }
            _ => {}
        }
    }
    Ok(found)
}

/// The memory operands of a copy: for its target and its source. One set, as versions before 1.4 have it, is for both.
pub(crate) fn copy_operands(
    module: &Module<'_>,
    index: usize,
    words: &[u32],
) -> Result<(MemoryOperands, MemoryOperands)> {
    let (to, rest) = read_operands(module, index, words)?;
    let from = if rest.is_empty() { to } else { read_operands(module, index, rest)?.0 };
    Ok((to.of_store(), from.of_load()))
}

fn read_operands<'w>(module: &Module<'_>, index: usize, words: &'w [u32]) -> Result<(MemoryOperands, &'w [u32])> {
    let Some((operands, rest)) = MemoryOperands::read(words) else {
        return Err(module.unsupported(index, "it has memory operands that are not known here"));
    };
    match operands.alignment {
        Some(alignment) if !alignment.is_power_of_two() => {
            let what = module.insts[index].describe();
            invalid(format!("{what} is aligned to {alignment} bytes, which is no power of two"))
        }
        _ => Ok((operands, rest)),
    }
}

/// Fails for the first instruction of a function that does something to a pointer, or through one, that is neither a
/// dereference known here nor leaves the pointer's value as it is.
pub(crate) fn refuse_unknown(module: &Module<'_>, types: &Types, function: Range<usize>) -> Result<()> {
    for index in function {
        let inst = &module.insts[index];
        if inst.op == Op::ConvertUToAccelerationStructureKHR {
            let reason = "the device follows this address by itself: bind the acceleration structure instead";
            return Err(module.unsupported(index, reason));
        }
        let pointer = |id: &u32| types.pointee(module.type_of(*id)).is_some();
        let harmless = keeps_value(inst.op)
            || is_chain(inst.op)
            || is_atomic(inst.op)
            || inst.op == Op::ExtInst && only_informs(module, module.operands(inst));
        if !harmless && module.uses(inst).iter().any(pointer) {
            let reason = "it is not known how it uses its pointer: load from the pointer before, store to it after";
            return Err(module.unsupported(index, reason));
        }
    }
    Ok(())
}

/// Fails if the module has pointers whose accesses cannot be told from their types.
pub(crate) fn refuse_untyped(module: &Module<'_>) -> Result<()> {
    let physical = StorageClass::PhysicalStorageBuffer as u32;
    for (index, inst) in module.insts.iter().enumerate() {
        let untyped = inst.op == Op::TypeUntypedPointerKHR && module.operands(inst).first() == Some(&physical);
        if untyped {
            return Err(module.unsupported(index, "untyped pointers are not supported: use typed ones"));
        }
        if inst.op == Op::Function {
            break;
        }
    }
    Ok(())
}

/// What was told of blocks and members so far: telling it again would visit all members of a block for each access.
pub(crate) type Told = HashSet<(u32, Option<u32>, Access)>;

/// Adds an access to the facts.
pub(crate) fn note(facts: &mut Facts, told: &mut Told, module: &Module<'_>, block: (u32, Option<u32>), kind: Kind) {
    let access = match kind {
        Kind::Load | Kind::CopySource => Access { read: true, ..Access::default() },
        Kind::Store { .. } | Kind::CopyTarget => Access { written: true, ..Access::default() },
        Kind::Atomic { writes } => Access { read: true, written: writes, atomic: true },
    };
    if !told.insert((block.0, block.1, access)) {
        return;
    }
    let members = match block.1 {
        Some(member) => member..member + 1,
        None => 0..module.def(block.0).map_or(0, |inst| module.operands(inst).len() as u32),
    };
    let name = || module.name(block.0).map(str::to_owned);
    let entry = facts.blocks.entry(block.0).or_insert_with(|| Block { name: name(), ..Block::default() });
    for member in members {
        let known = entry.members.entry(member).or_default();
        known.read |= access.read;
        known.written |= access.written;
        known.atomic |= access.atomic;
    }
}

/// Whether an extended instruction is of a set that says something and does nothing.
fn only_informs(module: &Module<'_>, operands: &[u32]) -> bool {
    let import = operands.first().and_then(|set| module.def(*set)).filter(|inst| inst.op == Op::ExtInstImport);
    import.is_some_and(|inst| {
        let longest = DEBUG_SETS.iter().map(|name| name.len()).max().unwrap_or(0).max(NON_SEMANTIC.len());
        let bytes = module.operands(inst).iter().flat_map(|word| word.to_le_bytes());
        let name: Vec<u8> = bytes.take_while(|byte| *byte != 0).take(longest + 1).collect();
        name.starts_with(NON_SEMANTIC) || DEBUG_SETS.contains(&&name[..])
    })
}

/// What the names of such sets start with.
const NON_SEMANTIC: &[u8] = b"NonSemantic.";
/// Sets of debug information from before that rule; DXC's older one is among them.
const DEBUG_SETS: [&[u8]; 2] = [b"OpenCL.DebugInfo.100", b"DebugInfo"];

/// Whether an instruction that has a pointer among its operands accesses memory as [`dereferences`] finds it, or only
/// passes the pointer's value on.
fn keeps_value(op: Op) -> bool {
    matches!(
        op,
        Op::Load
            | Op::Store
            | Op::CopyMemory
            | Op::Phi
            | Op::Select
            | Op::CopyObject
            | Op::CopyLogical
            | Op::Bitcast
            | Op::ConvertPtrToU
            | Op::PtrEqual
            | Op::PtrNotEqual
            | Op::PtrDiff
            | Op::FunctionCall
            | Op::ReturnValue
            | Op::CompositeConstruct
            | Op::CompositeInsert
            | Op::Variable
    )
}

fn is_atomic(op: Op) -> bool {
    matches!(
        op,
        Op::AtomicLoad
            | Op::AtomicStore
            | Op::AtomicExchange
            | Op::AtomicCompareExchange
            | Op::AtomicIIncrement
            | Op::AtomicIDecrement
            | Op::AtomicIAdd
            | Op::AtomicISub
            | Op::AtomicSMin
            | Op::AtomicUMin
            | Op::AtomicSMax
            | Op::AtomicUMax
            | Op::AtomicAnd
            | Op::AtomicOr
            | Op::AtomicXor
            | Op::AtomicFMinEXT
            | Op::AtomicFMaxEXT
            | Op::AtomicFAddEXT
    )
}
