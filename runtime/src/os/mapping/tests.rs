//! Tests of the mappings against the system itself: block counts, residency, flags, forked children.

use super::*;
use crate::addr::BLOCK;
use crate::os::call::SystemFailures;
use rustix::fs::{fcntl_get_seals, fstat};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
use std::sync::Arc;

/// What tests, here and in the heap, need to see of a mapping.
impl Mapping {
    /// Bytes that have memory.
    pub(crate) fn resident(&self) -> usize {
        match &self.memfd {
            Some(memfd) => fstat(memfd).unwrap().st_blocks as usize * 512,
            None => {
                let page = crate::os::memory::os_page();
                let mut pages = vec![0_u8; self.len() / page];
                // SAFETY: the range is this mapping's, and `pages` has a byte for each of its OS pages.
                let failed = unsafe { libc::mincore(self.user.raw(0), self.len(), pages.as_mut_ptr()) };
                assert_eq!(failed, 0);
                pages.iter().filter(|page| **page & 1 != 0).count() * page
            }
        }
    }

    /// Takes all access to the user view away, or gives it back: what touches it in between is a SIGSEGV.
    pub(crate) fn revoke(&self, revoked: bool) {
        let access = if revoked { libc::PROT_NONE } else { libc::PROT_READ | libc::PROT_WRITE };
        // SAFETY: the range is the user view, and tests that call this take the faults into account.
        assert_eq!(unsafe { libc::mprotect(self.user.raw(0), self.len(), access) }, 0);
    }

    /// Locks the OS page at `offset`: the system then refuses to drop it.
    pub(crate) fn lock_in_memory(&self, offset: usize) {
        // SAFETY: locking one OS page of this mapping changes nothing but where its bytes may be.
        let failed = unsafe { libc::mlock(self.user.raw(offset), crate::os::memory::os_page()) };
        assert_eq!(failed, 0, "cannot lock even one page");
    }
}

fn read(at: NonNull<u8>) -> u8 {
    // SAFETY: tests pass pointers into a live mapping that only they use.
    unsafe { at.read_volatile() }
}

fn write(at: NonNull<u8>, value: u8) {
    // SAFETY: tests pass pointers into a live mapping that only they use.
    unsafe { at.write_volatile(value) }
}

fn release(mapping: &Mapping, range: Range<usize>) {
    // SAFETY: only the calling test uses the mapping.
    unsafe { mapping.release(range) }.unwrap();
}

fn zero(mapping: &Mapping, range: Range<usize>) {
    // SAFETY: only the calling test uses the mapping.
    unsafe { mapping.zero(range) };
}

const BOTH: [Backing; 2] = [Backing::Memfd, Backing::Anonymous];

#[test]
fn views_are_aligned_zero_and_unpopulated() {
    for backing in BOTH {
        for align in [PAGE, BLOCK, 1 << 30] {
            let mapping = Mapping::new(3 * PAGE, align, backing).unwrap();
            assert!(mapping.user_base().is_multiple_of(align) && mapping.runtime_base().is_multiple_of(align));
            assert_eq!((mapping.len(), mapping.resident()), (3 * PAGE, 0));
            for offset in [0, PAGE, 3 * PAGE - 1] {
                assert_eq!((read(mapping.user(offset)), read(mapping.runtime(offset))), (0, 0));
            }
        }
    }
}

#[test]
fn views_show_the_same_bytes() {
    let mapping = Mapping::new(BLOCK, BLOCK, Backing::Memfd).unwrap();
    assert_ne!(mapping.user_base(), mapping.runtime_base());
    write(mapping.user(12345), 1);
    write(mapping.runtime(BLOCK - 1), 2);
    assert_eq!((read(mapping.runtime(12345)), read(mapping.user(BLOCK - 1))), (1, 2));
    mapping.revoke(true);
    write(mapping.runtime(12345), 3);
    mapping.revoke(false);
    assert_eq!(read(mapping.user(12345)), 3);

    let mapping = Mapping::new(BLOCK, BLOCK, Backing::Anonymous).unwrap();
    assert_eq!(mapping.user_base(), mapping.runtime_base());
}

#[test]
fn sizes_and_alignments_that_make_no_sense_are_refused() {
    for backing in BOTH {
        for (len, align) in [(0, BLOCK), (PAGE + 4096, BLOCK), (PAGE, 4096), (PAGE, 3 * PAGE), (PAGE, 0)] {
            let refused = Mapping::new(len, align, backing).unwrap_err();
            assert!(matches!(refused, Error::BadOption { option: "heap_size", .. }), "{len} {align}: {refused}");
        }
        for len in [usize::MAX / PAGE * PAGE, 1 << 60] {
            let refused = Mapping::new(len, BLOCK, backing).unwrap_err();
            assert!(matches!(refused, Error::Os { .. }), "{len}: {refused}");
        }
    }
}

