//! The types of a generated module's memory, and how they lie in it.

use super::picks::Picks;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scalar {
    U32,
    I32,
    F32,
    U8,
    I8,
    U16,
    I16,
    F16,
    U64,
    I64,
    F64,
}

impl Scalar {
    pub const ALL: [Scalar; 11] = [
        Scalar::U32,
        Scalar::I32,
        Scalar::F32,
        Scalar::U8,
        Scalar::I8,
        Scalar::U16,
        Scalar::I16,
        Scalar::F16,
        Scalar::U64,
        Scalar::I64,
        Scalar::F64,
    ];

    pub fn bytes(self) -> u32 {
        match self {
            Scalar::U8 | Scalar::I8 => 1,
            Scalar::U16 | Scalar::I16 | Scalar::F16 => 2,
            Scalar::U32 | Scalar::I32 | Scalar::F32 => 4,
            Scalar::U64 | Scalar::I64 | Scalar::F64 => 8,
        }
    }

    pub fn float(self) -> bool {
        matches!(self, Scalar::F16 | Scalar::F32 | Scalar::F64)
    }

    pub fn signed(self) -> bool {
        matches!(self, Scalar::I8 | Scalar::I16 | Scalar::I32 | Scalar::I64)
    }

    /// The unsigned integer of the same width.
    pub fn unsigned(self) -> Scalar {
        match self.bytes() {
            1 => Scalar::U8,
            2 => Scalar::U16,
            4 => Scalar::U32,
            _ => Scalar::U64,
        }
    }
}

/// How many elements an array has, as the module says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Length {
    Fixed,
    /// By a specialization constant, whose default is the length.
    Specialized,
    /// Not at all. The memory has the length nevertheless.
    Runtime,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    Scalar(Scalar),
    Vector(Scalar, u32),
    /// `stride` bytes from a column to the next, or from a row to the next if the matrix is row-major.
    Matrix {
        scalar: Scalar,
        columns: u32,
        rows: u32,
        stride: u32,
        row_major: bool,
    },
    Array {
        element: Box<Type>,
        length: u32,
        stride: u32,
        kind: Length,
    },
    Struct(usize),
    /// A unified address of a struct that is a block.
    Pointer(usize),
}

/// Who may touch a block's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Each object belongs to one invocation, which reads and writes it.
    Own,
    /// All invocations read, nobody writes.
    Shared,
}

/// What a block's member promises. At most one thing, which is what shrinking takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    None,
    NonWritable,
    NonReadable,
    Coherent,
    Volatile,
    Restrict,
}

#[derive(Clone, Debug)]
pub struct Member {
    pub ty: Type,
    /// Bytes from the struct's start.
    pub offset: u32,
    pub promise: Promise,
}

#[derive(Clone, Debug)]
pub struct Struct {
    /// Pointers point to blocks; others are parts of blocks.
    pub block: bool,
    pub class: Class,
    pub members: Vec<Member>,
    /// Bytes, runtime arrays and padding included.
    pub size: u32,
}

/// The structs of a recipe, which types name by index.
#[derive(Clone, Debug, Default)]
pub struct Types(pub Vec<Struct>);

impl Types {
    /// The alignment of the type's widest scalar in bytes: what every address of it has.
    pub fn align(&self, ty: &Type) -> u32 {
        match ty {
            Type::Scalar(scalar) | Type::Vector(scalar, _) | Type::Matrix { scalar, .. } => scalar.bytes(),
            Type::Array { element, .. } => self.align(element),
            Type::Struct(index) => self.0[*index].members.iter().map(|m| self.align(&m.ty)).max().unwrap_or(1),
            Type::Pointer(_) => 8,
        }
    }

    pub fn size(&self, ty: &Type) -> u32 {
        match ty {
            Type::Scalar(scalar) => scalar.bytes(),
            Type::Vector(scalar, components) => scalar.bytes() * components,
            Type::Matrix { columns, rows, stride, row_major, .. } => stride * if *row_major { rows } else { columns },
            Type::Array { length, stride, .. } => length * stride,
            Type::Struct(index) => self.0[*index].size,
            Type::Pointer(_) => 8,
        }
    }

    /// Scalars and pointers in a value of the type.
    pub fn leaves(&self, ty: &Type) -> u32 {
        match ty {
            Type::Scalar(_) | Type::Pointer(_) => 1,
            Type::Vector(_, components) => *components,
            Type::Matrix { columns, rows, .. } => columns * rows,
            Type::Array { element, length, .. } => length * self.leaves(element),
            Type::Struct(index) => self.0[*index].members.iter().map(|m| self.leaves(&m.ty)).sum(),
        }
    }

    /// Whether a part of the type, or the type itself, is such.
    pub fn any(&self, ty: &Type, such: &dyn Fn(&Type) -> bool) -> bool {
        such(ty)
            || match ty {
                Type::Array { element, .. } => self.any(element, such),
                Type::Struct(index) => self.0[*index].members.iter().any(|m| self.any(&m.ty, such)),
                _ => false,
            }
    }

