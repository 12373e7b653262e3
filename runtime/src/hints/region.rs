//! What a hint is about: a run of bytes in the heap.

use crate::{Lent, SvmBox, SvmVec, addr::Span};

/// Bytes of the heap that a hint or a query is about. Made from what lies there; it borrows nothing, since hints look at no
/// content, so that hints can be given for memory that launches use right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region(pub(crate) Span);

impl Region {
    /// Whether it has no byte.
    pub(crate) fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl From<Span> for Region {
    fn from(span: Span) -> Self {
        Region(span)
    }
}

impl<T> From<*const [T]> for Region {
    /// The elements of a slice that need not be borrowed, for memory that is lent.
    fn from(slice: *const [T]) -> Self {
        Region(Span::of(slice))
    }
}

impl<T> From<&[T]> for Region {
    fn from(slice: &[T]) -> Self {
        Region(Span::of(slice))
    }
}

impl<T> From<&SvmVec<T>> for Region {
    /// The vector's elements; not what it has room for.
    fn from(vec: &SvmVec<T>) -> Self {
        Region(Span::of(vec.as_slice()))
    }
}

impl<T> From<&SvmBox<T>> for Region {
    fn from(value: &SvmBox<T>) -> Self {
        Region(Span::of(std::slice::from_ref::<T>(value)))
    }
}

impl<T> From<&Lent<'_, T>> for Region {
    fn from(lent: &Lent<'_, T>) -> Self {
        Region(lent.span())
    }
}
