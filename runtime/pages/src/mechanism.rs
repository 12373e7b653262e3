//! What the protocol needs done to memory, devices and time. Whoever implements it decides nothing.

use crate::{
    mask::{Mask, PAGES},
    watch::Happening,
};
use std::ops::{Deref, Range};

/// A page of device memory, by its number.
pub type Slot = u32;

/// Pages that are copied at once: contiguous in the heap and in device memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Move {
    /// The first page, counted from the heap's start.
    pub page: usize,
    /// Where it is, or goes, in device memory.
    pub slot: Slot,
    /// How many.
    pub pages: u32,
}

/// The moves of one block's pages. Allocates nothing: faults make them in signal handlers.
#[derive(Clone, Debug)]
pub struct Moves {
    list: [Move; PAGES],
    len: usize,
}

impl Moves {
    /// The pages of `mask` in `block`, each in its slot, in as few moves as there can be.
    pub fn of(block: usize, mask: Mask, slots: &[Slot; PAGES]) -> Self {
        let mut moves = Moves { list: [Move::default(); PAGES], len: 0 };
        for page in mask.iter() {
            let (at, slot) = (block * PAGES + page, slots[page]);
            match moves.list[..moves.len].last_mut() {
                Some(last) if last.page + last.pages as usize == at && last.slot + last.pages == slot => {
                    last.pages += 1
                }
                _ => {
                    moves.list[moves.len] = Move { page: at, slot, pages: 1 };
                    moves.len += 1;
                }
            }
        }
        moves
    }
}

impl Deref for Moves {
    type Target = [Move];
    fn deref(&self) -> &[Move] {
        &self.list[..self.len]
    }
}

/// Memory, device and time, as the protocol sees them. Ranges are of pages, counted from the heap's start.
///
/// *In service* means on behalf of a fault: in a signal handler, or on the thread that other threads' faults wait for. What
/// may be called there says so; it allocates nothing, logs nothing, and takes no lock that is ever held while heap memory is
/// touched.
pub trait Mechanism: Sync {
    /// Why something could not be done.
    type Error: Send;

    /// Gives pages their memory, which a page needs before its access is changed for the first time. In service, too.
    ///
    /// # Errors
    /// Out of memory.
    fn populate(&self, pages: Range<usize>) -> Result<(), Self::Error>;

    /// Takes the CPU's access away: when it returns no write of the CPU is under way, and the next touch faults.
    ///
    /// # Errors
    /// What the system says; the access is any then.
    fn revoke(&self, pages: Range<usize>) -> Result<(), Self::Error>;

    /// Takes the CPU's write access away, as [`Mechanism::revoke`] takes all.
    ///
    /// # Errors
    /// As there.
    fn protect(&self, pages: Range<usize>) -> Result<(), Self::Error>;

    /// Gives the CPU all access, whatever it had, and wakes who waits for it. In service, too.
    ///
    /// # Errors
    /// As for [`Mechanism::revoke`].
    fn restore(&self, pages: Range<usize>) -> Result<(), Self::Error>;

    /// Gives the CPU read access to pages that are revoked, and at no moment more; wakes who waits to read. In service, too.
    ///
    /// # Errors
    /// As for [`Mechanism::revoke`].
    fn expose(&self, pages: Range<usize>) -> Result<(), Self::Error>;

    /// Whether [`Mechanism::expose`] works here. Else a reader waits for the launches that read the same page.
    fn can_expose(&self) -> bool;

    /// Copies from the host's memory to the device's: launches that are submitted from now on see it.
    ///
    /// # Errors
    /// What the device says; the slots' content is any then.
    fn copy_in(&self, moves: &[Move]) -> Result<(), Self::Error>;

    /// Copies from the device's memory to the host's. In service, too.
    ///
    /// # Errors
    /// What the device says; the host's content is any then.
    fn copy_out(&self, moves: &[Move]) -> Result<(), Self::Error>;

    /// Has launches that are submitted from now on find pages in device memory. Under a block's lock, in service, too: a store.
    fn point_at(&self, moves: &[Move]);

    /// Has launches that are submitted from now on find pages where they are, with the host, if `in_place`; else nowhere.
    /// Under a block's lock, in service, too: a store.
    fn point_home(&self, pages: Range<usize>, in_place: bool);

    /// The host's copy of these pages is of no use any more: for tests, which overwrite it.
    fn spoil(&self, _pages: Range<usize>) {}

    /// Makes more device memory: the new slots, or `None` where no more can ever be had. One call at a time; no more slots in all
    /// than [`crate::Options::limit`].
    ///
    /// # Errors
    /// What the device says; what there was stays usable, and the next launch that lacks slots asks again.
    fn grow(&self) -> Result<Option<Range<Slot>>, Self::Error>;

    /// The last point known to be reached, which is at least what [`Mechanism::poll`] and [`Mechanism::wait`] have found. Cheap.
    /// Under blocks' locks, in service, too.
    fn reached(&self) -> u64;

    /// The last point that is reached: asks the device. No lock of the protocol is held, so it may take the one under which
    /// [`crate::Pages::commit`] is called.
    fn poll(&self) -> u64;

    /// Returns when `point` is reached, or the device lost: [`Mechanism::reached`] is at least `point` then.
    fn wait(&self, point: u64);

    /// Something that faults wait for besides points has changed: for those that do not wait in [`crate::Pages::fault`]. In service,
    /// too.
    fn changed(&self) {}

    /// Something can be done ahead of need: a thread that is not in service should call [`crate::Pages::fetch_ahead`], for CPU scans, until
    /// that returns false, then [`crate::Pages::clean_ahead`], for launches. In service.
    fn ahead(&self) {}

    /// Nanoseconds since some moment. In service, too.
    fn now(&self) -> u64 {
        0
    }

    /// Something happened to pages, for those who watch. In service, too.
    fn happened(&self, _what: Happening) {}

    /// Runs `run(0)` to `run(jobs - 1)`, in any order, in parallel where that pays. `pages` is how many are copied.
    ///
    /// # Errors
    /// The first that occurs; the others may have run or not.
    fn each(
        &self,
        jobs: usize,
        pages: usize,
        run: &(dyn Fn(usize) -> Result<(), Self::Error> + Sync),
    ) -> Result<(), Self::Error> {
        let _ = pages;
        (0..jobs).try_for_each(run)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn moves_are_as_long_as_both_sides_allow() {
        let mut slots = [0; PAGES];
        slots[3..8].copy_from_slice(&[10, 11, 12, 20, 21]);
        let moves = Moves::of(2, Mask::range(3..8), &slots);
        let at = |page, slot, pages| Move { page: 2 * PAGES + page, slot, pages };
        assert_eq!(moves[..], [at(3, 10, 3), at(6, 20, 2)]);
        let moves = Moves::of(0, Mask::page(4) | Mask::page(6), &slots);
        assert_eq!(moves.len(), 2, "slots follow each other, pages do not");
        assert!(Moves::of(0, Mask::NONE, &slots).is_empty());
    }
}