#[test]
fn a_mapping_may_be_larger_than_memory() {
    let len = 1 << 40;
    let mapping = Mapping::new(len, BLOCK, Backing::Memfd).unwrap();
    write(mapping.user(len - 1), 7);
    assert_eq!(read(mapping.runtime(len - 1)), 7);
    assert!(mapping.resident() <= BLOCK);
}

#[test]
fn populate_gives_memory_to_the_range_and_keeps_content() {
    for backing in BOTH {
        let mapping = Mapping::new(40 * BLOCK, BLOCK, backing).unwrap();
        write(mapping.user(PAGE + 5), 9);
        // More than one piece.
        let range = PAGE..PAGE + 3 * POPULATE_PIECE / 2;
        mapping.populate(range.clone()).unwrap();
        assert_eq!(mapping.resident(), range.len(), "{backing:?}");
        assert_eq!((read(mapping.user(PAGE + 5)), read(mapping.user(range.end - 1))), (9, 0));
        mapping.populate(0..0).unwrap();
        mapping.populate(range.clone()).unwrap();
        assert_eq!((mapping.resident(), read(mapping.user(PAGE + 5))), (range.len(), 9));
    }
}

#[test]
fn populate_does_without_what_old_kernels_lack_and_tells_of_memory_that_has_run_out() {
    let failures = Arc::new(SystemFailures::default());
    let mapping = Mapping::new(BLOCK, BLOCK, Backing::Memfd).unwrap();
    let mapping = mapping.with_calls(SystemCalls::with(failures.clone()));
    failures.fail(SystemCall::Madvise, 0, 1, libc::EINVAL);
    mapping.populate(PAGE..3 * PAGE).unwrap();
    assert_eq!((mapping.resident(), failures.seen(SystemCall::Fallocate)), (2 * PAGE, 1));
    failures.fail(SystemCall::Madvise, 0, 1, libc::EFAULT);
    let refused = mapping.populate(0..PAGE).unwrap_err();
    assert!(matches!(refused, Error::Os { call: "madvise", os: OsError(libc::ENOMEM), .. }), "{refused}");
    failures.fail(SystemCall::Madvise, 0, 2, libc::EAGAIN);
    mapping.populate(0..BLOCK).unwrap();
    assert_eq!(mapping.resident(), BLOCK);
}

#[test]
fn released_memory_goes_back_and_reads_zero() {
    for backing in BOTH {
        let mapping = Mapping::new(BLOCK, BLOCK, backing).unwrap();
        mapping.populate(0..BLOCK).unwrap();
        for offset in [PAGE - 1, PAGE, 3 * PAGE - 1, 3 * PAGE] {
            write(mapping.user(offset), 5);
        }
        release(&mapping, PAGE..3 * PAGE);
        assert_eq!(mapping.resident(), BLOCK - 2 * PAGE, "{backing:?}");
        for (offset, value) in [(PAGE - 1, 5), (PAGE, 0), (3 * PAGE - 1, 0), (3 * PAGE, 5)] {
            assert_eq!((read(mapping.user(offset)), read(mapping.runtime(offset))), (value, value));
        }
        release(&mapping, 0..0);
        release(&mapping, 0..BLOCK);
        release(&mapping, 0..BLOCK);
        assert_eq!((read(mapping.user(0)), read(mapping.runtime(3 * PAGE))), (0, 0));
    }
}

#[test]
fn what_cannot_be_released_is_an_error() {
    let mapping = Mapping::new(PAGE, PAGE, Backing::Anonymous).unwrap();
    mapping.lock_in_memory(0);
    // SAFETY: only this test uses the mapping.
    let refused = unsafe { mapping.release(0..PAGE) }.unwrap_err();
    assert!(matches!(refused, Error::Os { call: "madvise", .. }), "{refused}");
}

#[test]
fn zero_writes_the_range_alone_without_the_user_view() {
    let mapping = Mapping::new(BLOCK, BLOCK, Backing::Memfd).unwrap();
    for offset in 100..120 {
        write(mapping.user(offset), 1);
    }
    mapping.revoke(true);
    zero(&mapping, 105..110);
    zero(&mapping, 3..3);
    mapping.revoke(false);
    let left: Vec<_> = (100..120).filter(|offset| read(mapping.user(*offset)) == 1).collect();
    assert_eq!(left, (100..105).chain(110..120).collect::<Vec<_>>());
}

#[test]
#[should_panic(expected = "is not inside a mapping of 65536 bytes")]
fn ranges_outside_are_caught() {
    let mapping = Mapping::new(PAGE, PAGE, Backing::Memfd).unwrap();
    let _ = mapping.populate(0..PAGE + 4096);
}

#[test]
fn the_size_is_sealed() {
    let mapping = Mapping::new(PAGE, PAGE, Backing::Memfd).unwrap();
    let memfd = mapping.memfd.as_ref().unwrap();
    assert!(fcntl_get_seals(memfd).unwrap().contains(SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL));
    for len in [0, 2 * PAGE as u64] {
        assert_eq!(ftruncate(memfd, len), Err(Errno::PERM));
    }
}

