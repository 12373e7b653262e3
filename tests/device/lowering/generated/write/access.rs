//! Loads, stores and copies.

use super::chain::Want;
use super::operands::Does;
use super::{Place, Writer};
use crate::lowering::generated::picks::Picks;
use crate::lowering::generated::recipe::Vectors;
use crate::lowering::generated::types::{Scalar, Type, low_bit};
use rspirv::spirv::{Decoration, MemoryAccess, Op, StorageClass};

/// Scalars in what is loaded, stored or copied in one piece: at most so many, to keep modules small.
const WHOLE: u32 = 20;

fn whole(writer: &Writer, ty: &Type) -> bool {
    let types = &writer.recipe.types;
    let vectors = writer.recipe.vectors != Vectors::Components
        || !types.any(ty, &|part| matches!(part, Type::Vector(..) | Type::Matrix { .. }));
    !types.unsized_array(ty) && types.leaves(ty) <= WHOLE && vectors
}

impl Writer<'_> {
    pub fn load_step(&mut self, picks: &mut Picks) {
        self.note("load");
        let want = Want { such: &whole, read: true, write: false, loose: false };
        if let Some(place) = self.find(picks, &want) {
            let value = self.load(picks, &place);
            self.fold(value, &place.ty);
        }
    }

    /// Loads a place's value.
    pub fn load(&mut self, picks: &mut Picks, place: &Place) -> u32 {
        self.saw_type(&place.ty, true);
        let ty = self.ty(&place.ty);
        let mut operands = vec![place.id];
        operands.extend(self.operands(picks, place, Does::Read));
        self.op(Op::Load, ty, &operands)
    }

    pub fn store_step(&mut self, picks: &mut Picks) {
        self.note("store");
        let such = |writer: &Writer, ty: &Type| whole(writer, ty) && writer.makeable(ty);
        let want = Want { such: &such, read: false, write: true, loose: false };
        let Some(place) = self.find(picks, &want) else { return };
        let word = if picks.percent(70) { self.sum_now() } else { self.u32(0x0102_0304) };
        if let Some(value) = self.make(picks, word, &place.ty) {
            self.store(picks, &place, value);
        }
    }

    pub fn store(&mut self, picks: &mut Picks, place: &Place, value: u32) {
        self.saw_type(&place.ty, false);
        let mut operands = vec![place.id, value];
        operands.extend(self.operands(picks, place, Does::Write));
        self.act(Op::Store, &operands);
    }

    /// Whether `make` can: whether there is a pointer for each pointer.
    fn makeable(&self, ty: &Type) -> bool {
        !self.recipe.types.any(ty, &|part| match part {
            Type::Pointer(block) => !self.has_pointer(*block),
            _ => false,
        })
    }

    pub fn update_step(&mut self, picks: &mut Picks) {
        self.note("update");
        let want = Want { such: &whole, read: true, write: true, loose: false };
        let Some(place) = self.find(picks, &want) else { return };
        let old = self.load(picks, &place);
        self.fold(old, &place.ty);
        let new = self.changed(picks, old, &place.ty);
        self.store(picks, &place, new);
        self.saw("access.read and written");
    }

    /// A value that differs from another in one part of it.
    fn changed(&mut self, picks: &mut Picks, old: u32, ty: &Type) -> u32 {
        let (part, length) = match ty {
            Type::Vector(scalar, components) => (Type::Scalar(*scalar), *components),
            Type::Matrix { scalar, columns, rows, .. } => (Type::Vector(*scalar, *rows), *columns),
            Type::Array { element, length, .. } => (*element.clone(), *length),
            Type::Struct(index) => {
                let members = &self.recipe.types.0[*index].members;
                let number = picks.below(members.len());
                let part = members[number].ty.clone();
                return self.changed_part(picks, old, ty, &part, number as u32);
            }
            Type::Scalar(_) | Type::Pointer(_) => {
                let word = self.sum_now();
                return self.make(picks, word, ty).unwrap_or(old);
            }
        };
        let number = picks.below(length as usize) as u32;
        self.changed_part(picks, old, ty, &part, number)
    }

    fn changed_part(&mut self, picks: &mut Picks, old: u32, ty: &Type, part: &Type, number: u32) -> u32 {
        let (id, part_id) = (self.ty(ty), self.ty(part));
        let value = self.op(Op::CompositeExtract, part_id, &[old, number]);
        let new = self.changed(picks, value, part);
        self.op(Op::CompositeInsert, id, &[new, old, number])
    }

    pub fn copy_step(&mut self, picks: &mut Picks) {
        self.note("copy");
        let want = Want { such: &whole, read: true, write: false, loose: false };
        let Some(source) = self.find(picks, &want) else { return };
        let ty = source.ty.clone();
        let same = |_: &Writer, other: &Type| *other == ty;
        let want = Want { such: &same, read: false, write: true, loose: false };
        let block = matches!(ty, Type::Struct(index) if self.recipe.types.0[index].block);
        let through = !block && picks.percent(50);
        // Of places that overlap without being the same, a copy is not defined; a view's elements can do so.
        let target = self.find(picks, &want).filter(|target| !target.raw && !source.raw);
        if !through {
            if let Some(target) = target {
                self.saw("copy.heap to heap");
                self.copy(picks, (target.id, Some(&target)), (source.id, Some(&source)));
            }
            return;
        }
        let variable = self.local(&ty);
        self.saw("copy.heap to variable");
        self.copy(picks, (variable, None), (source.id, Some(&source)));
        let id = self.ty(&ty);
        let value = self.op(Op::Load, id, &[variable]);
        self.fold(value, &ty);
        if let Some(target) = target {
            if picks.percent(50) {
                let new = self.changed(picks, value, &ty);
                self.act(Op::Store, &[variable, new]);
            }
            self.saw("copy.variable to heap");
            self.copy(picks, (target.id, Some(&target)), (variable, None));
        }
    }

    fn copy(&mut self, picks: &mut Picks, target: (u32, Option<&Place>), source: (u32, Option<&Place>)) {
        let mut operands = vec![target.0, source.0];
        let private = target.1.is_none() || source.1.is_none();
        if self.recipe.minor >= 4 && picks.percent(70) {
            for (side, does) in [(target.1, Does::Write), (source.1, Does::Read)] {
                let known = side.or(target.1).or(source.1).expect("one side is in the heap");
                match side {
                    // A variable has its type's alignment; spirv-val wants one on both sides.
                    None => operands.extend([MemoryAccess::ALIGNED.bits(), self.recipe.types.align(&known.ty)]),
                    Some(place) => operands.extend(self.operands_of(picks, place, does, private)),
                }
            }
            self.saw("copy.operands of their own");
        } else {
            // One mask for both sides: what is true for both, and a variable has the type's alignment at least.
            let sides = [target.1, source.1];
            let smallest = sides.iter().flatten().map(|place| self.recipe.types.align(&place.ty)).max().unwrap_or(1);
            let mut align = smallest;
            if let [Some(target), Some(source)] = sides {
                let largest = target.align.min(source.align);
                align = picks.of(&[smallest, largest, low_bit(smallest * 2).min(largest)]);
            }
            operands.extend([MemoryAccess::ALIGNED.bits(), align]);
            self.saw("copy.operands for both");
        }
        self.act(Op::CopyMemory, &operands);
    }

    /// A variable of the function.
    pub fn local(&mut self, ty: &Type) -> u32 {
        let pointee = self.ty(ty);
        let variable = self.local_of(pointee);
        let mut inner = ty;
        while let Type::Array { element, .. } = inner {
            inner = element;
        }
        if let Type::Pointer(_) = inner {
            self.decorate(variable, Decoration::AliasedPointer, &[]);
        }
        variable
    }

    pub fn local_of(&mut self, pointee: u32) -> u32 {
        const FUNCTION: u32 = StorageClass::Function as u32;
        let pointer = self.pointer(FUNCTION, pointee, None);
        let id = self.sections.id();
        self.body.variables.put(Op::Variable, &[pointer, id, FUNCTION]);
        id
    }

    fn saw_type(&mut self, ty: &Type, load: bool) {
        let names = match ty {
            Type::Scalar(Scalar::U8 | Scalar::I8) => ["load.8 bits", "store.8 bits"],
            Type::Scalar(Scalar::U16 | Scalar::I16 | Scalar::F16) => ["load.16 bits", "store.16 bits"],
            Type::Scalar(Scalar::U64 | Scalar::I64 | Scalar::F64) => ["load.64 bits", "store.64 bits"],
            Type::Scalar(_) => ["load.32 bits", "store.32 bits"],
            Type::Vector(_, 3) => ["load.vector of 3", "store.vector of 3"],
            Type::Vector(..) => ["load.vector", "store.vector"],
            Type::Matrix { row_major: true, .. } => ["load.row-major matrix", "store.row-major matrix"],
            Type::Matrix { .. } => ["load.matrix", "store.matrix"],
            Type::Array { .. } => ["load.array", "store.array"],
            Type::Struct(_) => ["load.struct", "store.struct"],
            Type::Pointer(_) => ["load.pointer", "store.pointer"],
        };
        self.saw(names[usize::from(!load)]);
        if !matches!(ty, Type::Matrix { .. }) && self.recipe.types.any(ty, &|t| matches!(t, Type::Matrix { .. })) {
            self.saw(if load { "load.matrix in a whole" } else { "store.matrix in a whole" });
        }
    }
}
