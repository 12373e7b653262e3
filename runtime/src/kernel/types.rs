//! Types whose values a shader and the CPU share: the marker trait, and the pointer that lives inside data.
//!
//! # Safety
//! `GpuStruct` is implemented here for numbers, arrays of shared types and `Ptr`, which is a number with a type.

#![allow(unsafe_code)]

use super::layout::{Scalar, TypeLayout};
use std::{
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
};

/// A type that memory shared with shaders may hold.
///
/// Implemented for the integers up to 64 bits, `f32`, `f64`, arrays of shared types and [`Ptr`]; for structs use
/// `#[derive(GpuStruct)]`.
///
/// # Safety
/// - Every bit pattern is a valid value, and there is no interior mutability and no Rust pointer in it.
/// - `LAYOUT` describes the type: its size and alignment, and each run of bytes that `LAYOUT` gives to a number or
///   pointer is initialised in every value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be shared with a shader",
    label = "not a type that shaders know",
    note = "u32 for bool, Ptr<T> for a reference, #[derive(GpuStruct)] for a struct"
)]
pub unsafe trait GpuStruct: Copy + Send + Sync + 'static {
    /// What the type looks like in memory.
    const LAYOUT: TypeLayout;
}

macro_rules! scalars {
    ($($t:ty = $s:ident),*) => { $(
        // SAFETY: a plain number: every bit pattern is a value, and all of its bytes are always initialised.
        unsafe impl GpuStruct for $t {
            const LAYOUT: TypeLayout = TypeLayout::Scalar(Scalar::$s);
        }
        const _: () = assert!(size_of::<$t>() == Scalar::$s.size() && align_of::<$t>() == Scalar::$s.size());
    )* };
}
scalars!(u8 = U8, i8 = I8, u16 = U16, i16 = I16, u32 = U32, i32 = I32, u64 = U64, i64 = I64, f32 = F32, f64 = F64);

// SAFETY: an array has its elements' properties, one every size_of::<T>() bytes.
unsafe impl<T: GpuStruct, const N: usize> GpuStruct for [T; N] {
    const LAYOUT: TypeLayout = TypeLayout::Array { element: &T::LAYOUT, len: N, stride: size_of::<T>() };
}

/// A unified address inside data: what a shader sees as a pointer to `T`. 8 bytes, any bits are valid, null is 0.
///
/// A `Ptr` is a number: making one and copying one is safe, and it keeps nothing alive. Following it on the CPU is
/// checked against the slice that owns the memory:
///
/// ```
/// use vksvm::Ptr;
/// let mut values = [10u32, 20, 30];
/// let p = Ptr::to(&values[1]);
/// assert_eq!(p.index(&values), Some(1));
/// *p.get_mut(&mut values).unwrap() += 1;
/// assert_eq!(p.get(&values), Some(&21));
/// assert_eq!(p.get(&values[2..]), None);
/// assert_eq!(Ptr::NULL.get(&values), None);
/// ```
#[repr(transparent)]
pub struct Ptr<T>(
    /// The address.
    pub u64,
    PhantomData<fn() -> T>,
);

// SAFETY: `repr(transparent)` over a u64, of which every bit pattern is valid.
unsafe impl<T: GpuStruct> GpuStruct for Ptr<T> {
    const LAYOUT: TypeLayout = TypeLayout::Pointer(layout_of::<T>);
}

fn layout_of<T: GpuStruct>() -> TypeLayout {
    T::LAYOUT
}

impl<T> Ptr<T> {
    /// Points at nothing.
    pub const NULL: Self = Ptr(0, PhantomData);

    /// The address of `target`. A shader can follow it while `target` is memory of a heap that the launch may reach.
    pub fn to(target: &T) -> Self {
        Ptr((&raw const *target).expose_provenance() as u64, PhantomData)
    }

    /// A pointer from an address in bytes, e.g. one that another `Ptr` was turned into.
    pub const fn from_address(address: u64) -> Self {
        Ptr(address, PhantomData)
    }

    /// The address in bytes.
    pub const fn address(self) -> u64 {
        self.0
    }

    /// Whether it points at nothing.
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }

    /// The same address as a pointer to `U`.
    pub const fn cast<U>(self) -> Ptr<U> {
        Ptr(self.0, PhantomData)
    }

    /// The address `count` elements on, as a shader computes it: wrapping, with no bounds known.
    pub const fn wrapping_add(self, count: u64) -> Self {
        Ptr(self.0.wrapping_add(count.wrapping_mul(size_of::<T>() as u64)), PhantomData)
    }

    /// Index in `owner` of the element that this points at; `None` if it points at none, or into the middle of one.
    pub fn index(self, owner: &[T]) -> Option<usize> {
        let offset = usize::try_from(self.0).ok()?.checked_sub(owner.as_ptr().addr())?;
        let size = size_of::<T>().max(1);
        (offset % size == 0 && offset / size < owner.len()).then_some(offset / size)
    }

    /// The element of `owner` that this points at; `None` if it points at none, or into the middle of one.
    pub fn get(self, owner: &[T]) -> Option<&T> {
        self.index(owner).map(|i| &owner[i])
    }

    /// As [`get`](Self::get), for writing.
    pub fn get_mut(self, owner: &mut [T]) -> Option<&mut T> {
        self.index(owner).map(|i| &mut owner[i])
    }
}

// Written out because derives would ask the same of T.
impl<T> Copy for Ptr<T> {}
impl<T> Clone for Ptr<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Default for Ptr<T> {
    fn default() -> Self {
        Ptr::NULL
    }
}
impl<T> PartialEq for Ptr<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Ptr<T> {}
impl<T> PartialOrd for Ptr<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Ptr<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<T> Hash for Ptr<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state)
    }
}
impl<T> From<&T> for Ptr<T> {
    fn from(target: &T) -> Self {
        Ptr::to(target)
    }
}
impl<T> fmt::Debug for Ptr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_null() { f.write_str("null") } else { write!(f, "{:#x}", self.0) }
    }
}
