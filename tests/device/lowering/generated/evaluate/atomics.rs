//! Atomics, which are nothing special where invocations run one after the other.

use super::memory::{Memory, Place, Value};
use super::module::{Module, signed, truncate};
use super::run::bits_at;
use rspirv::spirv::Op;

pub fn atomic(
    module: &Module,
    memory: &mut Memory,
    op: Op,
    ty: u32,
    place: Place,
    operands: &[Option<Value>],
) -> Result<Option<Value>, String> {
    let bytes = module.width(ty)?;
    let value = |index| bits_at(operands, index);
    let old = memory.load(module, ty, place)?.bits()?;
    let number = |bits| signed(bits, bytes);
    let new = match op {
        Op::AtomicLoad => old,
        Op::AtomicStore | Op::AtomicExchange => value(3)?,
        Op::AtomicCompareExchange => {
            let (new, expected) = (value(4)?, value(5)?);
            if old == expected { new } else { old }
        }
        Op::AtomicIIncrement => old.wrapping_add(1),
        Op::AtomicIDecrement => old.wrapping_sub(1),
        Op::AtomicIAdd => old.wrapping_add(value(3)?),
        Op::AtomicISub => old.wrapping_sub(value(3)?),
        Op::AtomicAnd => old & value(3)?,
        Op::AtomicOr => old | value(3)?,
        Op::AtomicXor => old ^ value(3)?,
        Op::AtomicUMin => old.min(value(3)?),
        Op::AtomicUMax => old.max(value(3)?),
        Op::AtomicSMin => number(old).min(number(value(3)?)) as u64,
        Op::AtomicSMax => number(old).max(number(value(3)?)) as u64,
        Op::AtomicFAddEXT => (f32::from_bits(old as u32) + f32::from_bits(value(3)? as u32)).to_bits().into(),
        other => return Err(format!("cannot evaluate {other:?}")),
    };
    memory.store(module, ty, place, &Value::Bits(truncate(new, bytes)))?;
    Ok((op != Op::AtomicStore).then_some(Value::Bits(old)))
}
