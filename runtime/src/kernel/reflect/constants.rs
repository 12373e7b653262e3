//! The values of a module's integer constants, specialization included: workgroup sizes and array lengths rest on them.

use super::module::Module;
use crate::{
    Error, Result,
    kernel::{
        layout::{Scalar, TypeLayout},
        types::GpuStruct,
    },
};
use rspirv::dr::Operand;
use rspirv::spirv::{Decoration, Op};
use std::collections::{BTreeMap, HashMap};

/// A value for a specialization constant.
#[derive(Clone, Debug)]
pub(crate) struct Override {
    layout: TypeLayout,
    /// The value's bytes, as `VkSpecializationMapEntry` wants them; meaningful for scalars only.
    pub bytes: Vec<u8>,
}

impl Override {
    /// Reflection refuses values that are no numbers, so padding of others does not matter.
    pub fn of<T: GpuStruct>(value: T) -> Self {
        let mut bytes = vec![0; size_of::<T>()];
        super::super::encode::copy_used(&value, &mut bytes);
        Override { layout: T::LAYOUT, bytes }
    }
}

/// What a specialization constant is in the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ConstantKind {
    /// 4 bytes, 0 or 1.
    Bool,
    /// Integer of so many bits.
    Int { bits: u32, signed: bool },
    /// Floating-point number of so many bits.
    Float { bits: u32 },
}

impl ConstantKind {
    /// Bytes of a value, as Vulkan takes it.
    pub fn size(self) -> usize {
        match self {
            ConstantKind::Bool => 4,
            ConstantKind::Int { bits, .. } | ConstantKind::Float { bits } => bits as usize / 8,
        }
    }

    fn name(self) -> String {
        match self {
            ConstantKind::Bool => "bool".into(),
            ConstantKind::Int { bits, signed } => format!("{}{bits}", if signed { "i" } else { "u" }),
            ConstantKind::Float { bits } => format!("f{bits}"),
        }
    }

    /// Integers may come with the other sign; a bool comes as a 32-bit integer.
    fn takes(self, scalar: Scalar) -> bool {
        let float = matches!(scalar, Scalar::F32 | Scalar::F64);
        self.size() == scalar.size() && float == matches!(self, ConstantKind::Float { .. })
    }
}

/// A specialization constant of the module.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SpecConstant {
    pub spec_id: u32,
    pub name: Option<String>,
    pub kind: ConstantKind,
}

/// Values by id; what is no integer, or computed in a way not followed here, is missing.
#[derive(Debug, Default)]
pub(crate) struct Constants {
    values: HashMap<u32, u64>,
    composites: HashMap<u32, Vec<u32>>,
    sizes: HashMap<u32, u64>,
    pub specialized: Vec<SpecConstant>,
}

impl Constants {
    /// Evaluates the module's constants with `overrides` by specialization id.
    pub fn evaluate(kernel: &str, module: &Module, overrides: &BTreeMap<u32, Override>) -> Result<Self> {
        let mut all = Constants::default();
        for &id in &module.order {
            let i = &module.globals[&id];
            let kind = i.result_type.and_then(|t| kind(module, t));
            let own = match (i.class.opcode, i.operands.first()) {
                (Op::Constant | Op::SpecConstant, Some(Operand::LiteralBit32(v))) => Some(u64::from(*v)),
                (Op::Constant | Op::SpecConstant, Some(Operand::LiteralBit64(v))) => Some(*v),
                (Op::ConstantTrue | Op::SpecConstantTrue, _) => Some(1),
                (Op::ConstantFalse | Op::SpecConstantFalse | Op::ConstantNull, _) => Some(0),
                (Op::ConstantComposite | Op::SpecConstantComposite, _) => {
                    all.composites.insert(id, super::module::ids(i));
                    None
                }
                _ => module.spec_ops.get(&id).and_then(|s| all.operation(s.op, &s.operands, &mut None)),
            };
            // A composite constant that is extracted from another.
            if let Some(s) = module.spec_ops.get(&id) {
                let mut part = None;
                all.operation(s.op, &s.operands, &mut part);
                if let Some(part) = part.and_then(|p| all.composites.get(&p).cloned()) {
                    all.composites.insert(id, part);
                }
            }
            let is_spec = matches!(i.class.opcode, Op::SpecConstant | Op::SpecConstantTrue | Op::SpecConstantFalse);
            let spec_id = module.decoration(id, Decoration::SpecId).and_then(|l| l.first()).copied();
            let mut value = own;
            if let (true, Some(spec_id), Some(kind)) = (is_spec, spec_id, kind) {
                let name = module.name(id).map(str::to_string);
                all.specialized.push(SpecConstant { spec_id, name, kind });
                if let Some(o) = overrides.get(&spec_id) {
                    value = Some(given(kernel, spec_id, kind, o)?);
                }
            }
            if let Some(v) = value {
                all.values.insert(id, truncate(v, kind));
            }
        }
        all.check_ids(kernel, overrides)?;
        all.sizes = super::types::sizes(module, &all);
        Ok(all)
    }

