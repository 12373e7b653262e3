//! The heap under allocator-api2's traits and collections.
//!
//! # Safety
//! [`SvmAlloc`] passes `Allocator`'s contract on to the heap: pointers and layouts that come in through the trait are
//! those that went out, and nobody uses a piece that is given back. The copies in `grow` and `shrink` are between an
//! old and a new piece of the heap, which never overlap.
#![allow(unsafe_code)]

use super::svm::Svm;
use crate::{
    error::{Error, Result},
    kernel::GpuStruct,
};
use allocator_api2::alloc::{AllocError, Allocator};
use std::{alloc::Layout, ptr::NonNull};

/// Allocates from an `Svm`'s heap; keeps it alive.
#[derive(Clone, Debug)]
pub struct SvmAlloc(Svm);

/// A `Vec` in the heap.
pub type SvmVec<T> = allocator_api2::vec::Vec<T, SvmAlloc>;

/// A `Box` in the heap.
pub type SvmBox<T> = allocator_api2::boxed::Box<T, SvmAlloc>;

impl SvmAlloc {
    /// The `Svm` that it allocates from.
    pub fn svm(&self) -> &Svm {
        &self.0
    }

    fn get(&self, layout: Layout, zeroed: bool) -> Result<NonNull<[u8]>, AllocError> {
        let ptr = match layout.size() {
            0 => dangling(layout),
            _ => self.0.0.alloc(layout, zeroed).map_err(|_| AllocError)?,
        };
        Ok(NonNull::slice_from_raw_parts(ptr, layout.size()))
    }

    /// # Safety
    /// As for `Allocator::grow` and `Allocator::shrink`.
    unsafe fn moved(
        &self,
        ptr: NonNull<u8>,
        old: Layout,
        new: Layout,
        zeroed: bool,
    ) -> Result<NonNull<[u8]>, AllocError> {
        let to = self.get(new, zeroed)?;
        let bytes = old.size().min(new.size());
        // SAFETY: both pieces hold `bytes`, and a new piece does not overlap a live one.
        unsafe { ptr.copy_to_nonoverlapping(to.cast(), bytes) };
        // SAFETY: the caller's promise for `ptr` and `old`; nobody uses the old piece any more.
        unsafe { self.deallocate(ptr, old) };
        Ok(to)
    }

    /// # Safety
    /// As for `Allocator::grow`.
    unsafe fn grown(
        &self,
        ptr: NonNull<u8>,
        old: Layout,
        new: Layout,
        zeroed: bool,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's promise; a piece of no bytes is not the heap's.
        if old.size() > 0 && unsafe { self.0.0.grow_in_place(ptr, old, new, zeroed) } {
            return Ok(NonNull::slice_from_raw_parts(ptr, new.size()));
        }
        // SAFETY: the caller's promise.
        unsafe { self.moved(ptr, old, new, zeroed) }
    }
}

/// What an allocation of no bytes is: aligned and never dereferenced.
fn dangling(layout: Layout) -> NonNull<u8> {
    // An alignment is never zero.
    NonNull::without_provenance(std::num::NonZeroUsize::new(layout.align()).unwrap_or(std::num::NonZeroUsize::MIN))
}

// SAFETY: pieces stay valid until they are given back, since the allocator keeps the heap alive; clones share the
// heap, so each may free what another allocated; moving the allocator moves no piece.
unsafe impl Allocator for SvmAlloc {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.get(layout, false)
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.get(layout, true)
    }

    unsafe fn deallocate(&self, ptr: NonNull<u8>, layout: Layout) {
        if layout.size() > 0 {
            // SAFETY: the caller's promise.
            unsafe { self.0.0.free(ptr, layout) };
        }
    }

    unsafe fn grow(&self, ptr: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: passed on.
        unsafe { self.grown(ptr, old, new, false) }
    }

    unsafe fn grow_zeroed(&self, ptr: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: passed on.
        unsafe { self.grown(ptr, old, new, true) }
    }

    unsafe fn shrink(&self, ptr: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let stays = new.size() > 0 && !self.0.0.worth_moving(ptr, new);
        // SAFETY: the caller's promise; `new.size() > 0`, so the old piece is the heap's.
        if stays && unsafe { self.0.0.shrink_in_place(ptr, old, new) } {
            return Ok(NonNull::slice_from_raw_parts(ptr, new.size()));
        }
        // SAFETY: the caller's promise.
        let moved = unsafe { self.moved(ptr, old, new, false) };
        // No room for a smaller piece elsewhere: `shrink_to_fit` aborts on an error, so keep the piece where it is.
        // SAFETY: as above; nothing has changed where the move failed.
        if moved.is_err() && new.size() > 0 && unsafe { self.0.0.shrink_in_place(ptr, old, new) } {
            return Ok(NonNull::slice_from_raw_parts(ptr, new.size()));
        }
        moved
    }
}

