//! SPIR-V types, read one level at a time.

use super::{
    constants::{ConstantKind, Constants, kind},
    module::{Module, ids},
};
use rspirv::dr::Operand;
use rspirv::spirv::{Decoration, Op, StorageClass};
use std::collections::HashMap;

/// What a type is. Ids are of types; a length is `None` where it is not known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    Number(ConstantKind),
    Vector {
        element: u32,
        len: u32,
    },
    /// Columns of a vector type.
    Matrix {
        column: u32,
        columns: u32,
    },
    Array {
        element: u32,
        len: Option<u64>,
        stride: Option<u32>,
    },
    RuntimeArray {
        element: u32,
        stride: Option<u32>,
    },
    Struct {
        members: Vec<u32>,
    },
    /// A PhysicalStorageBuffer pointer.
    Pointer {
        to: u32,
        stride: Option<u32>,
    },
    Other,
}

impl Shape {
    pub fn of(module: &Module, constants: &Constants, ty: u32) -> Shape {
        let stride = || module.decoration(ty, Decoration::ArrayStride).and_then(|l| l.first()).copied();
        match module.global_op(ty) {
            Some((Op::TypeInt | Op::TypeFloat | Op::TypeBool, _)) => match kind(module, ty) {
                Some(kind) => Shape::Number(kind),
                None => Shape::Other,
            },
            Some((Op::TypeVector, [Operand::IdRef(element), Operand::LiteralBit32(len)])) => {
                Shape::Vector { element: *element, len: *len }
            }
            Some((Op::TypeMatrix, [Operand::IdRef(column), Operand::LiteralBit32(columns)])) => {
                Shape::Matrix { column: *column, columns: *columns }
            }
            Some((Op::TypeArray, [Operand::IdRef(element), Operand::IdRef(len)])) => {
                Shape::Array { element: *element, len: constants.value(*len), stride: stride() }
            }
            Some((Op::TypeRuntimeArray, [Operand::IdRef(element)])) => {
                Shape::RuntimeArray { element: *element, stride: stride() }
            }
            Some((Op::TypeStruct, _)) => Shape::Struct { members: ids(&module.globals[&ty]) },
            Some((
                Op::TypePointer,
                [Operand::StorageClass(StorageClass::PhysicalStorageBuffer), Operand::IdRef(to)],
            )) => Shape::Pointer { to: *to, stride: stride() },
            _ => Shape::Other,
        }
    }
}

/// Bytes of each type: with the module's offsets and strides where it gives them, else packed. Types without a size,
/// or with one that is not known, are missing. One pass in order of definition: nested types are not walked again.
pub(crate) fn sizes(module: &Module, constants: &Constants) -> HashMap<u32, u64> {
    let mut sizes = HashMap::new();
    for &ty in &module.order {
        if let Some(size) = size(module, constants, &sizes, ty) {
            sizes.insert(ty, size);
        }
    }
    sizes
}

fn size(module: &Module, constants: &Constants, sizes: &HashMap<u32, u64>, ty: u32) -> Option<u64> {
    let known = |ty: u32| match sizes.get(&ty) {
        Some(size) => Some(*size),
        // A pointer that was announced only.
        None => matches!(Shape::of(module, constants, ty), Shape::Pointer { .. }).then_some(8),
    };
    match Shape::of(module, constants, ty) {
        Shape::Number(kind) => Some(kind.size() as u64),
        Shape::Vector { element, len } => known(element)?.checked_mul(len.into()),
        Shape::Matrix { column, columns } => known(column)?.checked_mul(columns.into()),
        Shape::Array { element, len, stride } => {
            let stride = stride.map_or_else(|| known(element), |s| Some(s.into()))?;
            stride.checked_mul(len?)
        }
        Shape::Struct { members } => {
            let mut end = 0u64;
            for (i, member) in (0..).zip(&members) {
                let offset = module.member_decoration(ty, i, Decoration::Offset).and_then(|l| l.first());
                let start = offset.map_or(end, |o| (*o).into());
                let matrix = MatrixOf::member(module, constants, ty, i, *member);
                let size = matrix.and_then(|m| m.size(known(m.number)?)).or_else(|| known(*member))?;
                end = end.max(start.checked_add(size)?);
            }
            Some(end)
        }
        Shape::Pointer { .. } => Some(8),
        Shape::RuntimeArray { .. } | Shape::Other => None,
    }
}

/// A matrix member as memory holds it: `outer` runs of `inner` numbers, one every `stride` bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MatrixOf {
    pub number: u32,
    pub outer: u32,
    pub inner: u32,
    pub stride: u32,
    pub row_major: bool,
}

impl MatrixOf {
    /// `None` if the member is no matrix (or array of matrices), or has no stride.
    pub fn member(module: &Module, constants: &Constants, ty: u32, index: u32, member: u32) -> Option<Self> {
        let Shape::Matrix { column, columns } = Shape::of(module, constants, member) else { return None };
        let Shape::Vector { element, len } = Shape::of(module, constants, column) else { return None };
        let stride = *module.member_decoration(ty, index, Decoration::MatrixStride)?.first()?;
        let row_major = module.member_decoration(ty, index, Decoration::RowMajor).is_some();
        let (outer, inner) = if row_major { (len, columns) } else { (columns, len) };
        Some(MatrixOf { number: element, outer, inner, stride, row_major })
    }

    pub fn size(self, number: u64) -> Option<u64> {
        let run = number.checked_mul(self.inner.into())?;
        u64::from(self.stride).checked_mul(self.outer.saturating_sub(1).into())?.checked_add(run)
    }
}
