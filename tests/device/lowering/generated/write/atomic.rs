//! Atomics.

use super::chain::Want;
use super::{Place, Writer};
use crate::lowering::generated::counters::{COUNTERS, ELEMENTS};
use crate::lowering::generated::picks::Picks;
use crate::lowering::generated::recipe::COUNTER;
use crate::lowering::generated::types::{Scalar, Type};
use rspirv::spirv::{Capability, MemorySemantics, Op};

const INTEGERS: [Op; 14] = [
    Op::AtomicIAdd,
    Op::AtomicISub,
    Op::AtomicAnd,
    Op::AtomicOr,
    Op::AtomicXor,
    Op::AtomicUMin,
    Op::AtomicUMax,
    Op::AtomicSMin,
    Op::AtomicSMax,
    Op::AtomicIIncrement,
    Op::AtomicIDecrement,
    Op::AtomicExchange,
    Op::AtomicCompareExchange,
    Op::AtomicLoad,
];

fn atomic(_: &Writer, ty: &Type) -> bool {
    matches!(ty, Type::Scalar(Scalar::U32 | Scalar::I32 | Scalar::U64 | Scalar::I64 | Scalar::F32))
}

impl Writer<'_> {
    /// Any operation on a word of the invocation's own; what it returns counts.
    pub fn atomic_step(&mut self, picks: &mut Picks) {
        self.note("atomic");
        let want = Want { such: &atomic, read: true, write: true, loose: false };
        let Some(place) = self.find(picks, &want) else { return };
        let Type::Scalar(scalar) = place.ty else { unreachable!("a scalar was wanted") };
        let op = match scalar.float() {
            // Bits that come and go are the same bits; sums of arbitrary ones might be no numbers.
            true => picks.of(&[Op::AtomicExchange, Op::AtomicLoad, Op::AtomicStore]),
            false if picks.percent(10) => Op::AtomicStore,
            false => picks.of(&INTEGERS),
        };
        let word = self.sum_now();
        let value = self.make(picks, word, &place.ty).expect("a scalar");
        if let Some(result) = self.atomic(picks, op, scalar, &place, value) {
            self.fold(result, &place.ty);
        }
    }

    fn atomic(&mut self, picks: &mut Picks, op: Op, scalar: Scalar, place: &Place, value: u32) -> Option<u32> {
        if scalar.bytes() == 8 {
            self.sections.need(Capability::Int64Atomics);
            self.saw("atomic.64 bits");
        } else {
            self.saw("atomic.32 bits");
        }
        self.note(format!("  {op:?} on {scalar:?}"));
        let scope = self.some_scope(picks);
        let semantics = self.semantics(picks, op);
        let ty = self.scalar(scalar);
        let before = [place.id, scope, semantics];
        let result = match op {
            Op::AtomicStore => {
                self.saw("atomic.store");
                self.act(op, &[place.id, scope, semantics, value]);
                return None;
            }
            Op::AtomicLoad => {
                self.saw("atomic.load");
                self.op(op, ty, &before)
            }
            Op::AtomicIIncrement | Op::AtomicIDecrement => {
                self.saw("atomic.increment");
                self.op(op, ty, &before)
            }
            Op::AtomicCompareExchange => {
                self.saw("atomic.compare and exchange");
                // Not stronger than those of finding what was expected, and no release.
                let unequal = self.u32(MemorySemantics::RELAXED.bits());
                // Half of them find what they expect.
                let expected = if picks.percent(50) { self.load(picks, place) } else { self.constant(scalar, 0) };
                self.op(op, ty, &[place.id, scope, semantics, unequal, value, expected])
            }
            _ => {
                self.saw(match (op, scalar.float()) {
                    (Op::AtomicFAddEXT, _) => "atomic.float add",
                    (Op::AtomicExchange, true) => "atomic.float exchange",
                    (Op::AtomicExchange, false) => "atomic.exchange",
                    _ => "atomic.arithmetic",
                });
                self.op(op, ty, &[place.id, scope, semantics, value])
            }
        };
        Some(result)
    }

    /// Memory semantics that the operation may have.
    fn semantics(&mut self, picks: &mut Picks, op: Op) -> u32 {
        let vulkan = self.recipe.vulkan_memory_model;
        let (acquires, releases) = match op {
            Op::AtomicLoad => (true, false),
            Op::AtomicStore => (false, true),
            _ => (true, true),
        };
        let mut mask = MemorySemantics::RELAXED;
        if self.recipe.fences && picks.percent(60) {
            mask = MemorySemantics::UNIFORM_MEMORY
                | match (acquires, releases) {
                    (true, true) => MemorySemantics::ACQUIRE_RELEASE,
                    (true, false) => MemorySemantics::ACQUIRE,
                    _ => MemorySemantics::RELEASE,
                };
            if vulkan && acquires {
                mask |= MemorySemantics::MAKE_VISIBLE;
            }
            if vulkan && releases {
                mask |= MemorySemantics::MAKE_AVAILABLE;
            }
            self.saw("atomic.semantics");
        }
        self.u32(mask.bits())
    }

    /// A commutative operation on a counter that all share; what it returns does not count.
    pub fn counter_step(&mut self, picks: &mut Picks) {
        self.note("counter");
        let number = picks.below(COUNTERS.len());
        let (op, scalar) = COUNTERS[number];
        let base = self.enter(COUNTER);
        let member = self.u32(number as u32);
        let index = self.dynamic(picks, ELEMENTS);
        let ty = Type::Scalar(scalar);
        let pointer = self.pointer_to(&ty, None);
        let id = self.op(Op::AccessChain, pointer, &[base.id, member, index]);
        let place = Place { id, ty, ..base };
        let word = self.sum_now();
        let value = if scalar.float() {
            self.sections.need(Capability::AtomicFloat32AddEXT);
            self.sections.extensions.insert("SPV_EXT_shader_atomic_float_add");
            let (unsigned, float, mask) = (self.scalar(Scalar::U32), self.scalar(scalar), self.u32(63));
            // Whole numbers, whose sums are exact in any order.
            let small = self.op(Op::BitwiseAnd, unsigned, &[word, mask]);
            self.op(Op::ConvertUToF, float, &[small])
        } else {
            self.make(picks, word, &place.ty).expect("a scalar")
        };
        self.atomic(picks, op, scalar, &place, value);
        self.saw("atomic.shared");
    }
}