impl Svm {
    /// The allocator, for allocator-api2's collections: `SvmVec::with_capacity_in(n, svm.alloc())`.
    pub fn alloc(&self) -> SvmAlloc {
        SvmAlloc(self.clone())
    }

    /// A vector of the items. Aborts where the heap is exhausted, like `std`; see [`Svm::try_vec`].
    pub fn vec<T>(&self, items: impl IntoIterator<Item = T>) -> SvmVec<T> {
        let mut v = SvmVec::new_in(self.alloc());
        v.extend(items);
        v
    }

    /// A vector of the items.
    ///
    /// # Errors
    /// `HeapExhausted`, `CapacityOverflow`; `Alignment` for element types beyond 2 MiB.
    pub fn try_vec<T>(&self, items: impl IntoIterator<Item = T>) -> Result<SvmVec<T>> {
        let items = items.into_iter();
        let mut v = self.try_with_capacity(items.size_hint().0)?;
        for item in items {
            // Twice the room where there is that much, one more where not.
            if v.len() == v.capacity() && v.try_reserve(1).is_err() && v.try_reserve_exact(1).is_err() {
                return Err(self.0.exhausted(array::<T>(v.len() + 1)?));
            }
            v.push(item);
        }
        Ok(v)
    }

    /// An empty vector with room for `len` elements.
    ///
    /// # Errors
    /// As [`Svm::try_vec`].
    pub fn try_with_capacity<T>(&self, len: usize) -> Result<SvmVec<T>> {
        // SAFETY: no element is made.
        unsafe { self.raw(len, 0, false) }
    }

    /// A vector of `len` elements whose bytes are zero. Costs no writing where the pages were never used.
    /// Aborts where the heap is exhausted; see [`Svm::try_zeroed`].
    ///
    /// # Panics
    /// If the total exceeds the address space, like `vec![0; len]`.
    pub fn zeroed<T: GpuStruct>(&self, len: usize) -> SvmVec<T> {
        self.try_zeroed(len).unwrap_or_else(|error| match array::<T>(len) {
            Ok(layout) => std::alloc::handle_alloc_error(layout),
            Err(_) => panic!("{error}"),
        })
    }

    /// A vector of `len` elements whose bytes are zero.
    ///
    /// # Errors
    /// As [`Svm::try_vec`].
    pub fn try_zeroed<T: GpuStruct>(&self, len: usize) -> Result<SvmVec<T>> {
        // SAFETY: zeros are a value of every GpuStruct.
        unsafe { self.raw(len, len, true) }
    }

    /// A value in the heap. Aborts where the heap is exhausted; see [`Svm::try_boxed`].
    pub fn boxed<T>(&self, value: T) -> SvmBox<T> {
        SvmBox::new_in(value, self.alloc())
    }

    /// A value in the heap.
    ///
    /// # Errors
    /// As [`Svm::try_vec`].
    pub fn try_boxed<T>(&self, value: T) -> Result<SvmBox<T>> {
        SvmBox::try_new_in(value, self.alloc()).map_err(|_| self.refusal(Layout::new::<T>()))
    }

    /// # Safety
    /// The first `len` elements are valid as they come: none, or zeros where T takes any bits.
    unsafe fn raw<T>(&self, capacity: usize, len: usize, zeroed: bool) -> Result<SvmVec<T>> {
        let layout = array::<T>(capacity)?;
        if layout.size() == 0 {
            let mut v = SvmVec::new_in(self.alloc());
            // SAFETY: elements of no size need no memory; the caller vouches for their value.
            unsafe { v.set_len(len) };
            return Ok(v);
        }
        let ptr = self.0.alloc(layout, zeroed)?.cast::<T>();
        // SAFETY: allocated here with this allocator and layout; the caller vouches for the elements.
        Ok(unsafe { SvmVec::from_raw_parts_in(ptr.as_ptr(), len, capacity, self.alloc()) })
    }

    fn refusal(&self, layout: Layout) -> Error {
        match self.0.alloc(layout, false) {
            Ok(ptr) => {
                // SAFETY: allocated one line up and not used.
                unsafe { self.0.free(ptr, layout) };
                // There is room now, so another thread must have made it since.
                self.0.exhausted(layout)
            }
            Err(error) => error,
        }
    }
}

fn array<T>(len: usize) -> Result<Layout> {
    Layout::array::<T>(len).map_err(|_| Error::CapacityOverflow { len, size: size_of::<T>() })
}
