//! Layout tables: what a type that is shared with shaders looks like in memory.
//!
//! The tables are constants, made by the compiler from the Rust type. They are compared with the shader's own
//! layout when a kernel is loaded, written out as GLSL, and followed when a value is copied into argument bytes.

use std::{any::TypeId, borrow::Cow, fmt};

/// The numbers that a shared type is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scalar {
    /// 8-bit unsigned integer.
    U8,
    /// 8-bit signed integer.
    I8,
    /// 16-bit unsigned integer.
    U16,
    /// 16-bit signed integer.
    I16,
    /// 32-bit unsigned integer.
    U32,
    /// 32-bit signed integer.
    I32,
    /// 64-bit unsigned integer.
    U64,
    /// 64-bit signed integer.
    I64,
    /// 32-bit IEEE 754 number.
    F32,
    /// 64-bit IEEE 754 number.
    F64,
}

impl Scalar {
    /// Bytes, which is the alignment too.
    pub const fn size(self) -> usize {
        match self {
            Scalar::U8 | Scalar::I8 => 1,
            Scalar::U16 | Scalar::I16 => 2,
            Scalar::U32 | Scalar::I32 | Scalar::F32 => 4,
            Scalar::U64 | Scalar::I64 | Scalar::F64 => 8,
        }
    }

    /// Rust's name, e.g. `u32`.
    pub const fn name(self) -> &'static str {
        match self {
            Scalar::U8 => "u8",
            Scalar::I8 => "i8",
            Scalar::U16 => "u16",
            Scalar::I16 => "i16",
            Scalar::U32 => "u32",
            Scalar::I32 => "i32",
            Scalar::U64 => "u64",
            Scalar::I64 => "i64",
            Scalar::F32 => "f32",
            Scalar::F64 => "f64",
        }
    }
}

/// A type's layout in memory: offsets, sizes and strides in bytes, as `#[repr(C)]` lays it out.
#[derive(Clone, Copy)]
pub enum TypeLayout {
    /// One number.
    Scalar(Scalar),
    /// A [`Ptr`](crate::Ptr): 8 bytes. The function gives the pointee's layout; it is a function so that a type can
    /// point at itself.
    Pointer(fn() -> TypeLayout),
    /// A Rust array.
    Array {
        /// One element.
        element: &'static TypeLayout,
        /// How many.
        len: usize,
        /// Bytes from one element to the next.
        stride: usize,
    },
    /// A struct with `#[derive(GpuStruct)]`.
    Struct(&'static StructLayout),
}

/// The layout of a `#[repr(C)]` struct.
#[derive(Debug)]
pub struct StructLayout {
    /// The struct's name without path and parameters, e.g. `Node`.
    pub name: &'static str,
    /// Which type this is; two types may share a name.
    pub id: TypeId,
    /// The generic parameters, in order.
    pub parameters: &'static [Parameter],
    /// Bytes, padding at the end included.
    pub size: usize,
    /// Alignment in bytes.
    pub align: usize,
    /// The fields, by rising offset.
    pub fields: &'static [FieldLayout],
}

/// A generic parameter of a shared struct.
#[derive(Clone, Copy, Debug)]
pub enum Parameter {
    /// A type.
    Type(TypeLayout),
    /// A constant.
    Const(i128),
}

/// A field of a [`StructLayout`].
#[derive(Clone, Copy, Debug)]
pub struct FieldLayout {
    /// Its name.
    pub name: &'static str,
    /// Bytes from the struct's start.
    pub offset: usize,
    /// What it is.
    pub layout: TypeLayout,
}

impl TypeLayout {
    /// Bytes, padding included.
    pub const fn size(&self) -> usize {
        match self {
            TypeLayout::Scalar(s) => s.size(),
            TypeLayout::Pointer(_) => 8,
            TypeLayout::Array { len, stride, .. } => *len * *stride,
            TypeLayout::Struct(s) => s.size,
        }
    }

    /// Alignment in bytes.
    pub const fn align(&self) -> usize {
        match self {
            TypeLayout::Scalar(s) => s.size(),
            TypeLayout::Pointer(_) => 8,
            TypeLayout::Array { element, .. } => element.align(),
            TypeLayout::Struct(s) => s.align,
        }
    }

    /// Whether some of its bytes belong to no number and no pointer. Such bytes are uninitialised memory.
    pub const fn is_padded(&self) -> bool {
        self.used() != self.size()
    }

    /// Bytes that belong to numbers and pointers.
    const fn used(&self) -> usize {
        match self {
            TypeLayout::Scalar(_) | TypeLayout::Pointer(_) => self.size(),
            TypeLayout::Array { element, len, .. } => element.used() * *len,
            TypeLayout::Struct(s) => {
                let (mut used, mut i) = (0, 0);
                while i < s.fields.len() {
                    used += s.fields[i].layout.used();
                    i += 1;
                }
                used
            }
        }
    }

    /// A name for messages and shaders that is a word: `u32`, `Node`, `Node_ptr`, `f32_4` (an array of four),
    /// `Pair_f32_u32` (a struct with parameters).
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            TypeLayout::Scalar(s) => s.name().into(),
            TypeLayout::Pointer(to) => format!("{}_ptr", to().name()).into(),
            TypeLayout::Array { element, len, .. } => format!("{}_{len}", element.name()).into(),
            TypeLayout::Struct(s) if s.parameters.is_empty() => s.name.into(),
            TypeLayout::Struct(s) => {
                let mut name = s.name.to_string();
                for p in s.parameters {
                    name.push('_');
                    match p {
                        Parameter::Type(t) => name.push_str(&t.name()),
                        // A minus sign is no part of a word.
                        Parameter::Const(c) if *c < 0 => name.push_str(&format!("m{}", c.unsigned_abs())),
                        Parameter::Const(c) => name.push_str(&c.to_string()),
                    }
                }
                name.into()
            }
        }
    }

    /// Calls `visit` with offset and length of each run of bytes that belongs to a number or a pointer, by rising
    /// offset.
    pub(crate) fn each_used(&self, at: usize, visit: &mut impl FnMut(usize, usize)) {
        match self {
            TypeLayout::Scalar(_) | TypeLayout::Pointer(_) => visit(at, self.size()),
            _ if !self.is_padded() => visit(at, self.size()),
            TypeLayout::Array { element, len, stride } => {
                for i in 0..*len {
                    element.each_used(at + i * stride, visit);
                }
            }
            TypeLayout::Struct(s) => {
                for f in s.fields {
                    f.layout.each_used(at + f.offset, visit);
                }
            }
        }
    }
}

/// As Rust writes the type: `f32`, `Ptr<Node>`, `[f32; 4]`, `Node`.
impl fmt::Display for TypeLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TypeLayout::Scalar(s) => f.write_str(s.name()),
            TypeLayout::Pointer(to) => write!(f, "Ptr<{}>", to()),
            TypeLayout::Array { element, len, .. } => write!(f, "[{element}; {len}]"),
            TypeLayout::Struct(s) => {
                f.write_str(s.name)?;
                for (i, p) in s.parameters.iter().enumerate() {
                    f.write_str(if i == 0 { "<" } else { ", " })?;
                    match p {
                        Parameter::Type(t) => write!(f, "{t}")?,
                        Parameter::Const(c) => write!(f, "{c}")?,
                    }
                }
                if s.parameters.is_empty() { Ok(()) } else { f.write_str(">") }
            }
        }
    }
}

/// The type's name only: a type that points at itself has no finite picture.
impl fmt::Debug for TypeLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
