//! Forked children have no heap.

use super::*;

/// A child of fork by what `does` returns, or the signal that ended it.
fn forked(does: impl FnOnce() -> i32) -> Result<i32, i32> {
    // SAFETY: the child does async-signal-safe things only.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: async-signal-safe; bounds the parent's wait.
        unsafe { libc::alarm(20) };
        let status = does();
        // SAFETY: async-signal-safe.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0;
    // SAFETY: waits for this process' own child.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    if libc::WIFSIGNALED(status) { Err(libc::WTERMSIG(status)) } else { Ok(libc::WEXITSTATUS(status)) }
}

pub(super) fn fork(kind: Faults) {
    let heap = TestHeap::new(kind, 4);
    heap.write(PAGE, 6);
    heap.send_away(0..1);
    heap.access.protect(PAGE..2 * PAGE).unwrap();
    heap.faults();
    for offset in [0, PAGE, 2 * PAGE] {
        assert_eq!(forked(|| heap.read(offset).into()), Err(libc::SIGSEGV));
        let write = || {
            heap.write(offset, 1);
            0
        };
        assert_eq!(forked(write), Err(libc::SIGSEGV));
    }
    // Even where it has mapped something of its own there, which may not be read: no heap of the child's.
    let own = || {
        let at = heap.user(0).as_ptr().cast();
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        // SAFETY: nothing is mapped there in the child.
        unsafe { libc::mmap(at, PAGE, libc::PROT_NONE, flags, -1, 0) };
        heap.read(0).into()
    };
    assert_eq!(forked(own), Err(libc::SIGSEGV));
    let refused = |done: crate::Result<()>| matches!(done, Err(Error::Os { os: OsError(libc::EPERM), .. }));
    let operations = || {
        let access = &heap.access;
        let all = 0..4 * PAGE;
        let refused = [
            refused(access.populate(all.clone())),
            refused(access.revoke(all.clone())),
            refused(access.protect(all.clone())),
            refused(access.restore(all.clone())),
            refused(access.restore_reads(all).map(|_| ())),
        ];
        refused.iter().filter(|refused| **refused).count() as i32
    };
    assert_eq!(forked(operations), Ok(5));
    // The parent notices nothing of it.
    assert_eq!((heap.read(PAGE), heap.faults()), (6, (0, 0)));
    heap.write(PAGE, 7);
    assert_eq!((heap.faults(), heap.read(0), heap.faults()), ((0, 1), 0, (1, 0)));
}

#[test]
fn a_forked_childs_touch_is_a_sigsegv_and_the_parent_is_served() {
    for kind in KINDS {
        Child::new("fork", kind).succeeds();
    }
}

pub(super) fn fork_then_drop(kind: Faults) {
    let mut heap = Some(TestHeap::new(kind, 4));
    let at = heap.as_ref().unwrap();
    at.write(PAGE, 6);
    at.send_away(0..3);
    // The child has one thread, which is all that dropping needs; nobody else is in malloc here.
    assert_eq!(
        forked(|| {
            drop(heap.take());
            3
        }),
        Ok(3)
    );
    let heap = heap.unwrap();
    assert_eq!((heap.read(PAGE), heap.faults()), (6, (1, 0)));
}

#[test]
fn a_forked_child_may_drop_its_copy() {
    for kind in KINDS {
        Child::new("fork_then_drop", kind).succeeds();
    }
}
