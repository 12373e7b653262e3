//! Owns what happens to an allocation whose size changes where it is.
//!
//! # Safety
//!
//! As for the allocator: the caller vouches for the pointer and its layout, and the new bytes come out of the caller's
//! own slot or pages, or out of the free runs.
#![allow(unsafe_code)]

use super::{Heap, lock, misuse, pages_for};
use crate::addr::PAGE;
use crate::heap::classes::Class;
use crate::heap::pages::Use;
use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

impl Heap {
    /// Makes an allocation larger without moving it, and says whether that was possible: the slot is large enough, or
    /// the pages behind it are free. With `zeroed` the new bytes are zeros. Nothing changes if it says no.
    ///
    /// # Safety
    ///
    /// As for [`Heap::free`] with `old`; `new` is at least as large. The bytes behind `old` are not in use.
    pub(crate) unsafe fn grow_in_place(&self, ptr: NonNull<u8>, old: Layout, new: Layout, zeroed: bool) -> bool {
        if !ptr.addr().get().is_multiple_of(new.align()) {
            return false;
        }
        let (page, within) = self.locate(ptr);
        let start = page as usize * PAGE + within;
        match self.pages.get(page) {
            Use::Slab { class, shard, .. } => {
                if new.size() > class.size() {
                    return false;
                }
                // The caller's own slot: nobody else uses these bytes.
                if zeroed && self.zero(start + old.size()..start + new.size()).is_err() {
                    return false;
                }
                self.bin(usize::from(shard), class).resized(old.size(), new.size());
            }
            Use::Run { pages } if within == 0 => {
                let Some(wanted) = pages_for(new) else { return false };
                let (end, had) = (page + pages, start + pages as usize * PAGE);
                // In the pages that the caller's allocation has, which nobody else uses.
                if zeroed && self.zero((start + old.size()).min(had)..had.min(start + new.size())).is_err() {
                    return false;
                }
                if wanted > pages {
                    if !lock(&self.runs).take_at(end, wanted - pages) {
                        return false;
                    }
                    if zeroed && self.zero_dirty(end..page + wanted).is_err() {
                        self.give_pages(end..page + wanted);
                        return false;
                    }
                    self.pages.set(page, Use::Run { pages: wanted });
                }
                self.large_bytes.fetch_add(new.size() - old.size(), Ordering::Relaxed);
            }
            _ => misuse("grown", ptr),
        }
        true
    }

    /// Makes an allocation smaller without moving it, and says whether that was possible: only an alignment that it
    /// does not happen to have prevents it. Whole pages behind it are freed; a slot stays as large as it is.
    ///
    /// # Safety
    ///
    /// As for [`Heap::free`] with `old`; `new` is at most as large.
    pub(crate) unsafe fn shrink_in_place(&self, ptr: NonNull<u8>, old: Layout, new: Layout) -> bool {
        if !ptr.addr().get().is_multiple_of(new.align()) {
            return false;
        }
        let (page, within) = self.locate(ptr);
        match self.pages.get(page) {
            Use::Slab { class, shard, .. } => self.bin(usize::from(shard), class).resized(old.size(), new.size()),
            Use::Run { pages } if within == 0 => {
                self.large_bytes.fetch_sub(old.size() - new.size(), Ordering::Relaxed);
                let wanted = pages_for(new).map_or(pages, |wanted| wanted.min(pages));
                if wanted < pages {
                    self.pages.set(page, Use::Run { pages: wanted });
                    self.give_pages(page + wanted..page + pages);
                }
            }
            _ => misuse("shrunk", ptr),
        }
        true
    }

    /// Whether an allocation that shrinks to `new` is worth moving: the piece that it has is at least twice what `new`
    /// would be given, even after `shrink_in_place`.
    pub(crate) fn worth_moving(&self, ptr: NonNull<u8>, new: Layout) -> bool {
        let has = match self.pages.get(self.locate(ptr).0) {
            Use::Slab { class, .. } => class.size(),
            _ => PAGE,
        };
        Class::of(new).is_some_and(|class| class.size() * 2 <= has)
    }
}
