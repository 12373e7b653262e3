//! A system that forbids userfaultfd, as containers do: faults are served by other means, which the capabilities say, and everything is right.
//!
//! # Safety
//! The filter is this frame's while the system copies it, and it lets everything pass but two ways to get a userfaultfd.
#![allow(unsafe_code)]

use crate::{
    child::{play, said},
    discrete::{
        Mode,
        rig::{BUDGET, HEAP, Rig, WORDS, pattern},
    },
    harness::{Ignored, trial},
    variants::saw,
};
use libtest_mimic::Trial;
use vksvm::{Error, Faults, Placement, Svm, SvmVec};

/// The part that a process of its own plays.
pub const PART: &str = "discrete_forbidden";
const IGNORED: &str = "ignored:";
const DONE: &str = "served without a userfaultfd";

pub fn tests() -> Vec<Trial> {
    vec![trial(module_path!(), "userfaultfd_is_forbidden", userfaultfd_is_forbidden)]
}

fn userfaultfd_is_forbidden() -> Result<(), Ignored> {
    let output = play(PART, &[]);
    let said = said(&output);
    if output.status.success()
        && let Some((_, why)) = said.split_once(IGNORED)
    {
        return Err(Ignored(why.trim().into()));
    }
    assert!(output.status.success() && said.contains(DONE), "{said}");
    saw("FaultsUnavailable");
    Ok(())
}

/// The part.
pub fn run() {
    let unfiltered = Mode::named("signal").open(HEAP, BUDGET);
    if let Err(Ignored(why)) = unfiltered {
        return println!("{IGNORED} {why}");
    }
    forbid();
    for faults in [Faults::Userfaultfd, Faults::Sigbus] {
        match Svm::builder().placement(Placement::Discrete).faults(faults).heap_size(HEAP).open() {
            Err(Error::FaultsUnavailable { faults: named, reason }) => {
                assert_eq!(named, faults.name());
                assert!(reason.to_lowercase().contains("userfaultfd"), "{reason}");
            }
            other => panic!("{faults:?}: {:?}", other.map(|svm| svm.capabilities().clone())),
        }
    }
    let mode: &'static Mode = Mode::named("signal");
    let builder = mode.builder(HEAP, BUDGET).faults(Faults::Auto);
    let rig = Rig::of(mode, builder).unwrap_or_else(|Ignored(why)| panic!("without a userfaultfd: {why}"));
    let found = rig.svm.capabilities();
    assert_eq!(found.faults, "signal");
    assert!(found.reasons.iter().any(|reason| reason.contains("userfaultfd")), "{:?}", found.reasons);
    let mut model = pattern(1, 9 * WORDS);
    let mut v: SvmVec<u32> = rig.svm.vec(model.iter().copied());
    for round in 0..5 {
        rig.put(&mut v, &mut model, [round, 3], round);
        rig.program_sees(&v, &model, "without a userfaultfd");
    }
    println!("{DONE}");
}

/// This thread and those that it starts get EPERM for userfaultfd(2), and for the ioctl that does the same on /dev/userfaultfd.
fn forbid() {
    /// `_IO(0xaa, 0)`: USERFAULTFD_IOC_NEW.
    const NEW: u32 = 0xaa00;
    /// Where `struct seccomp_data` has the call's number, and the low half of its second argument on a little-endian machine.
    const NUMBER: u32 = 0;
    const SECOND: u32 = 24;
    let load =
        |at| libc::sock_filter { code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, jt: 0, jf: 0, k: at };
    let equal = |k, jt, jf| libc::sock_filter { code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16, jt, jf, k };
    let answer = |k| libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k };
    let mut filter = [
        load(NUMBER),
        equal(libc::SYS_userfaultfd as u32, 4, 0),
        equal(libc::SYS_ioctl as u32, 0, 2),
        load(SECOND),
        equal(NEW, 1, 0),
        answer(libc::SECCOMP_RET_ALLOW),
        answer(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: no pointer is passed.
    let gave_up = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(gave_up, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the program is copied by the call.
    let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: no pointer is passed; refused, as the filter wants.
    let refused = unsafe { libc::syscall(libc::SYS_userfaultfd, 0) };
    assert_eq!((refused, std::io::Error::last_os_error().raw_os_error()), (-1, Some(libc::EPERM)), "the filter works");
}
