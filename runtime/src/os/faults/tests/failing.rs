//! Every system call of the mechanism, failing once: the caller hears of it or another way is taken; nothing hangs, nothing is lost.

use super::*;
use crate::os::call::SystemCall;

/// The life of a heap, from opening to dropping, through every operation; the first error.
fn life(kind: Faults, failures: &Arc<SystemFailures>) -> Result<Faults, Error> {
    let calls = SystemCalls::with(failures.clone());
    let heap = TestHeap::with(kind, 4, &calls)?;
    let access = &heap.access;
    let page = PAGE..2 * PAGE;
    access.populate(0..4 * PAGE)?;
    heap.set_home(PAGE + 9, 5);
    access.restore(0..4 * PAGE)?;
    access.protect(page.clone())?;
    access.restore(page.clone())?;
    access.protect(page.clone())?;
    access.revoke(page.clone())?;
    access.restore_reads(page.clone())?;
    access.restore(page.clone())?;
    assert_eq!((heap.read(PAGE + 9), heap.read(3 * PAGE)), (5, 0));
    heap.write(PAGE + 9, 6);
    // SAFETY: nobody uses the page.
    unsafe { access.mapping().release(3 * PAGE..4 * PAGE) }?;
    access.restore(0..4 * PAGE)?;
    heap.service.as_ref().unwrap().check()?;
    assert_eq!((heap.home(PAGE + 9), heap.read(3 * PAGE)), (6, 0));
    assert_eq!(heap.faults(), (0, 0));
    Ok(access.kind())
}

#[test]
fn each_call_failing_once_is_reported_or_made_up_for() {
    for kind in [Faults::Auto, Faults::Userfaultfd, Faults::Sigbus, Faults::Signal] {
        let dry = Arc::new(SystemFailures::default());
        life(kind, &dry).unwrap();
        for call in SystemCall::ALL.iter().copied() {
            // What fails while a fault is being served ends the process; `children` has that.
            if matches!(call, SystemCall::Poll | SystemCall::Read) {
                continue;
            }
            for skip in 0..dry.seen(call) {
                for errno in [libc::ENOMEM, libc::EPERM, libc::EINVAL, libc::EAGAIN, libc::EINTR] {
                    let failures = Arc::new(SystemFailures::default());
                    failures.fail(call, skip, 1, errno);
                    let what = format!("{} {} {skip} errno {errno}", kind.name(), call.name());
                    bounded(&what.clone(), move || {
                        let done = life(kind, &failures);
                        assert_eq!(failures.failed(), 1, "{what}");
                        match done {
                            Ok(_) | Err(Error::Os { .. } | Error::FaultsUnavailable { .. }) => {}
                            Err(other) => panic!("{what}: {other}"),
                        }
                    });
                }
            }
        }
    }
}

#[test]
fn auto_takes_the_next_one() {
    let failures = Arc::new(SystemFailures::default());
    failures.fail(SystemCall::Userfaultfd, 0, 1, libc::ENOSYS);
    failures.fail(SystemCall::OpenUserfaultfd, 0, 1, libc::ENOENT);
    let heap = TestHeap::with(Faults::Auto, 2, &SystemCalls::with(failures.clone())).unwrap();
    assert_eq!(heap.access.kind(), Faults::Sigbus);
    let (first, why) = &heap.access.tried()[0];
    assert_eq!(*first, Faults::Userfaultfd);
    for expected in ["the system call: ", "/dev/userfaultfd: ", "vm.unprivileged_userfaultfd=1"] {
        assert!(why.contains(expected), "{why}");
    }
    failures.fail(SystemCall::Api, 0, 2, libc::EINVAL);
    let heap = TestHeap::with(Faults::Auto, 2, &SystemCalls::with(failures.clone())).unwrap();
    assert_eq!((heap.access.kind(), heap.access.tried().len()), (Faults::Signal, 3));
    failures.fail(SystemCall::Api, 0, 2, libc::EINVAL);
    failures.fail(SystemCall::Mprotect, 0, 1, libc::EACCES);
    let refused = TestHeap::with(Faults::Auto, 2, &SystemCalls::with(failures)).err().unwrap();
    assert!(matches!(&refused, Error::FaultsUnavailable { faults: "auto", .. }), "{refused}");
    for kind in KINDS {
        assert!(refused.to_string().contains(&format!("{}: ", kind.name())), "{refused}");
    }
}

/// The kernel's own answers are hard to bring about: some bytes mapped, nothing mapped, try again.
#[test]
fn a_restore_that_is_asked_to_try_again_does() {
    for kind in [Faults::Userfaultfd, Faults::Sigbus] {
        bounded(kind.name(), move || {
            let failures = Arc::new(SystemFailures::default());
            let heap = TestHeap::with(kind, 4, &SystemCalls::with(failures.clone())).unwrap();
            for call in [SystemCall::Continue, SystemCall::WriteProtect, SystemCall::Wake] {
                heap.set_home(PAGE, 3);
                heap.send_away(1..2);
                failures.fail(call, 0, 5, libc::EAGAIN);
                assert_eq!(heap.read(PAGE), 3);
                heap.access.protect(PAGE..2 * PAGE).unwrap();
                heap.write(PAGE, 4);
                assert_eq!(heap.home(PAGE), 4);
            }
            failures.clear();
            // Without the page map, what is mapped is found one by one.
            heap.access.protect(0..4 * PAGE).unwrap();
            failures.fail(SystemCall::ReadPagemap, 0, u64::MAX, libc::EIO);
            heap.faults();
            heap.access.restore(0..4 * PAGE).unwrap();
            heap.write(PAGE, 5);
            assert_eq!((heap.home(PAGE), heap.faults()), (5, (0, 0)));
        });
    }
}

/// Where the service thread cannot be stopped safely it goes on, and touches are served and not stuck.
#[test]
fn a_service_that_cannot_be_stopped_goes_on() {
    for call in [SystemCall::Mprotect, SystemCall::Wake] {
        bounded(call.name(), move || {
            let failures = Arc::new(SystemFailures::default());
            let mut heap = TestHeap::with(Faults::Userfaultfd, 4, &SystemCalls::with(failures.clone())).unwrap();
            heap.set_home(PAGE, 3);
            heap.send_away(1..2);
            failures.fail(call, 0, 1, libc::ENOMEM);
            heap.service = None;
            assert_eq!(failures.failed(), 1);
            if call == SystemCall::Mprotect {
                assert_eq!((heap.read(PAGE), heap.faults()), (3, (1, 0)));
            }
        });
    }
}
