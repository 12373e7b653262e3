//! Systems that forbid something, and limits that are reached.

use super::*;

pub(super) fn the_list_of_heaps_ends(kind: Faults) {
    let mapping = || Arc::new(Mapping::new(PAGE, PAGE, Backing::Memfd).unwrap());
    let start = || {
        let access = Arc::new(Access::untried(access::Way::Signal, mapping(), &SystemCalls::default()));
        Service::start(&access, Fake::new(access.clone()))
    };
    let mut services: Vec<_> = (0..64).map(|_| start().unwrap()).collect();
    let refused = start().err().unwrap();
    assert!(matches!(&refused, Error::FaultsUnavailable { faults, .. } if *faults == kind.name()), "{refused}");
    services.pop();
    services.push(start().unwrap());
    services.clear();
    let heap = TestHeap::new(kind, 2);
    heap.send_away(0..2);
    assert_eq!(heap.read(PAGE), 0);
}

/// Has the kernel refuse userfaultfd from now on, as containers do; with `device` the command of its device, too.
fn forbid(device: bool) {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    let step = |code, k, jt, jf| libc::sock_filter { code, jt, jf, k };
    // The call's number is at 0, its second argument's lower half at 24.
    let command = if device { 0xAA00 } else { u32::MAX };
    let mut program = [
        step(LOAD, 0, 0, 0),
        step(EQUAL, libc::SYS_userfaultfd as u32, 3, 0),
        step(EQUAL, libc::SYS_ioctl as u32, 0, 3),
        step(LOAD, 24, 0, 0),
        step(EQUAL, command, 0, 1),
        step(RETURN, REFUSE, 0, 0),
        step(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: gives up privileges.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    // SAFETY: a valid program, which this thread and those it starts run under from now on.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) }, 0);
}

pub(super) fn forbidden(kind: Faults, device: bool) {
    forbid(device);
    let heap = TestHeap::new(kind, 2);
    heap.set_home(3, 3);
    heap.send_away(0..1);
    assert_eq!(heap.read(3), 3);
    for (kind, why) in heap.access.tried() {
        eprintln!("{}: {why}", kind.name());
    }
    eprintln!("taken: {}", heap.access.kind().name());
    for kind in [Faults::Userfaultfd, Faults::Sigbus] {
        let mapping = Arc::new(Mapping::new(PAGE, PAGE, Backing::Memfd).unwrap());
        let refused = Access::open(kind, mapping, &SystemCalls::default()).err();
        eprintln!("{}", refused.map_or("works".into(), |error| error.to_string()));
    }
}

#[test]
fn forbidden_userfaultfds_are_done_without_and_that_is_said() {
    let child = Child::new("all_forbidden", Faults::Auto);
    child.succeeds();
    for expected in [
        "userfaultfd: the system call: Operation not permitted",
        "sigbus: the system call: Operation not permitted",
        "taken: signal",
        "faults userfaultfd does not work here",
        "faults sigbus does not work here",
    ] {
        assert!(child.said.contains(expected), "no '{expected}' in {}", child.said);
    }
}

#[test]
fn where_the_system_call_is_forbidden_the_device_may_do() {
    if std::fs::File::options().read(true).write(true).open("/dev/userfaultfd").is_err() {
        eprintln!("not tried: /dev/userfaultfd cannot be opened here");
        return;
    }
    let child = Child::new("call_forbidden", Faults::Auto);
    child.succeeds();
    assert!(child.said.contains("a userfaultfd by /dev/userfaultfd"), "{}", child.said);
}

pub(super) fn unprivileged(kind: Faults) {
    // SAFETY: gives up privileges, in all threads; nothing here needs them.
    let was_root = unsafe { libc::geteuid() } == 0;
    if was_root {
        // SAFETY: as above.
        assert_eq!(unsafe { libc::setuid(65534) }, 0);
    }
    let heap = TestHeap::new(kind, 2);
    heap.set_home(3, 3);
    heap.send_away(0..1);
    assert_eq!(heap.read(3), 3);
    eprintln!("taken: {}", heap.access.kind().name());
}

#[test]
fn sigbus_needs_no_privilege() {
    Child::new("unprivileged", Faults::Sigbus).succeeds();
    let child = Child::new("unprivileged", Faults::Auto);
    child.succeeds();
    let all_may = std::fs::read_to_string("/proc/sys/vm/unprivileged_userfaultfd").is_ok_and(|text| text.trim() == "1");
    let expected = if all_may { "taken: userfaultfd" } else { "taken: sigbus" };
    assert!(child.said.contains(expected), "{}", child.said);
}

/// Runs into the limit of mappings; what cannot be revoked is an error that says what to do, and what is revoked comes home.
pub(super) fn mappings_full(kind: Faults) {
    let limit: usize = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap().trim().parse().unwrap();
    // Each page by itself makes two of one mapping.
    let pages = 2 * limit;
    let mapping = Mapping::new(pages * PAGE, crate::BLOCK, Backing::Memfd).unwrap();
    let access = Arc::new(Access::open(kind, Arc::new(mapping), &SystemCalls::default()).unwrap());
    let page = |i: usize| 2 * i * PAGE..(2 * i + 1) * PAGE;
    let refused = (0..pages / 2).map(|i| access.revoke(page(i))).position(|done| {
        let Err(error) = done else { return false };
        assert!(matches!(error, Error::Os { call: "mprotect", os: OsError(libc::ENOMEM), .. }), "{error}");
        assert!(error.to_string().contains("vm.max_map_count"), "{error}");
        true
    });
    let refused = refused.expect("the limit");
    assert!(refused > limit / 4 && refused < limit, "{refused} of {limit}");
    // Whole mappings can be given back, which makes room again.
    for i in 0..refused {
        access.restore(page(i)).unwrap();
    }
    access.revoke(page(refused)).unwrap();
    access.restore(page(refused)).unwrap();
    // SAFETY: in the user view.
    assert_eq!(unsafe { access.mapping().user(page(refused).start).read_volatile() }, 0);
}

#[test]
fn as_many_mappings_as_the_system_allows_are_an_error_that_says_so() {
    Child::new("mappings_full", Faults::Signal).succeeds();
}
