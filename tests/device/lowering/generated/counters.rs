//! The shared counters: an array for each commutative operation, whose order does not show in the result.

use super::types::{Class, Length, Member, Promise, Scalar, Struct, Type, round_up};
use rspirv::spirv::Op;

/// Elements of each array.
pub const ELEMENTS: u32 = 4;

/// The arrays, in the order of the struct's members: what is done to their elements, and what those are.
pub const COUNTERS: [(Op, Scalar); 12] = [
    (Op::AtomicIAdd, Scalar::U32),
    (Op::AtomicOr, Scalar::U64),
    (Op::AtomicXor, Scalar::U32),
    (Op::AtomicUMax, Scalar::U64),
    (Op::AtomicSMin, Scalar::I32),
    (Op::AtomicSMax, Scalar::I64),
    (Op::AtomicAnd, Scalar::U32),
    (Op::AtomicISub, Scalar::I64),
    (Op::AtomicUMin, Scalar::U32),
    (Op::AtomicIIncrement, Scalar::U32),
    (Op::AtomicIDecrement, Scalar::U64),
    (Op::AtomicFAddEXT, Scalar::F32),
];

/// The struct of all arrays.
pub fn block() -> Struct {
    let mut offset = 0;
    let members = COUNTERS
        .iter()
        .map(|(_, scalar)| {
            offset = round_up(offset, scalar.bytes());
            let member = Member {
                ty: Type::Array {
                    element: Box::new(Type::Scalar(*scalar)),
                    length: ELEMENTS,
                    stride: scalar.bytes(),
                    kind: Length::Fixed,
                },
                offset,
                promise: Promise::None,
            };
            offset += ELEMENTS * scalar.bytes();
            member
        })
        .collect();
    Struct { block: true, class: Class::Own, members, size: round_up(offset, 8) }
}