/// The `VmFlags` that the system shows for the mapping that starts at `base`.
fn flags(base: usize) -> Vec<String> {
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let line = maps
        .lines()
        .skip_while(|line| !line.starts_with(&format!("{base:x}-")))
        .find_map(|line| line.strip_prefix("VmFlags:"))
        .unwrap();
    line.split_whitespace().map(String::from).collect()
}

#[test]
fn views_stay_out_of_children_and_a_memfds_out_of_core_dumps() {
    for backing in BOTH {
        let mapping = Mapping::new(BLOCK, BLOCK, backing).unwrap();
        for base in [mapping.user_base(), mapping.runtime_base()] {
            let flags = flags(base);
            let has = |flag: &str| flags.iter().any(|other| other == flag);
            assert!(has("dc") && has("wr"), "{backing:?}: {flags:?}");
            assert_eq!(has("dd"), backing == Backing::Memfd, "{backing:?}: {flags:?}");
        }
    }
}

/// How a forked child ends that does `work`: its exit status, which is what `work` returns, or else its signal.
///
/// `work` must be async-signal-safe, in particular allocate nothing: other threads' locks stay locked in the child.
fn end_of_child(work: impl FnOnce() -> i32) -> Result<i32, i32> {
    // SAFETY: the child calls nothing but async-signal-safe functions, so it does not matter what other threads held.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: async-signal-safe. The default action ends the child at its fault.
        unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
        // SAFETY: async-signal-safe. Bounds the parent's wait whatever happens here.
        unsafe { libc::alarm(20) };
        let status = work();
        // SAFETY: async-signal-safe; runs no destructors.
        unsafe { libc::_exit(status) };
    }
    assert!(child > 0);
    let mut status = 0;
    // SAFETY: waits for this test's own child, which its alarm ends at the latest.
    let waited = retry(|| match unsafe { libc::waitpid(child, &mut status, 0) } {
        -1 => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap()),
        pid => Ok(pid),
    });
    assert_eq!(waited, Ok(child));
    if libc::WIFSIGNALED(status) { Err(libc::WTERMSIG(status)) } else { Ok(libc::WEXITSTATUS(status)) }
}

#[test]
fn a_forked_childs_touch_is_a_sigsegv() {
    for backing in BOTH {
        let mapping = Mapping::new(BLOCK, BLOCK, backing).unwrap();
        for at in [mapping.user(0), mapping.user(BLOCK - 1), mapping.runtime(PAGE)] {
            write(at, 1);
            assert_eq!(end_of_child(|| i32::from(read(at))), Err(libc::SIGSEGV), "{backing:?}");
            assert_eq!(read(at), 1, "the parent keeps its memory");
        }
    }
    // Memory that is not a heap's: the child lives, so the faults above are the mapping's doing.
    let byte = Box::new(3_u8);
    assert_eq!(end_of_child(|| i32::from(read(NonNull::from(&*byte)))), Ok(3));
}

#[test]
fn a_forked_child_cannot_change_its_parents_memory() {
    for backing in BOTH {
        let mapping = Mapping::new(BLOCK, BLOCK, backing).unwrap();
        write(mapping.user(PAGE), 1);
        let refused = |result| matches!(result, Err(Error::Os { os: OsError(libc::EPERM), .. }));
        // SAFETY: it must do nothing at all.
        let child = end_of_child(|| i32::from(refused(unsafe { mapping.release(0..BLOCK) })));
        assert_eq!((child, read(mapping.user(PAGE))), (Ok(1), 1), "{backing:?}");
        let resident = mapping.resident();
        assert_eq!(end_of_child(|| i32::from(refused(mapping.populate(0..BLOCK)))), Ok(1));
        assert_eq!(mapping.resident(), resident);
    }
}

#[test]
fn a_forked_child_keeps_what_it_has_mapped_since() {
    let mut mapping = Some(Mapping::new(BLOCK, BLOCK, Backing::Memfd).unwrap());
    let at = mapping.as_ref().unwrap().user(0);
    let child = end_of_child(|| {
        let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE | MapFlags::FIXED_NOREPLACE);
        // SAFETY: it maps only where nothing is.
        if unsafe { mmap_anonymous(at.as_ptr().cast(), PAGE, access, flags) }.is_err() {
            return 100;
        }
        write(at, 7);
        drop(mapping.take());
        i32::from(read(at))
    });
    assert_eq!(child, Ok(7));
}

#[test]
fn dropping_unmaps_both_views() {
    let mapping = Mapping::new(BLOCK, BLOCK, Backing::Memfd).unwrap();
    let inode = format!(" {} ", fstat(mapping.memfd.as_ref().unwrap()).unwrap().st_ino);
    let mapped = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines().filter(|line| line.contains("vksvm-heap") && line.contains(&inode)).count()
    };
    assert_eq!(mapped(), 2);
    drop(mapping);
    assert_eq!(mapped(), 0);
}
