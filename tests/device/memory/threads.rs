//! What a device says of itself: which threads run its kernels, and how much of its memory pages may take.
//!
//! # Safety
//! The part is played in a process of its own. Its handler does what signal handlers may: `gettid`, `mprotect`, atomics. The page
//! that is taken away is one that the part owns, and only the launch touches it meanwhile.
#![allow(unsafe_code)]

use super::pages::{Kernels, Pages, copy_in, copy_out, opened};
use crate::{
    child::{play, said},
    harness::{Ignored, device, needs_cpu_device, tests},
};
use std::{
    mem::zeroed,
    ptr::null_mut,
    sync::atomic::{AtomicI32, AtomicUsize, Ordering::SeqCst},
};
use vksvm::{
    PAGE,
    seam::{Span, Way, validation_messages},
};

tests![the_devices_threads_are_known, the_default_budget_is_a_part_of_what_there_is];

/// The part that a process of its own plays.
pub const PART: &str = "memory_threads";

const DONE: &str = "the launch ran on a thread of the device";

/// The page that is taken away, and who touched it first.
static PAGE_AT: AtomicUsize = AtomicUsize::new(0);
static TOUCHED_BY: AtomicI32 = AtomicI32::new(0);

extern "C" fn on_fault(_signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    let page = PAGE_AT.load(SeqCst);
    // SAFETY: the system passes a valid pointer to a handler with SA_SIGINFO.
    let info = unsafe { &*info };
    // SAFETY: a SIGSEGV has an address.
    let at = unsafe { info.si_addr() }.addr();
    if at.wrapping_sub(page) >= PAGE {
        // SAFETY: ends the process.
        unsafe { libc::_exit(99) };
    }
    // SAFETY: no preconditions.
    let id = unsafe { libc::gettid() };
    let _ = TOUCHED_BY.compare_exchange(0, id, SeqCst, SeqCst);
    let pointer = std::ptr::with_exposed_provenance_mut::<libc::c_void>(page);
    // SAFETY: the part's own page.
    unsafe { libc::mprotect(pointer, PAGE, libc::PROT_READ | libc::PROT_WRITE) };
}

/// The part: has a launch touch a page that was taken away, and looks who did.
pub fn run() {
    // SAFETY: all zeros is a valid value of this structure.
    let mut action: libc::sigaction = unsafe { zeroed() };
    action.sa_sigaction = on_fault as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: the handler is as the module says.
    assert_eq!(unsafe { libc::sigaction(libc::SIGSEGV, &raw const action, null_mut()) }, 0);
    let opened = opened();
    let kernels = Kernels::load(&opened).expect("kernels");
    let mut host = Pages::new(1);
    let start = host.at(0).as_ptr();
    let span = Span { start: start.expose_provenance() as u64, end: start.addr() as u64 + PAGE as u64 };
    // SAFETY: the pages live until the end of this function, after the launch.
    let imported = unsafe { opened.import(span) }.expect("import");
    for round in 1..=20 {
        TOUCHED_BY.store(0, SeqCst);
        PAGE_AT.store(start.addr(), SeqCst);
        // SAFETY: the part's own page.
        assert_eq!(unsafe { libc::mprotect(start.cast(), PAGE, libc::PROT_NONE) }, 0);
        kernels.fill(imported.address(), 1000, round).and_then(|point| kernels.wait(point)).expect("launch");
        let by = TOUCHED_BY.load(SeqCst);
        assert!(by != 0, "nobody touched the page");
        assert!(host.words()[..1000].iter().copied().eq(round..round + 1000));
        let threads = opened.threads();
        assert!(threads.contains(&(by as u32)), "thread {by} is none of {threads:?}");
        assert!(!threads.contains(&std::process::id()), "the main thread is none of the device's");
    }
    drop(imported);
    let said = validation_messages();
    assert!(said.is_empty(), "{said:?}");
    println!("{DONE}; there are {}", opened.threads().len());
}

fn the_devices_threads_are_known() -> Result<(), Ignored> {
    needs_cpu_device()?;
    let output = play(PART, &[]);
    let text = said(&output);
    assert!(output.status.success() && text.contains(DONE), "{text}");
    println!("  {}", text.lines().find(|line| line.contains(DONE)).unwrap_or_default());
    Ok(())
}

fn the_default_budget_is_a_part_of_what_there_is() {
    let opened = opened();
    let budget = opened.default_budget();
    println!("  default budget {} MiB", budget >> 20);
    assert!(budget >= 64 << 20, "{budget} bytes");
    if device().as_ref().is_ok_and(|c| c.is_cpu) {
        let text = std::fs::read_to_string("/proc/meminfo").expect("meminfo");
        let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
        let total: u64 = total.and_then(|kib| kib.trim().parse().ok()).expect("MemTotal");
        assert!(budget <= total * 1024 / 4, "{budget} bytes of {total} KiB");
    }
    // It can be had, at least its beginning.
    let memory = opened.memory((budget / PAGE as u64) as u32, Way::Auto).expect("memory");
    assert!(memory.grow().expect("grow").is_some_and(|slots| !slots.is_empty()));
    let (host, mut back) = (Pages::noise(1, 1), Pages::new(1));
    copy_in(&memory, &host, &[(0, 0, 1)]).and_then(|()| copy_out(&memory, &mut back, &[(0, 0, 1)])).expect("copies");
    assert!(host.bytes() == back.bytes());
}