    /// Whether a member of the type, at any depth, promises this.
    pub fn promises(&self, ty: &Type, promise: Promise) -> bool {
        match ty {
            Type::Array { element, .. } => self.promises(element, promise),
            Type::Struct(index) => {
                self.0[*index].members.iter().any(|m| m.promise == promise || self.promises(&m.ty, promise))
            }
            _ => false,
        }
    }

    /// Whether the length of some array in it is known only when the pipeline is built, or never.
    pub fn unsized_array(&self, ty: &Type) -> bool {
        self.any(ty, &|t| matches!(t, Type::Array { kind: Length::Specialized | Length::Runtime, .. }))
    }

    /// Whether it is a matrix or an array of such: something whose layout its type alone does not tell.
    pub fn bare_matrix(&self, ty: &Type) -> bool {
        match ty {
            Type::Matrix { .. } => true,
            Type::Array { element, .. } => self.bare_matrix(element),
            _ => false,
        }
    }

    /// Where in an object of this type vectors lie, in bytes, and how many bytes they have. Row-major matrices have none.
    pub fn vectors(&self, ty: &Type, at: u32, found: &mut Vec<(u32, u32)>) {
        match ty {
            Type::Vector(..) => found.push((at, self.size(ty))),
            Type::Matrix { scalar, columns, rows, stride, row_major: false } => {
                found.extend((0..*columns).map(|column| (at + column * stride, rows * scalar.bytes())));
            }
            Type::Array { element, length, stride, .. } => {
                (0..*length).for_each(|index| self.vectors(element, at + index * stride, found));
            }
            Type::Struct(index) => {
                let members = &self.0[*index].members;
                members.iter().for_each(|member| self.vectors(&member.ty, at + member.offset, found));
            }
            _ => {}
        }
    }

    /// Where in an object of this type pointers lie, and to which block.
    pub fn pointers(&self, ty: &Type, at: u32, found: &mut Vec<(u32, usize)>) {
        match ty {
            Type::Pointer(block) => found.push((at, *block)),
            Type::Array { element, length, stride, .. } => {
                for index in 0..*length {
                    self.pointers(element, at + index * stride, found);
                }
            }
            Type::Struct(index) => {
                for member in &self.0[*index].members {
                    self.pointers(&member.ty, at + member.offset, found);
                }
            }
            _ => {}
        }
    }
}

/// Bytes up to the next multiple of a power of two.
pub fn round_up(bytes: u32, align: u32) -> u32 {
    bytes.next_multiple_of(align)
}

/// The largest power of two that divides a number; that of 0 is more than any alignment here.
pub fn low_bit(number: u32) -> u32 {
    if number == 0 { 1 << 30 } else { number & number.wrapping_neg() }
}

impl Types {
    /// Invents a type for a member: a struct among `nested` at times, a pointer to one of `blocks` at times. Bytes are bounded by `room`.
    pub fn invent(&self, picks: &mut Picks, depth: u32, nested: &[usize], blocks: &[usize], room: u32) -> Type {
        let scalar = picks.of(&Scalar::ALL);
        let ty = match picks.below(16) {
            0..4 => Type::Scalar(scalar),
            4..8 => Type::Vector(scalar, 2 + picks.below(3) as u32),
            8..10 => self.invent_matrix(picks),
            10..13 if depth > 0 => {
                let element = self.invent(picks, depth - 1, nested, blocks, room / 3);
                self.array(picks, element, Length::Fixed)
            }
            13..15 if !nested.is_empty() => Type::Struct(picks.of(nested)),
            15 if !blocks.is_empty() => Type::Pointer(picks.of(blocks)),
            _ => Type::Vector(scalar, 4),
        };
        if self.size(&ty) > room { Type::Scalar(scalar) } else { ty }
    }

    fn invent_matrix(&self, picks: &mut Picks) -> Type {
        let scalar = picks.of(&[Scalar::F32, Scalar::F32, Scalar::F64, Scalar::F16]);
        let (columns, rows) = (2 + picks.below(3) as u32, 2 + picks.below(3) as u32);
        let row_major = picks.percent(50);
        let line = if row_major { columns } else { rows };
        let stride = match picks.below(3) {
            0 => line * scalar.bytes(),
            1 => (line * scalar.bytes()).next_power_of_two(),
            _ => (line + picks.below(6) as u32) * scalar.bytes(),
        };
        Type::Matrix { scalar, columns, rows, stride, row_major }
    }

    /// An array of elements with a stride that is often larger than the element.
    pub fn array(&self, picks: &mut Picks, element: Type, kind: Length) -> Type {
        let align = self.align(&element);
        let tight = round_up(self.size(&element), align);
        let stride = match picks.below(3) {
            0 => tight,
            1 => round_up(tight, 16.max(align)),
            _ => tight + align * picks.below(5) as u32,
        };
        let length = 1 + picks.below(if tight <= 8 { 9 } else { 4 }) as u32;
        let kind = if kind == Length::Fixed && picks.percent(12) { Length::Specialized } else { kind };
        Type::Array { element: Box::new(element), length, stride, kind }
    }
}
