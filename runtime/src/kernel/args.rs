//! The argument wrappers: slices lent to a kernel, and what it reaches through pointers.
//!
//! Only a scope makes them, so that whoever holds one knows that the memory stays lent while a launch may use it.
//!
//! # Safety
//! The wrappers hold a raw pointer for a borrowed slice. The constructors' callers promise that the borrow holds for
//! `'a`; nothing here follows the pointer.

#![allow(unsafe_code)]

use super::scope::Uses;
use crate::{addr::Span, hints::AccessHint};
use smallvec::SmallVec;
use std::{fmt, marker::PhantomData};

/// What a kernel does with a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reads it: [`In`].
    In,
    /// Writes it: [`Out`].
    Out,
    /// Reads and writes it: [`InOut`].
    InOut,
}

impl Access {
    /// Whether the kernel may write.
    pub const fn writes(self) -> bool {
        !matches!(self, Access::In)
    }
}

const fn shared_between_threads<T: Send + Sync>() {}
// The wrappers' Send and Sync promise this for the references that they hold.
const _: () = shared_between_threads::<&Uses<'static>>();

macro_rules! wrapper {
    ($name:ident, $pointer:ty, $borrow:ty, $doc:literal) => {
        #[doc = $doc]
        ///
        /// In the shader's argument block it is one 8-byte pointer; the length is not passed, so pass what the shader
        /// needs as a field of its own and check it with `#[len(..)]`.
        pub struct $name<'a, T> {
            ptr: $pointer,
            len: usize,
            uses: &'a Uses<'a>,
            borrow: PhantomData<$borrow>,
        }

        // SAFETY: a borrow of elements of type T that may be used on both sides of the move, plus a reference to
        // `Uses`, which is shared between threads.
        unsafe impl<T: Send + Sync> Send for $name<'_, T> {}
        // SAFETY: as for Send; nothing is mutable through a shared reference.
        unsafe impl<T: Send + Sync> Sync for $name<'_, T> {}

        impl<'a, T> $name<'a, T> {
            /// # Safety
            /// `ptr` and `len` are a slice that is borrowed for `'a`, shared for `In`, exclusively for the others, and
            /// whoever lends it waits, before the borrow ends, for the launches that `uses` records.
            pub(crate) unsafe fn lent(ptr: $pointer, len: usize, uses: &'a Uses<'a>) -> Self {
                Self { ptr, len, uses, borrow: PhantomData }
            }

            /// How many elements.
            pub fn len(&self) -> usize {
                self.len
            }

            /// Whether it has no element.
            pub fn is_empty(&self) -> bool {
                self.len == 0
            }

            /// The unified addresses of its elements.
            pub(crate) fn span(&self) -> Span {
                let ptr: *const T = self.ptr;
                Span::of(std::ptr::slice_from_raw_parts(ptr, self.len))
            }

            pub(crate) fn uses(&self) -> &'a Uses<'a> {
                self.uses
            }
        }

        impl<T> fmt::Debug for $name<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(
                    f,
                    "{}<{}>[{}] at {:#x}",
                    stringify!($name),
                    std::any::type_name::<T>(),
                    self.len,
                    self.span().start
                )
            }
        }
    };
}
wrapper!(In, *const T, &'a [T], "A slice that a kernel reads. Made only by a scope; copied freely.");
wrapper!(
    Out,
    *mut T,
    &'a mut [T],
    "A slice that a kernel writes. Elements that it does not write keep their value. Made only by a scope; serves one launch."
);
wrapper!(
    InOut,
    *mut T,
    &'a mut [T],
    "A slice that a kernel reads and writes. Made only by a scope; serves one launch."
);

impl<T> Copy for In<'_, T> {}
impl<T> Clone for In<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

/// One use that a launch makes of lent memory.
#[derive(Clone, Copy)]
pub(crate) struct Used<'a> {
    /// Where the lender keeps the slice's uses.
    pub uses: &'a Uses<'a>,
    /// The bytes.
    pub span: Span,
    /// Whether the launch may write them.
    pub write: bool,
    /// The argument struct's field.
    pub field: &'static str,
    /// Index in `KernelArgs::layout()`; `None` for what a `Reach` covers.
    pub argument: Option<usize>,
    /// How the launch is expected to use them.
    pub hint: Option<AccessHint>,
}

/// What a kernel reaches through pointers that are stored in memory. Its presence makes the launch `unsafe`, since
/// safe code can store any address.
///
/// It has no member in the shader's argument block.
#[derive(Default)]
pub struct Reach<'a> {
    parts: SmallVec<[Reached<'a>; 4]>,
}

/// A part of what is reached.
#[derive(Clone, Copy)]
pub(crate) struct Reached<'a> {
    pub uses: &'a Uses<'a>,
    pub span: Span,
    pub write: bool,
    pub hint: Option<AccessHint>,
}

impl<'a> Reach<'a> {
    /// Reaches nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The kernel may read the elements of `slice` through pointers.
    pub fn read<T>(mut self, slice: In<'a, T>) -> Self {
        self.parts.push(Reached { uses: slice.uses(), span: slice.span(), write: false, hint: None });
        self
    }

    /// The kernel may read and write the elements of `slice` through pointers.
    pub fn update<T>(mut self, slice: InOut<'a, T>) -> Self {
        self.parts.push(Reached { uses: slice.uses(), span: slice.span(), write: true, hint: None });
        self
    }

    /// How the launch will use the slice that was named last: as [`Svm::access_hint`](crate::Svm::access_hint), given with the launch. A
    /// kernel that follows pointers into a large slice mostly uses little of it: cold parts are used in place, where that can be.
    ///
    /// ```no_run
    /// # use vksvm::{*, hints::AccessHint};
    /// # fn f<'a>(nodes: In<'a, u32>, edges: In<'a, u32>) -> Reach<'a> {
    /// Reach::new().read(nodes).expecting(AccessHint::hot()).read(edges).expecting(AccessHint::cold())
    /// # }
    /// ```
    pub fn expecting(mut self, hint: AccessHint) -> Self {
        if let Some(last) = self.parts.last_mut() {
            last.hint = Some(hint);
        }
        self
    }

    pub(crate) fn parts(&self) -> &[Reached<'a>] {
        &self.parts
    }
}

impl fmt::Debug for Reach<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.parts.iter().map(|part| (part.span, part.write))).finish()
    }
}
