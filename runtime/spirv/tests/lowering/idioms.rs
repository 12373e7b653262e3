//! The corpus has what shaders do with pointers: an instruction or a decoration that no module has is one that nothing tests.

use std::collections::{BTreeSet, HashMap};

use rspirv::{
    dr::{Instruction, Operand},
    spirv::{Decoration, Op, StorageClass},
};

use crate::{instructions::instructions, modules::corpus};

/// Instructions that take or make a pointer to memory with a physical address.
const AT_POINTERS: [Op; 33] = [
    Op::Load,
    Op::Store,
    Op::CopyMemory,
    Op::AtomicLoad,
    Op::AtomicStore,
    Op::AtomicExchange,
    Op::AtomicCompareExchange,
    Op::AtomicIIncrement,
    Op::AtomicIDecrement,
    Op::AtomicIAdd,
    Op::AtomicISub,
    Op::AtomicSMin,
    Op::AtomicUMin,
    Op::AtomicSMax,
    Op::AtomicUMax,
    Op::AtomicAnd,
    Op::AtomicOr,
    Op::AtomicXor,
    Op::AtomicFAddEXT,
    Op::AtomicFMinEXT,
    Op::AtomicFMaxEXT,
    Op::AccessChain,
    Op::InBoundsAccessChain,
    Op::PtrAccessChain,
    Op::Phi,
    Op::Select,
    Op::Bitcast,
    Op::ConvertPtrToU,
    Op::ConvertUToPtr,
    Op::CopyObject,
    Op::FunctionCall,
    Op::FunctionParameter,
    Op::ReturnValue,
];

/// Instructions that have to be beside dereferences, or be said of what they are about.
const ANYWHERE: [Op; 17] = [
    Op::TypeForwardPointer,
    Op::SpecConstant,
    Op::SpecConstantOp,
    Op::CopyLogical,
    Op::Undef,
    Op::Variable,
    Op::Line,
    Op::NoLine,
    Op::String,
    Op::ExtInst,
    Op::DecorationGroup,
    Op::GroupMemberDecorate,
    Op::GroupNonUniformIAdd,
    Op::GroupNonUniformBallot,
    Op::ControlBarrier,
    Op::MemoryBarrier,
    Op::Switch,
];

const DECORATIONS: [Decoration; 13] = [
    Decoration::Coherent,
    Decoration::Volatile,
    Decoration::Restrict,
    Decoration::Aliased,
    Decoration::RestrictPointer,
    Decoration::AliasedPointer,
    Decoration::NonWritable,
    Decoration::NonReadable,
    Decoration::RowMajor,
    Decoration::ColMajor,
    Decoration::MatrixStride,
    Decoration::ArrayStride,
    Decoration::FPRoundingMode,
];

/// The atomics that there are, by the width of what they work on.
const ATOMIC_WIDTHS: [(&str, u32); 4] = [("TypeInt", 32), ("TypeInt", 64), ("TypeFloat", 32), ("TypeFloat", 64)];

/// A module's instructions by their results.
struct Results<'m>(HashMap<u32, &'m Instruction>);

impl Results<'_> {
    fn type_of(&self, id: u32) -> Option<&Instruction> {
        self.0.get(&self.0.get(&id)?.result_type?).copied()
    }

    /// What a pointer to memory with a physical address points to.
    fn pointee(&self, id: u32) -> Option<&Instruction> {
        match &self.type_of(id)?.operands[..] {
            [Operand::StorageClass(StorageClass::PhysicalStorageBuffer), Operand::IdRef(ty)] => self.0.get(ty).copied(),
            _ => None,
        }
    }
}

#[test]
fn nothing_is_left_out() {
    let (mut at_pointers, mut anywhere, mut decorations, mut widths) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for module in corpus() {
        let all = instructions(&module.words);
        let results = Results(all.iter().filter_map(|inst| Some((inst.result_id?, inst))).collect());
        for inst in &all {
            let op = inst.class.opcode;
            anywhere.insert(op);
            let mut ids = inst.operands.iter().filter_map(Operand::id_ref_any).chain(inst.result_id);
            let pointee = ids.find_map(|id| results.pointee(id));
            if pointee.is_some() {
                at_pointers.insert(op);
            }
            if let Some(number) = pointee.filter(|_| inst.class.opname.starts_with("Atomic"))
                && let [Operand::LiteralBit32(bits), ..] = number.operands[..]
            {
                widths.insert((number.class.opname, bits));
            }
            let decoration = |operand: &Operand| if let Operand::Decoration(d) = operand { Some(*d) } else { None };
            decorations.extend(inst.operands.iter().find_map(decoration));
        }
    }
    let missing = [
        format!("{:?}", AT_POINTERS.iter().filter(|op| !at_pointers.contains(*op)).collect::<Vec<_>>()),
        format!("{:?}", ANYWHERE.iter().filter(|op| !anywhere.contains(*op)).collect::<Vec<_>>()),
        format!("{:?}", DECORATIONS.iter().filter(|of| !decorations.contains(*of)).collect::<Vec<_>>()),
        format!("{:?}", ATOMIC_WIDTHS.iter().filter(|width| !widths.contains(*width)).collect::<Vec<_>>()),
    ];
    assert_eq!(missing, ["[]"; 4], "no module of the corpus has these");
}
