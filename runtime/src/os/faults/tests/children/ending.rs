//! Service that cannot go on ends the process, and says so.

use super::*;

/// Serves by going wrong.
struct Bad {
    access: Arc<Access>,
    how: String,
}

impl Serve for Bad {
    fn serve(&self, _: Fault) {
        match &*self.how {
            "panics" => panic!("on purpose"),
            "crashes" => crash(libc::SIGSEGV),
            "cannot_wait" => self.access.restore(0..PAGE).unwrap(),
            _ => match self.access.restore(0..PAGE) {
                Err(Error::Os { os: OsError(errno), .. }) => fatal("restoring", errno),
                other => panic!("{other:?}"),
            },
        }
    }

    fn serve_soon(&self, fault: Fault) {
        self.serve(fault);
    }
}

pub(super) fn serving_ends_the_process(kind: Faults, how: &str) {
    let failures = Arc::new(SystemFailures::default());
    let calls = SystemCalls::with(failures.clone());
    let mapping = Mapping::new(PAGE, PAGE, Backing::Memfd).unwrap().with_calls(calls.clone());
    let access = Arc::new(Access::open(kind, Arc::new(mapping), &calls).unwrap());
    let bad = Bad { access: access.clone(), how: how.into() };
    let _service = Service::start(&access, Arc::new(bad)).unwrap();
    access.populate(0..PAGE).unwrap();
    access.revoke(0..PAGE).unwrap();
    for (call, when) in [
        (SystemCall::Mprotect, "fails"),
        (SystemCall::Continue, "fails"),
        (SystemCall::Read, "cannot_read"),
        (SystemCall::Poll, "cannot_wait"),
    ] {
        if how == when {
            failures.fail(call, 0, u64::MAX, libc::ENOMEM);
        }
    }
    // SAFETY: the process ends, with a thread that cannot wait any more after this one went on.
    unsafe { access.mapping().user(100).read_volatile() };
    std::thread::sleep(HANG);
}

#[test]
fn a_panic_in_service_ends_the_process() {
    for kind in KINDS {
        Child::new("panics", kind)
            .ends_by(libc::SIGABRT, "vksvm: a CPU access to shared memory cannot be served: panicked");
    }
}

#[test]
fn an_error_in_service_ends_the_process() {
    for kind in KINDS {
        let message = "cannot be served: restoring: errno 12 (ENOMEM, no memory); aborting";
        Child::new("fails", kind).ends_by(libc::SIGABRT, message);
    }
}

#[test]
fn a_service_thread_that_cannot_go_on_ends_the_process() {
    for (scenario, saying) in
        [("cannot_read", "reading faults (read) failed: errno 12"), ("cannot_wait", "(poll) failed: errno 12")]
    {
        Child::new(scenario, Faults::Userfaultfd).ends_by(libc::SIGABRT, saying);
    }
}

#[test]
fn a_crash_in_a_handlers_service_is_reported_as_ours() {
    Child::new("crashes", Faults::Signal).ends_by(libc::SIGABRT, "crashed with signal 11 at address 0x10");
    // SIGSEGV is not ours where no heap is served by it, nor in the service thread: an ordinary crash.
    Child::new("crashes", Faults::Sigbus).ends_by(libc::SIGSEGV, "");
    Child::new("crashes", Faults::Userfaultfd).ends_by(libc::SIGSEGV, "");
}

pub(super) fn touch_after_the_end(kind: Faults) {
    let mut heap = TestHeap::new(kind, 2);
    heap.send_away(0..1);
    heap.service = None;
    heap.read(5);
}

#[test]
fn a_touch_after_the_services_end_is_an_ordinary_crash() {
    for kind in KINDS {
        Child::new("touch_after_the_end", kind).ends_by(signal_of(kind), "");
    }
}