    /// Bytes of a type, which may rest on constants: array lengths.
    pub fn size(&self, ty: u32) -> Option<u64> {
        self.sizes.get(&ty).copied()
    }

    /// The value of an integer or bool constant.
    pub fn value(&self, id: u32) -> Option<u64> {
        self.values.get(&id).copied()
    }

    /// The constants that a composite constant is made of.
    pub fn parts(&self, id: u32) -> Option<&[u32]> {
        self.composites.get(&id).map(Vec::as_slice)
    }

    fn check_ids(&self, kernel: &str, overrides: &BTreeMap<u32, Override>) -> Result<()> {
        let has = |id: &u32| self.specialized.iter().any(|c| c.spec_id == *id);
        let Some(id) = overrides.keys().find(|id| !has(id)) else { return Ok(()) };
        let list: Vec<_> = self
            .specialized
            .iter()
            .map(|c| {
                format!(
                    "{}{} ({})",
                    c.spec_id,
                    c.name.iter().map(|n| format!(" '{n}'")).collect::<String>(),
                    c.kind.name()
                )
            })
            .collect();
        let list = if list.is_empty() { "none".into() } else { list.join(", ") };
        let reason = format!("the module has no such constant; it has: {list}");
        Err(Error::BadConstant { kernel: kernel.into(), id: *id, reason })
    }

    /// The operations that sizes are computed with. `part` is set for a CompositeExtract.
    fn operation(&self, op: Op, operands: &[u32], part: &mut Option<u32>) -> Option<u64> {
        if op == Op::CompositeExtract {
            let (&composite, path) = operands.split_first()?;
            let found = path.iter().try_fold(composite, |at, index| self.parts(at)?.get(*index as usize).copied())?;
            *part = Some(found);
            return self.value(found);
        }
        let v: Vec<u64> = operands.iter().map(|id| self.value(*id)).collect::<Option<_>>()?;
        Some(match (op, v.as_slice()) {
            (Op::IAdd, [a, b]) => a.wrapping_add(*b),
            (Op::ISub, [a, b]) => a.wrapping_sub(*b),
            (Op::IMul, [a, b]) => a.wrapping_mul(*b),
            (Op::UDiv, [a, b]) => a.checked_div(*b)?,
            (Op::UMod, [a, b]) => a.checked_rem(*b)?,
            (Op::ShiftLeftLogical, [a, b]) => a.checked_shl(u32::try_from(*b).ok()?)?,
            (Op::ShiftRightLogical, [a, b]) => a.checked_shr(u32::try_from(*b).ok()?)?,
            (Op::BitwiseAnd, [a, b]) => a & b,
            (Op::BitwiseOr, [a, b]) => a | b,
            (Op::UConvert, [a]) => *a,
            (Op::IEqual, [a, b]) => u64::from(a == b),
            (Op::INotEqual, [a, b]) => u64::from(a != b),
            (Op::UGreaterThan, [a, b]) => u64::from(a > b),
            (Op::ULessThan, [a, b]) => u64::from(a < b),
            (Op::LogicalNot, [a]) => u64::from(*a == 0),
            (Op::Select, [c, a, b]) => {
                if *c != 0 {
                    *a
                } else {
                    *b
                }
            }
            _ => return None,
        })
    }
}

fn given(kernel: &str, id: u32, kind: ConstantKind, value: &Override) -> Result<u64> {
    let bad = |reason| Err(Error::BadConstant { kernel: kernel.into(), id, reason });
    match value.layout {
        TypeLayout::Scalar(s) if kind.takes(s) => {
            let mut bytes = [0; 8];
            bytes[..value.bytes.len()].copy_from_slice(&value.bytes);
            let v = u64::from_le_bytes(bytes);
            match kind {
                ConstantKind::Bool => Ok(u64::from(v != 0)),
                _ => Ok(v),
            }
        }
        other => {
            let hint = if kind == ConstantKind::Bool { "; pass 0u32 or 1u32" } else { "" };
            bad(format!(
                "it is {} in the shader ({} bytes), the value given is {other} ({} bytes){hint}",
                kind.name(),
                kind.size(),
                other.size()
            ))
        }
    }
}

pub(crate) fn kind(module: &Module, ty: u32) -> Option<ConstantKind> {
    match module.global_op(ty)? {
        (Op::TypeBool, _) => Some(ConstantKind::Bool),
        (Op::TypeInt, [Operand::LiteralBit32(bits @ (8 | 16 | 32 | 64)), Operand::LiteralBit32(s)]) => {
            Some(ConstantKind::Int { bits: *bits, signed: *s != 0 })
        }
        // Another encoding than IEEE 754 is an operand more.
        (Op::TypeFloat, [Operand::LiteralBit32(bits @ (16 | 32 | 64))]) => Some(ConstantKind::Float { bits: *bits }),
        _ => None,
    }
}

/// Narrow constants are stored sign-extended in a word; arithmetic wraps at the type's width.
fn truncate(value: u64, kind: Option<ConstantKind>) -> u64 {
    match kind {
        Some(ConstantKind::Int { bits, .. }) if bits < 64 => value & ((1 << bits) - 1),
        _ => value,
    }
}
