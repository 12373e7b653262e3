//! Turns an argument struct into a launch's argument bytes, and tells what the struct looks like in the block.
//!
//! # Safety
//! Values are copied as bytes. A value's padding is uninitialised memory and is never read: only the runs of bytes
//! that the type's layout table gives to numbers and pointers are copied, the rest of the block stays zero.

#![allow(unsafe_code)]

use super::{
    args::{Access, In, InOut, Out, Reach, Reached, Used},
    layout::TypeLayout,
    length::Length,
    types::GpuStruct,
};
use crate::{Error, Result};
use smallvec::SmallVec;

/// Bytes of arguments that a launch holds without allocating: what devices offer as push constants at most.
pub(crate) const CAPACITY: usize = 256;

/// The arguments of a kernel; derive it with `#[derive(KernelArgs)]`.
///
/// The fields are laid out in the shader's push-constant block in order, each at the next multiple of its alignment
/// (GLSL's `scalar` layout): a [`GpuStruct`] value as itself, an [`In`], [`Out`] or [`InOut`] as an 8-byte pointer, a
/// [`Reach`] not at all. `#[len(expression)]` on a slice gives the number of elements that it must have at least.
///
/// When a kernel is loaded, the struct is compared with the shader's block: number, offsets and kinds, and for slices
/// the layout of the elements. In the shader a slice is a pointer (in GLSL a `buffer_reference`), or a 64-bit integer
/// or `uvec2` that holds the address, whose elements cannot be compared. An `In` needs a block whose members are all
/// `readonly` (`NonWritable` in SPIR-V); where a compiler cannot say so, as for Slang's and HLSL's pointers and for
/// addresses that are integers, the shader counts as writing and the argument is an `InOut`. Memory that a slice's
/// accesses need aligned to more than its element must start so aligned at each launch.
///
/// # Safety
/// `With<'a>` is `Self` with its lifetime replaced; `encode` reports every slice that it passes; `layout` describes the
/// bytes that `encode` writes.
#[diagnostic::on_unimplemented(message = "`{Self}` is no argument struct", note = "add #[derive(KernelArgs)]")]
pub unsafe trait KernelArgs: 'static {
    /// The struct with slices that are borrowed for `'a`.
    type With<'a>;

    /// The members of the argument block, in order. A `Reach` has none.
    fn layout() -> Vec<ArgLayout>;

    /// Checks the `#[len]`s and writes the arguments' bytes and uses.
    #[doc(hidden)]
    fn encode<'a>(args: &Self::With<'a>, encoder: &mut Encoder<'a>);
}

/// Argument structs whose launch is safe: they have no `Reach` field.
///
/// # Safety
/// Derived with [`KernelArgs`].
#[diagnostic::on_unimplemented(message = "`{Self}` follows pointers: launch it with `unsafe {{ launch_reaching }}`")]
pub unsafe trait SafeArgs: KernelArgs {}

/// A member of the argument block, as Rust sees it.
#[derive(Clone, Copy, Debug)]
pub struct ArgLayout {
    /// The field's name.
    pub name: &'static str,
    /// Bytes from the start of the block.
    pub offset: usize,
    /// Bytes.
    pub size: usize,
    /// Value or slice.
    pub kind: ArgKind,
}

/// What a member of the argument block is.
#[derive(Clone, Copy, Debug)]
pub enum ArgKind {
    /// The value itself.
    Value(TypeLayout),
    /// A pointer to a slice.
    Slice {
        /// What the kernel does with it.
        access: Access,
        /// One element.
        element: TypeLayout,
    },
}

/// Collects a launch's argument bytes and the uses that it makes of lent memory. Does not allocate, unless a launch
/// uses more than eight slices.
pub struct Encoder<'a> {
    bytes: [u8; CAPACITY],
    /// Bytes asked for, also those beyond the capacity, which are not stored.
    len: usize,
    uses: SmallVec<[Used<'a>; 8]>,
    arguments: usize,
    bad: Option<Error>,
}

impl<'a> Encoder<'a> {
    pub(crate) fn new() -> Self {
        Encoder { bytes: [0; CAPACITY], len: 0, uses: SmallVec::new(), arguments: 0, bad: None }
    }

    /// The first thing that was wrong, if any. `kernel` is for the message.
    pub(crate) fn finish(self, kernel: &str) -> Result<Self> {
        match self.bad {
            Some(e) => Err(e),
            None if self.len > CAPACITY => {
                Err(Error::ArgumentsTooLarge { kernel: kernel.into(), bytes: self.len, limit: CAPACITY })
            }
            None => Ok(self),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len.min(CAPACITY)]
    }

    pub(crate) fn uses(&self) -> &[Used<'a>] {
        &self.uses
    }

    /// Room for a member, zeroed; `None` beyond the capacity, which `finish` reports.
    fn member(&mut self, size: usize, align: usize) -> Option<&mut [u8]> {
        let start = self.len.next_multiple_of(align);
        self.len = start + size;
        self.arguments += 1;
        self.bytes.get_mut(start..self.len)
    }

