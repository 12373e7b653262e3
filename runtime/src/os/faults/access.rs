//! Owns what the CPU may do with pages of the user view.
//!
//! After `open` everything here is safe to call from signal handlers: no memory, no lock, no log. Whoever calls sees to it that two
//! calls for one page do not run at the same time, unless both restore it.

use super::{
    probe,
    uffd::{Mapped, Uffd},
};
use crate::{
    PAGE,
    config::Faults,
    error::{Error, OsError, Result},
    os::{call::SystemCalls, mapping::Mapping},
};
use rustix::mm::MprotectFlags;
use std::{ops::Range, sync::Arc};

/// What the CPU may do with pages of the user view. All ranges are byte offsets from the heap's start, multiples of 64 KiB, and
/// reach no further than the mapping (else: a panic).
///
/// In a forked child everything fails with EPERM and does nothing: the descriptors that it has inherited are its parent's heap.
pub(crate) struct Access {
    mapping: Arc<Mapping>,
    calls: SystemCalls,
    way: Way,
    tried: Vec<(Faults, String)>,
}

/// By what pages are taken away.
pub(super) enum Way {
    Userfaultfd(Uffd),
    Sigbus(Uffd),
    Signal,
}

impl Access {
    /// The way that is `asked` for, for Auto the first of userfaultfd, sigbus, signal that works. Each is really tried, on a
    /// small mapping of its own, before it is chosen.
    ///
    /// # Errors
    ///
    /// [`Error::FaultsUnavailable`] with what was tried and what came of it.
    pub(crate) fn open(asked: Faults, mapping: Arc<Mapping>, calls: &SystemCalls) -> Result<Self> {
        let ways: &[Faults] = match asked {
            Faults::Auto => &[Faults::Userfaultfd, Faults::Sigbus, Faults::Signal],
            Faults::Userfaultfd => &[Faults::Userfaultfd],
            Faults::Sigbus => &[Faults::Sigbus],
            Faults::Signal => &[Faults::Signal],
        };
        let mut tried = Vec::new();
        for kind in ways.iter().copied() {
            match probe::open(kind, &mapping, calls) {
                Ok((way, why)) => {
                    tried.push((kind, why));
                    return Ok(Access { mapping, calls: calls.clone(), way, tried });
                }
                Err(why) => tried.push((kind, why)),
            }
        }
        let reasons: Vec<_> = tried.iter().map(|(kind, why)| format!("{}: {why}", kind.name())).collect();
        Err(Error::FaultsUnavailable { faults: asked.name(), reason: reasons.join("; ") })
    }

    /// As `open`, without trying anything: what the probe works with.
    pub(super) fn untried(way: Way, mapping: Arc<Mapping>, calls: &SystemCalls) -> Self {
        Access { mapping, calls: calls.clone(), way, tried: Vec::new() }
    }

    /// Which way was taken; never Auto.
    pub(crate) fn kind(&self) -> Faults {
        match self.way {
            Way::Userfaultfd(_) => Faults::Userfaultfd,
            Way::Sigbus(_) => Faults::Sigbus,
            Way::Signal => Faults::Signal,
        }
    }

    /// What was tried, in order, the last of which was taken, and why or why not.
    pub(crate) fn tried(&self) -> &[(Faults, String)] {
        &self.tried
    }

    /// Pages get their memory; before their first revocation and before their first use in place.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] when memory has run out; part of the range may have got its memory by then.
    pub(crate) fn populate(&self, range: Range<usize>) -> Result<()> {
        self.mapping.populate(range)
    }

    /// The next touch faults. Pages are populated: what is not reads zeros, without a fault, except with `signal`.
    ///
    /// # Errors
    ///
    /// [`Error::Os`]. With `signal` ENOMEM at `vm.max_map_count`, where part of the range may be revoked.
    pub(crate) fn revoke(&self, range: Range<usize>) -> Result<()> {
        self.check(&range);
        match &self.way {
            Way::Userfaultfd(_) | Way::Sigbus(_) => self.mapping.zap(range),
            Way::Signal => self.mapping.set_access(range, MprotectFlags::empty()),
        }
    }

    /// The next write faults, reads go on. With userfaultfd and sigbus the first read of a page that the user view has not mapped
    /// is a fault, too: see [`restore_reads`](Self::restore_reads).
    ///
    /// # Errors
    ///
    /// As for [`revoke`](Self::revoke).
    pub(crate) fn protect(&self, range: Range<usize>) -> Result<()> {
        self.check(&range);
        match &self.way {
            Way::Userfaultfd(uffd) | Way::Sigbus(uffd) => {
                self.mapping.check_process("protecting pages")?;
                uffd.protect(self.addresses(range), true)
            }
            Way::Signal => self.mapping.set_access(range, MprotectFlags::READ),
        }
    }

