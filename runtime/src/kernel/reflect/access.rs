//! Which alignments a kernel's loads and stores through pointers rest on, and which blocks it stores to.
//!
//! An access is booked on the type that its pointer was made for (the block of a GLSL reference): all pointers to one
//! block share its declared alignment. Where a shader makes pointers from integers, the integer is followed back to
//! the arguments that it came from.

use super::{constants::Constants, module::Module};
use rspirv::dr::{Instruction, Operand};
use rspirv::spirv::{MemoryAccess, Op, StorageClass};
use std::collections::{BTreeSet, HashMap, HashSet};

/// What is done through pointers of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Touch {
    /// The largest alignment in bytes that an access declares; 0 without an access.
    pub align: u32,
    /// Whether something is stored.
    pub written: bool,
}

impl Touch {
    fn merge(&mut self, other: Touch) {
        self.align = self.align.max(other.align);
        self.written |= other.written;
    }
}

/// All accesses through PhysicalStorageBuffer pointers that an entry point reaches.
#[derive(Debug, Default)]
pub(crate) struct Accesses {
    by_type: HashMap<u32, Touch>,
    by_member: HashMap<u32, Touch>,
    anywhere: Touch,
}

impl Accesses {
    pub fn find(module: &Module, constants: &Constants, body: &[&Instruction]) -> Self {
        let values = body.iter().filter_map(|i| Some((i.result_id?, *i))).collect();
        let trace = Trace { module, constants, values };
        let mut all = Accesses::default();
        for i in body {
            for (pointer, touch) in touches(i) {
                all.book(&trace, pointer, touch);
            }
        }
        all
    }

    /// Accesses through pointers to `ty`.
    pub fn through(&self, ty: u32) -> Touch {
        self.by_type.get(&ty).copied().unwrap_or_default()
    }

    /// Accesses through pointers that were made from the block's member, an integer.
    pub fn of_member(&self, member: u32) -> Touch {
        let mut touch = self.by_member.get(&member).copied().unwrap_or_default();
        touch.merge(self.anywhere);
        touch
    }

    fn book(&mut self, trace: &Trace<'_>, pointer: u32, mut touch: Touch) {
        let (mut at, mut physical) = (pointer, false);
        let mut seen = HashSet::new();
        while seen.insert(at) {
            let ty = trace.type_of(at);
            let Some((class, to)) = ty.and_then(|t| trace.pointer(t)) else { return };
            if class != StorageClass::PhysicalStorageBuffer {
                return;
            }
            if !physical {
                physical = true;
                // An access without a declared alignment (an atomic) needs its value's.
                let natural = constants_size(trace.constants, to);
                touch.align = if touch.align == 0 { natural } else { touch.align };
            }
            let Some(i) = trace.values.get(&at) else {
                self.by_type.entry(to).or_default().merge(touch);
                return;
            };
            let base = match (i.class.opcode, i.operands.first()) {
                (
                    Op::AccessChain
                    | Op::InBoundsAccessChain
                    | Op::PtrAccessChain
                    | Op::InBoundsPtrAccessChain
                    | Op::CopyObject,
                    Some(Operand::IdRef(base)),
                ) => *base,
                (Op::Bitcast | Op::ConvertUToPtr, Some(Operand::IdRef(from))) => {
                    self.by_type.entry(to).or_default().merge(touch);
                    if trace.type_of(*from).and_then(|t| trace.pointer(t)).is_none() {
                        return self.book_integer(trace, *from, touch);
                    }
                    *from
                }
                _ => {
                    self.by_type.entry(to).or_default().merge(touch);
                    return;
                }
            };
            at = base;
        }
    }

    fn book_integer(&mut self, trace: &Trace<'_>, integer: u32, touch: Touch) {
        match trace.members(integer) {
            Some(members) => members.iter().for_each(|m| self.by_member.entry(*m).or_default().merge(touch)),
            None => self.anywhere.merge(touch),
        }
    }
}

fn constants_size(constants: &Constants, ty: u32) -> u32 {
    constants.size(ty).and_then(|s| u32::try_from(s).ok()).filter(|s| s.is_power_of_two() && *s <= 16).unwrap_or(1)
}

