//! Declares types and constants when they are first needed.

use super::Writer;
use crate::lowering::generated::types::{Length, Member, Promise, Scalar, Type};
use rspirv::spirv::{Capability, Decoration, Op, StorageClass};

/// What makes types equal.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Key {
    Void,
    Bool,
    Scalar(Scalar),
    Vector(u32, u32),
    Matrix(u32, u32),
    Array(u32, u32, Length, u32),
    Struct(usize),
    /// The storage class, the pointee and the stride.
    Pointer(u32, u32, Option<u32>),
    Function(u32, Vec<u32>),
    /// A constant of a type, with its bits.
    Constant(u32, u64),
    /// A specialization constant that is an array's length.
    Specialized(u32),
}

pub const PHYSICAL: u32 = StorageClass::PhysicalStorageBuffer as u32;

impl Writer<'_> {
    fn declare(&mut self, key: Key, op: Op, operands: &[u32]) -> u32 {
        if let Some(id) = self.declared.get(&key) {
            return *id;
        }
        let id = self.sections.id();
        let mut all = vec![id];
        all.extend(operands);
        self.sections.globals.put(op, &all);
        self.declared.insert(key, id);
        id
    }

    pub fn void(&mut self) -> u32 {
        self.declare(Key::Void, Op::TypeVoid, &[])
    }

    pub fn bool(&mut self) -> u32 {
        self.declare(Key::Bool, Op::TypeBool, &[])
    }

    pub fn scalar(&mut self, scalar: Scalar) -> u32 {
        let capability = match scalar {
            Scalar::U8 | Scalar::I8 => Some(Capability::Int8),
            Scalar::U16 | Scalar::I16 => Some(Capability::Int16),
            Scalar::U64 | Scalar::I64 => Some(Capability::Int64),
            Scalar::F16 => Some(Capability::Float16),
            Scalar::F64 => Some(Capability::Float64),
            Scalar::U32 | Scalar::I32 | Scalar::F32 => None,
        };
        capability.into_iter().for_each(|capability| self.sections.need(capability));
        if scalar.bytes() == 1 {
            self.sections.need(Capability::StorageBuffer8BitAccess);
            if self.recipe.minor < 5 {
                self.sections.extensions.insert("SPV_KHR_8bit_storage");
            }
        }
        if scalar.bytes() == 2 {
            self.sections.need(Capability::StorageBuffer16BitAccess);
        }
        let bits = scalar.bytes() * 8;
        match scalar.float() {
            true => self.declare(Key::Scalar(scalar), Op::TypeFloat, &[bits]),
            false => self.declare(Key::Scalar(scalar), Op::TypeInt, &[bits, scalar.signed().into()]),
        }
    }

    pub fn vector(&mut self, scalar: Scalar, components: u32) -> u32 {
        let component = self.scalar(scalar);
        self.declare(Key::Vector(component, components), Op::TypeVector, &[component, components])
    }

    pub fn ty(&mut self, ty: &Type) -> u32 {
        match ty {
            Type::Scalar(scalar) => self.scalar(*scalar),
            Type::Vector(scalar, components) => self.vector(*scalar, *components),
            Type::Matrix { scalar, columns, rows, .. } => {
                let column = self.vector(*scalar, *rows);
                self.declare(Key::Matrix(column, *columns), Op::TypeMatrix, &[column, *columns])
            }
            Type::Array { element, length, stride, kind } => self.array(element, *length, *stride, *kind),
            Type::Struct(index) => self.structure(*index),
            Type::Pointer(block) => self.block_pointer(*block),
        }
    }

    pub fn array(&mut self, element: &Type, length: u32, stride: u32, kind: Length) -> u32 {
        let element = self.ty(element);
        let key = Key::Array(element, if kind == Length::Runtime { 0 } else { length }, kind, stride);
        if let Some(id) = self.declared.get(&key) {
            return *id;
        }
        let id = match kind {
            Length::Runtime => self.declare(key, Op::TypeRuntimeArray, &[element]),
            Length::Fixed => {
                let length = self.u32(length);
                self.declare(key, Op::TypeArray, &[element, length])
            }
            Length::Specialized => {
                self.saw("type.specialized length");
                let length = self.specialized(length);
                self.declare(key, Op::TypeArray, &[element, length])
            }
        };
        self.decorate(id, Decoration::ArrayStride, &[stride]);
        id
    }

    fn specialized(&mut self, length: u32) -> u32 {
        let key = Key::Specialized(length);
        if let Some(id) = self.declared.get(&key) {
            return *id;
        }
        let (id, ty) = (self.sections.id(), self.scalar(Scalar::U32));
        self.sections.globals.put(Op::SpecConstant, &[ty, id, length]);
        self.decorate(id, Decoration::SpecId, &[length]);
        self.declared.insert(key, id);
        id
    }

    fn structure(&mut self, index: usize) -> u32 {
        if let Some(id) = self.declared.get(&Key::Struct(index)) {
            return *id;
        }
        self.open_structs.push(index);
        let members = self.recipe.types.0[index].members.clone();
        let types: Vec<u32> = members.iter().map(|member| self.ty(&member.ty)).collect();
        self.open_structs.retain(|open| *open != index);
        // A block that points to itself through others may have been declared on the way.
        if let Some(id) = self.declared.get(&Key::Struct(index)) {
            return *id;
        }
        let id = self.declare(Key::Struct(index), Op::TypeStruct, &types);
        if self.recipe.types.0[index].block {
            self.decorate(id, Decoration::Block, &[]);
        }
        self.name(id, &format!("Struct{index}"));
        for (number, member) in members.iter().enumerate() {
            let number = number as u32;
            self.decorate_member(id, number, Decoration::Offset, &[member.offset]);
            self.decorate_matrix(id, number, &member.ty);
            self.saw_member(member);
            match member.promise {
                Promise::NonWritable => self.decorate_member(id, number, Decoration::NonWritable, &[]),
                Promise::NonReadable => self.decorate_member(id, number, Decoration::NonReadable, &[]),
                Promise::Restrict => self.decorate_member(id, number, Decoration::Restrict, &[]),
                // The Vulkan memory model says the same at each access instead.
                Promise::Coherent if !self.recipe.vulkan_memory_model => {
                    self.decorate_member(id, number, Decoration::Coherent, &[]);
                }
                Promise::Volatile if !self.recipe.vulkan_memory_model => {
                    self.decorate_member(id, number, Decoration::Volatile, &[]);
                }
                _ => {}
            }
            if self.recipe.debug {
                self.sections.names.put_string(Op::MemberName, &[id, number], &format!("member{number}"), &[]);
            }
        }
        if self.open_structs.is_empty() {
            self.finish_pointers();
        }
        id
    }

    fn saw_member(&mut self, member: &Member) {
        let types = &self.recipe.types;
        let mut seen = vec![match member.promise {
            Promise::None => "type.plain member",
            Promise::NonWritable => "type.NonWritable",
            Promise::NonReadable => "type.NonReadable",
            Promise::Coherent => "type.Coherent",
            Promise::Volatile => "type.Volatile",
            Promise::Restrict => "type.Restrict",
        }];
        match &member.ty {
            Type::Array { element, stride, kind, .. } => {
                seen.extend((*stride > types.size(element)).then_some("type.array of a larger stride"));
                seen.extend((*kind == Length::Runtime).then_some("type.runtime array"));
                seen.push(match **element {
                    Type::Struct(_) => "type.array of structs",
                    Type::Matrix { .. } => "type.array of matrices",
                    Type::Array { .. } => "type.array of arrays",
                    Type::Pointer(_) => "type.array of pointers",
                    _ => "type.array",
                });
            }
            Type::Struct(_) => seen.push("type.nested struct"),
            Type::Matrix { row_major, columns, rows, scalar, stride } => {
                let tight = scalar.bytes() * if *row_major { columns } else { rows };
                seen.push(if *row_major { "type.row-major" } else { "type.column-major" });
                seen.extend((*stride > tight).then_some("type.matrix of a larger stride"));
            }
            _ => {}
        }
        seen.into_iter().for_each(|feature| self.saw(feature));
    }

    /// How the matrices in a member lie.
    pub fn decorate_matrix(&mut self, id: u32, number: u32, ty: &Type) {
        let mut inner = ty;
        while let Type::Array { element, .. } = inner {
            inner = element;
        }
        if let Type::Matrix { stride, row_major, .. } = inner {
            let major = if *row_major { Decoration::RowMajor } else { Decoration::ColMajor };
            self.decorate_member(id, number, major, &[]);
            self.decorate_member(id, number, Decoration::MatrixStride, &[*stride]);
        }
    }

    /// The pointer to a block. Inside a struct that is being declared, itself or by way of others, it is declared ahead.
    fn block_pointer(&mut self, block: usize) -> u32 {
        if let Some(id) = self.block_pointers.get(&block) {
            return *id;
        }
        if self.open_structs.contains(&block) || (!self.open_structs.is_empty() && block.is_multiple_of(2)) {
            let id = self.sections.id();
            self.sections.globals.put(Op::TypeForwardPointer, &[id, PHYSICAL]);
            self.block_pointers.insert(block, id);
            self.forward.push(block);
            self.saw("type.forward pointer");
            return id;
        }
        let pointee = self.structure(block);
        if let Some(id) = self.block_pointers.get(&block) {
            return *id;
        }
        let id = self.pointer(PHYSICAL, pointee, None);
        self.block_pointers.insert(block, id);
        id
    }

    /// Declares pointers that were declared ahead, which must happen once no struct is being declared.
    pub fn finish_pointers(&mut self) {
        while let Some(block) = self.forward.pop() {
            let pointee = self.structure(block);
            let id = self.block_pointers[&block];
            self.sections.globals.put(Op::TypePointer, &[id, PHYSICAL, pointee]);
            self.declared.insert(Key::Pointer(PHYSICAL, pointee, None), id);
        }
    }

    /// A pointer type; one with a stride is a type of its own.
    pub fn pointer(&mut self, class: u32, pointee: u32, stride: Option<u32>) -> u32 {
        let key = Key::Pointer(class, pointee, stride);
        let known = self.declared.contains_key(&key);
        let id = self.declare(key, Op::TypePointer, &[class, pointee]);
        if let (false, Some(stride)) = (known, stride) {
            self.decorate(id, Decoration::ArrayStride, &[stride]);
        }
        id
    }

    /// The type of a pointer to memory of this type.
    pub fn pointer_to(&mut self, ty: &Type, stride: Option<u32>) -> u32 {
        match (ty, stride) {
            (Type::Struct(index), None) if self.recipe.types.0[*index].block => {
                let id = self.block_pointer(*index);
                self.finish_pointers();
                id
            }
            _ => {
                let pointee = self.ty(ty);
                self.finish_pointers();
                self.pointer(PHYSICAL, pointee, stride)
            }
        }
    }

    pub fn constant(&mut self, scalar: Scalar, bits: u64) -> u32 {
        let ty = self.scalar(scalar);
        let mut operands = vec![bits as u32];
        if scalar.bytes() == 8 {
            operands.push((bits >> 32) as u32);
        }
        if let Some(id) = self.declared.get(&Key::Constant(ty, bits)) {
            return *id;
        }
        let id = self.sections.id();
        let mut all = vec![ty, id];
        all.extend(operands);
        self.sections.globals.put(Op::Constant, &all);
        self.declared.insert(Key::Constant(ty, bits), id);
        id
    }

    pub fn u32(&mut self, value: u32) -> u32 {
        self.constant(Scalar::U32, value.into())
    }

    pub fn function_type(&mut self, result: u32, parameters: &[u32]) -> u32 {
        let mut operands = vec![result];
        operands.extend(parameters);
        self.declare(Key::Function(result, parameters.to_vec()), Op::TypeFunction, &operands)
    }

    pub fn decorate(&mut self, id: u32, decoration: Decoration, literals: &[u32]) {
        let mut operands = vec![id, decoration as u32];
        operands.extend(literals);
        self.sections.annotations.put(Op::Decorate, &operands);
    }

    pub fn decorate_member(&mut self, id: u32, member: u32, decoration: Decoration, literals: &[u32]) {
        let mut operands = vec![id, member, decoration as u32];
        operands.extend(literals);
        self.sections.annotations.put(Op::MemberDecorate, &operands);
    }

    pub fn name(&mut self, id: u32, name: &str) {
        if self.recipe.debug {
            self.sections.names.put_string(Op::Name, &[id], name, &[]);
        }
    }
}
