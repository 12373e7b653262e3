//! Values: those that loads give, those to store, indices and conditions.

use super::{Place, Writer};
use crate::lowering::generated::picks::Picks;
use crate::lowering::generated::types::{Scalar, Type};
use rspirv::spirv::Op;

impl Writer<'_> {
    /// What has been mixed of the loaded values up to here.
    pub fn sum_now(&mut self) -> u32 {
        let (word, sum) = (self.scalar(Scalar::U32), self.sum);
        self.op(Op::Load, word, &[sum])
    }

    /// Mixes all bits of a value into the sum.
    pub fn fold(&mut self, value: u32, ty: &Type) {
        let old = self.sum_now();
        let mixed = self.mix_all(old, value, ty);
        // High bits come down, so that the next index or condition depends on them.
        let (word, shift, sum) = (self.scalar(Scalar::U32), self.u32(15), self.sum);
        let high = self.op(Op::ShiftRightLogical, word, &[mixed, shift]);
        let new = self.op(Op::BitwiseXor, word, &[mixed, high]);
        self.act(Op::Store, &[sum, new]);
    }

    /// Mixes a word into another, so that its every bit and its place in the order count.
    fn mix(&mut self, old: u32, value: u32) -> u32 {
        let word = self.scalar(Scalar::U32);
        let both = self.op(Op::BitwiseXor, word, &[old, value]);
        let factor = self.u32(0x9E37_79B1);
        self.op(Op::IMul, word, &[both, factor])
    }

    fn mix_all(&mut self, old: u32, value: u32, ty: &Type) -> u32 {
        let parts: Vec<Type> = match ty {
            Type::Scalar(scalar) => return self.mix_scalar(old, value, *scalar),
            Type::Pointer(_) => {
                let address = self.address(value);
                return self.mix_scalar(old, address, Scalar::U64);
            }
            Type::Vector(scalar, components) => vec![Type::Scalar(*scalar); *components as usize],
            Type::Matrix { scalar, columns, rows, .. } => vec![Type::Vector(*scalar, *rows); *columns as usize],
            Type::Array { element, length, .. } => vec![*element.clone(); *length as usize],
            Type::Struct(index) => self.recipe.types.0[*index].members.iter().map(|member| member.ty.clone()).collect(),
        };
        parts.iter().enumerate().fold(old, |old, (index, ty)| {
            let id = self.ty(ty);
            let part = self.op(Op::CompositeExtract, id, &[value, index as u32]);
            self.mix_all(old, part, ty)
        })
    }

    fn mix_scalar(&mut self, old: u32, value: u32, scalar: Scalar) -> u32 {
        let bits = self.reinterpret(value, scalar, scalar.unsigned());
        let word = self.scalar(Scalar::U32);
        match scalar.bytes() {
            4 => self.mix(old, bits),
            8 => {
                let low = self.op(Op::UConvert, word, &[bits]);
                let (long, shift) = (self.scalar(Scalar::U64), self.u32(32));
                let high = self.op(Op::ShiftRightLogical, long, &[bits, shift]);
                let high = self.op(Op::UConvert, word, &[high]);
                let old = self.mix(old, low);
                self.mix(old, high)
            }
            _ => {
                let wide = self.op(Op::UConvert, word, &[bits]);
                self.mix(old, wide)
            }
        }
    }

    /// A scalar's bits as another scalar of the same width.
    pub fn reinterpret(&mut self, value: u32, from: Scalar, to: Scalar) -> u32 {
        if from == to {
            return value;
        }
        let ty = self.scalar(to);
        self.op(Op::Bitcast, ty, &[value])
    }

    /// The address that a pointer is.
    pub fn address(&mut self, pointer: u32) -> u32 {
        let long = self.scalar(Scalar::U64);
        self.op(Op::ConvertPtrToU, long, &[pointer])
    }

    /// A value of the type whose bits follow from a word; none if it holds a pointer that is not at hand.
    pub fn make(&mut self, picks: &mut Picks, word: u32, ty: &Type) -> Option<u32> {
        match ty {
            Type::Scalar(scalar) => Some(self.make_scalar(picks, word, *scalar)),
            Type::Pointer(block) => self.some_pointer(picks, *block),
            Type::Vector(scalar, components) => {
                let parts: Vec<u32> = (0..*components).map(|_| self.make_scalar(picks, word, *scalar)).collect();
                Some(self.construct(ty, &parts))
            }
            Type::Matrix { scalar, columns, rows, .. } => {
                let column = Type::Vector(*scalar, *rows);
                let parts: Option<Vec<u32>> = (0..*columns).map(|_| self.make(picks, word, &column)).collect();
                Some(self.construct(ty, &parts?))
            }
            Type::Array { element, length, .. } => {
                let parts: Option<Vec<u32>> = (0..*length).map(|_| self.make(picks, word, element)).collect();
                Some(self.construct(ty, &parts?))
            }
            Type::Struct(index) => {
                let members = self.recipe.types.0[*index].members.clone();
                let parts: Option<Vec<u32>> = members.iter().map(|member| self.make(picks, word, &member.ty)).collect();
                Some(self.construct(ty, &parts?))
            }
        }
    }

    fn construct(&mut self, ty: &Type, parts: &[u32]) -> u32 {
        let id = self.ty(ty);
        self.op(Op::CompositeConstruct, id, parts)
    }

    fn make_scalar(&mut self, picks: &mut Picks, word: u32, scalar: Scalar) -> u32 {
        let unsigned = scalar.unsigned();
        let ty = self.scalar(unsigned);
        let sized = if scalar.bytes() == 4 { word } else { self.op(Op::UConvert, ty, &[word]) };
        let factor = self.constant(unsigned, (picks.bits() | 1) & (u64::MAX >> (64 - 8 * scalar.bytes())));
        let bits = self.op(Op::IMul, ty, &[sized, factor]);
        self.reinterpret(bits, unsigned, scalar)
    }

    /// The places in scope that point to objects of a block, for those who will know no more than that.
    fn block_places(&self, block: usize) -> Vec<usize> {
        let (ty, align) = (Type::Struct(block), self.recipe.block_align(block));
        let fits = |place: &Place| place.ty == ty && place.align >= align && place.read && place.loose;
        (0..self.body.scope.len()).filter(|index| fits(&self.body.scope[*index])).collect()
    }

    /// Whether there is a pointer to the block in scope.
    pub fn has_pointer(&self, block: usize) -> bool {
        !self.block_places(block).is_empty()
    }

    /// A pointer to the block that is in scope.
    pub fn some_pointer(&mut self, picks: &mut Picks, block: usize) -> Option<u32> {
        let fits = self.block_places(block);
        if fits.is_empty() {
            return None;
        }
        let place = self.body.scope[picks.of(&fits)].clone();
        Some(self.without_stride(&place))
    }

    /// A word that the compiler does not know, below a bound.
    pub fn dynamic(&mut self, picks: &mut Picks, bound: u32) -> u32 {
        let word = self.scalar(Scalar::U32);
        let value = match picks.below(3) {
            0 if self.body.varying.is_none() => {
                let number = self.u32(picks.below(bound as usize) as u32);
                let zero = self.body.zero;
                return self.op(Op::IAdd, word, &[zero, number]);
            }
            0 | 1 => {
                let small = self.body.small.clone();
                picks.of(&small)
            }
            _ => self.sum_now(),
        };
        let value = match self.body.varying {
            Some(turn) => self.op(Op::IAdd, word, &[value, turn]),
            None => value,
        };
        let bound = self.u32(bound);
        self.op(Op::UMod, word, &[value, bound])
    }

    /// A condition that the compiler does not know, and that differs between invocations at times.
    pub fn condition(&mut self, picks: &mut Picks) -> u32 {
        let truth = self.bool();
        let value = self.dynamic(picks, 2);
        let zero = self.u32(0);
        self.op(picks.of(&[Op::INotEqual, Op::IEqual]), truth, &[value, zero])
    }

    /// An index that is a small known number, of some integer type.
    pub fn constant_index(&mut self, picks: &mut Picks, number: u64) -> u32 {
        let scalar = picks.of(&[Scalar::U32, Scalar::I32, Scalar::U64, Scalar::I64, Scalar::U16, Scalar::I16]);
        self.saw_index(scalar);
        self.constant(scalar, number)
    }

    /// A `u32` index below 100, as some integer type.
    pub fn index_as(&mut self, picks: &mut Picks, index: u32) -> u32 {
        self.saw("index.dynamic");
        let all = [Scalar::U32, Scalar::I32, Scalar::U64, Scalar::I64, Scalar::U16, Scalar::I16, Scalar::U8];
        let scalar = picks.of(&all);
        self.saw_index(scalar);
        let unsigned = scalar.unsigned();
        let ty = self.scalar(unsigned);
        let sized = if scalar.bytes() == 4 { index } else { self.op(Op::UConvert, ty, &[index]) };
        self.reinterpret(sized, unsigned, scalar)
    }

    /// A difference of two such, which may be negative.
    pub fn signed_index(&mut self, picks: &mut Picks, distance: u32) -> u32 {
        self.saw("index.negative");
        let scalar = picks.of(&[Scalar::I32, Scalar::I64, Scalar::I16, Scalar::U32]);
        if scalar == Scalar::U32 {
            // Indices count as signed whatever their type says.
            return distance;
        }
        let signed = self.reinterpret(distance, Scalar::U32, Scalar::I32);
        if scalar == Scalar::I32 {
            return signed;
        }
        let ty = self.scalar(scalar);
        self.op(Op::SConvert, ty, &[signed])
    }

    fn saw_index(&mut self, scalar: Scalar) {
        match scalar.bytes() {
            1 => self.saw("index.8 bits"),
            2 => self.saw("index.16 bits"),
            8 => self.saw("index.64 bits"),
            _ => {}
        }
    }
}