/// The pointers that an instruction loads or stores through.
fn touches(i: &Instruction) -> Vec<(u32, Touch)> {
    let id = |n: usize| match i.operands.get(n) {
        Some(Operand::IdRef(id)) => Some(*id),
        _ => None,
    };
    let touch = |n: usize, written, align| id(n).map(|p| (p, Touch { align, written }));
    let declared = alignments(&i.operands);
    let first = declared.first().copied().unwrap_or(0);
    let found = match i.class.opcode {
        Op::Load => [touch(0, false, first), None],
        Op::Store => [touch(0, true, first), None],
        // One set of memory operands is for both sides, of two the second is the source's.
        Op::CopyMemory | Op::CopyMemorySized => {
            [touch(0, true, first), touch(1, false, declared.get(1).copied().unwrap_or(first))]
        }
        Op::AtomicLoad => [touch(0, false, 0), None],
        op if op.is_atomic() => [touch(0, true, 0), None],
        _ => [None, None],
    };
    found.into_iter().flatten().collect()
}

/// The alignment of each set of memory operands; 0 for one that declares none.
fn alignments(operands: &[Operand]) -> Vec<u32> {
    let set = |(n, o): (usize, &Operand)| match (o, operands.get(n + 1)) {
        (Operand::MemoryAccess(m), Some(Operand::LiteralBit32(a))) if m.contains(MemoryAccess::ALIGNED) => Some(*a),
        (Operand::MemoryAccess(_), _) => Some(0),
        _ => None,
    };
    operands.iter().enumerate().filter_map(set).collect()
}

trait Atomic {
    fn is_atomic(&self) -> bool;
}

impl Atomic for Op {
    /// Atomics that change memory.
    fn is_atomic(&self) -> bool {
        matches!(
            self,
            Op::AtomicStore
                | Op::AtomicExchange
                | Op::AtomicCompareExchange
                | Op::AtomicCompareExchangeWeak
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
                | Op::AtomicFAddEXT
                | Op::AtomicFMinEXT
                | Op::AtomicFMaxEXT
                | Op::AtomicFlagTestAndSet
                | Op::AtomicFlagClear
        )
    }
}

struct Trace<'a> {
    module: &'a Module,
    constants: &'a Constants,
    values: HashMap<u32, &'a Instruction>,
}

impl Trace<'_> {
    fn type_of(&self, id: u32) -> Option<u32> {
        self.values.get(&id).copied().or(self.module.globals.get(&id)).and_then(|i| i.result_type)
    }

    fn pointer(&self, ty: u32) -> Option<(StorageClass, u32)> {
        match self.module.global_op(ty)? {
            (Op::TypePointer, [Operand::StorageClass(class), Operand::IdRef(to)]) => Some((*class, *to)),
            _ => None,
        }
    }

    /// The members of the argument block that a value is computed from; `None` if that cannot be told.
    fn members(&self, value: u32) -> Option<BTreeSet<u32>> {
        let (mut found, mut seen, mut open) = (BTreeSet::new(), HashSet::new(), vec![value]);
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            // Constants have no instruction here and come from no member.
            let Some(i) = self.values.get(&id) else { continue };
            match (i.class.opcode, i.operands.first()) {
                (Op::Load, Some(Operand::IdRef(pointer))) => match self.place(*pointer)? {
                    Place::Member(m) => _ = found.insert(m),
                    Place::Memory => {}
                },
                (Op::FunctionCall | Op::FunctionParameter, _) => return None,
                _ => open.extend(super::module::ids(i)),
            }
        }
        Some(found)
    }

    /// Where a load reads, as far as addresses may come from there.
    fn place(&self, pointer: u32) -> Option<Place> {
        let (class, _) = self.pointer(self.type_of(pointer)?)?;
        match class {
            StorageClass::PushConstant => {
                let i = self.values.get(&pointer)?;
                match (i.class.opcode, i.operands.as_slice()) {
                    (Op::AccessChain | Op::InBoundsAccessChain, [Operand::IdRef(base), Operand::IdRef(index), ..])
                        if !self.values.contains_key(base) =>
                    {
                        Some(Place::Member(u32::try_from(self.constants.value(*index)?).ok()?))
                    }
                    _ => None,
                }
            }
            // An address that memory holds is no argument, and no address comes from a built-in.
            StorageClass::PhysicalStorageBuffer | StorageClass::Input => Some(Place::Memory),
            _ => None,
        }
    }
}

enum Place {
    Member(u32),
    Memory,
}