    fn slice(&mut self, used: Used<'a>) {
        if let Some(room) = self.member(8, 8) {
            room.copy_from_slice(&used.span.start.to_ne_bytes());
        }
        self.uses.push(used);
    }

    /// For the derive: notes if `slice` has fewer elements than `needed`, the value of its `#[len(expression)]`.
    #[doc(hidden)]
    pub fn at_least<'b>(
        &mut self,
        field: &'static str,
        slice: &impl SliceField<'b>,
        text: &'static str,
        needed: Length,
    ) {
        if self.bad.is_some() {
            return;
        }
        let got = slice.elements() as u64;
        self.bad = match needed.value() {
            Ok(needed) if needed > got => Some(Error::ShortSlice { field, needed, got }),
            Ok(_) => None,
            Err(reason) => Some(Error::BadLength { field, expression: text, reason }),
        };
    }
}

/// Copies the bytes of `value` that belong to numbers and pointers; padding leaves `room` as it is.
pub(crate) fn copy_used<T: GpuStruct>(value: &T, room: &mut [u8]) {
    T::LAYOUT.each_used(0, &mut |at, len| {
        let from = (&raw const *value).cast::<u8>();
        // SAFETY: GpuStruct's implementer promises that LAYOUT describes T: at..at + len lies inside `value` and is
        // initialised.
        let run = unsafe { std::slice::from_raw_parts(from.wrapping_add(at), len) };
        room[at..at + len].copy_from_slice(run);
    });
}

mod sealed {
    pub trait Sealed {}
}

/// A field of an argument struct.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a kernel argument",
    label = "neither a slice lent by a scope nor a type that shaders know",
    note = "use In, Out, InOut, Reach, or a type that implements GpuStruct"
)]
pub trait Field<'a>: sealed::Sealed {
    fn put(&self, name: &'static str, encoder: &mut Encoder<'a>);
    fn describe(name: &'static str, block: &mut Block);
}

/// A field that names no memory beyond lent slices.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of an argument struct whose launch is safe",
    note = "an alias of `Reach` is not seen: write `Reach` itself, which makes the launch unsafe"
)]
pub trait SafeField: sealed::Sealed {}

/// A field that `#[len]` may stand on.
#[doc(hidden)]
#[diagnostic::on_unimplemented(message = "`#[len]` belongs on an In, Out or InOut field, not on `{Self}`")]
pub trait SliceField<'a>: sealed::Sealed {
    fn elements(&self) -> usize;
}

/// Lays out the argument block.
#[doc(hidden)]
#[derive(Default)]
pub struct Block {
    members: Vec<ArgLayout>,
    end: usize,
}

impl Block {
    pub fn field<F: Field<'static>>(&mut self, name: &'static str) {
        F::describe(name, self);
    }
    pub fn finish(self) -> Vec<ArgLayout> {
        self.members
    }
    fn member(&mut self, name: &'static str, size: usize, align: usize, kind: ArgKind) {
        let offset = self.end.next_multiple_of(align);
        self.members.push(ArgLayout { name, offset, size, kind });
        self.end = offset + size;
    }
}

impl<T: GpuStruct> sealed::Sealed for T {}
impl<T: GpuStruct> SafeField for T {}
impl<T: GpuStruct> Field<'_> for T {
    fn put(&self, _: &'static str, encoder: &mut Encoder<'_>) {
        if let Some(room) = encoder.member(size_of::<T>(), align_of::<T>()) {
            copy_used(self, room);
        }
    }
    fn describe(name: &'static str, block: &mut Block) {
        block.member(name, size_of::<T>(), align_of::<T>(), ArgKind::Value(T::LAYOUT));
    }
}

macro_rules! slice_field {
    ($($name:ident),*) => { $(
        impl<T: GpuStruct> sealed::Sealed for $name<'_, T> {}
        impl<T: GpuStruct> SafeField for $name<'_, T> {}
        impl<T: GpuStruct> SliceField<'_> for $name<'_, T> {
            fn elements(&self) -> usize {
                self.len()
            }
        }
        impl<'a, T: GpuStruct> Field<'a> for $name<'a, T> {
            fn put(&self, field: &'static str, encoder: &mut Encoder<'a>) {
                let argument = Some(encoder.arguments);
                let write = Access::$name.writes();
                encoder.slice(Used { uses: self.uses(), span: self.span(), write, field, argument, hint: None });
            }
            fn describe(name: &'static str, block: &mut Block) {
                block.member(name, 8, 8, ArgKind::Slice { access: Access::$name, element: T::LAYOUT });
            }
        }
    )* };
}
slice_field!(In, Out, InOut);

impl sealed::Sealed for Reach<'_> {}
impl<'a> Field<'a> for Reach<'a> {
    fn put(&self, field: &'static str, encoder: &mut Encoder<'a>) {
        for &Reached { uses, span, write, hint } in self.parts() {
            encoder.uses.push(Used { uses, span, write, field, argument: None, hint });
        }
    }
    fn describe(_: &'static str, _: &mut Block) {}
}