    /// Reads and writes go on, whatever it was before (revoked, protected, partly mapped, never revoked but not mapped, without
    /// memory); wakes touchers that wait.
    ///
    /// # Errors
    ///
    /// [`Error::Os`]. Touchers are woken all the same, and fault again.
    pub(crate) fn restore(&self, range: Range<usize>) -> Result<()> {
        self.check(&range);
        match &self.way {
            Way::Userfaultfd(uffd) | Way::Sigbus(uffd) => {
                self.mapping.check_process("restoring pages")?;
                let restored = self.map(uffd, range.clone(), false).and_then(|all| {
                    // Mapping a page anew takes its protection away, also one that outlived its last mapping. A page that was
                    // mapped keeps it.
                    if all { Ok(()) } else { uffd.protect(self.addresses(range.clone()), false) }
                });
                uffd.wake(self.addresses(range)).and(restored)
            }
            Way::Signal => self.mapping.set_access(range, MprotectFlags::READ | MprotectFlags::WRITE),
        }
    }

    /// Reads go on, the next write faults, whatever it was before; wakes touchers that wait. For the read of a protected page
    /// that the user view has not mapped. `false`, with nothing done, where the kernel cannot (userfaultfd and sigbus before
    /// Linux 6.4): there such a read has to be served like a write, by [`restore`](Self::restore).
    ///
    /// # Errors
    ///
    /// As for [`restore`](Self::restore).
    pub(crate) fn restore_reads(&self, range: Range<usize>) -> Result<bool> {
        self.check(&range);
        match &self.way {
            Way::Userfaultfd(uffd) | Way::Sigbus(uffd) => {
                self.mapping.check_process("restoring pages")?;
                if !uffd.maps_protected() {
                    return Ok(false);
                }
                let restored = self
                    .map(uffd, range.clone(), true)
                    .and_then(|all| if all { Ok(()) } else { uffd.protect(self.addresses(range.clone()), true) });
                uffd.wake(self.addresses(range)).and(restored)?;
            }
            Way::Signal => self.mapping.set_access(range, MprotectFlags::READ)?,
        }
        Ok(true)
    }

    /// Whether [`restore_reads`](Self::restore_reads) can do it.
    pub(crate) fn can_restore_reads(&self) -> bool {
        self.uffd().is_none_or(Uffd::maps_protected)
    }

    /// Maps what `range` has not mapped. Whether that was all of it.
    fn map(&self, uffd: &Uffd, range: Range<usize>, protected: bool) -> Result<bool> {
        let os_page = rustix::param::page_size();
        let (mut at, mut all, mut filled) = (range.start, true, None);
        while at < range.end {
            match uffd.map(self.addresses(at..range.end), protected)? {
                Mapped::All => break,
                Mapped::Part(bytes) => at += bytes,
                Mapped::Already => {
                    all = false;
                    at += os_page;
                }
                // The kernel would fill it at the next touch, except that where memory has run out that is a SIGBUS, which
                // sigbus takes for a fault like any other: the thread would touch and be served for ever.
                Mapped::Hole if filled != Some(at) => {
                    self.mapping.populate(at..at + os_page)?;
                    filled = Some(at);
                }
                Mapped::Hole => {
                    let (call, doing) = ("ioctl(UFFDIO_CONTINUE)", "giving pages back to the CPU");
                    return Err(Error::Os { call, doing, os: OsError(libc::EFAULT) });
                }
            }
        }
        Ok(all)
    }

    /// Has every toucher that waits try again.
    pub(super) fn wake_all(&self) -> Result<()> {
        self.uffd().map_or(Ok(()), |uffd| uffd.wake(self.addresses(0..self.mapping.len())))
    }

    pub(super) fn uffd(&self) -> Option<&Uffd> {
        match &self.way {
            Way::Userfaultfd(uffd) | Way::Sigbus(uffd) => Some(uffd),
            Way::Signal => None,
        }
    }

    pub(super) fn way(&self) -> &Way {
        &self.way
    }

    pub(super) fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }

    pub(super) fn calls(&self) -> &SystemCalls {
        &self.calls
    }

    fn addresses(&self, range: Range<usize>) -> Range<usize> {
        let base = self.mapping.user_base();
        base + range.start..base + range.end
    }

    fn check(&self, range: &Range<usize>) {
        let len = self.mapping.len();
        assert!(range.start <= range.end && range.end <= len, "{range:?} is not inside a mapping of {len} bytes");
        debug_assert!(
            range.start.is_multiple_of(PAGE) && range.end.is_multiple_of(PAGE),
            "{range:?} is not whole pages"
        );
    }
}
