//! With the user view taken away while kernels run, a dereference that was not translated ends the process.
//!
//! A CPU device's threads live in this process, so an untranslated address would read the right bytes through the user view, and no result
//! would tell. The programs run in processes of their own.
//!
//! # Safety
//! The bytes that lose their protection are lent to the launch that is waited for meanwhile: nothing in this process but the
//! device uses them, and the device through the other view. They get it back before anyone looks.
#![allow(unsafe_code)]

use super::{WAYS, Way, program};
use crate::{
    child::{play, said},
    harness::{Ignored, needs_cpu_device, tests},
};
use rustix::mm::{MprotectFlags, mprotect};
use std::{env, os::unix::process::ExitStatusExt};
use vksvm::{Launch, PAGE, Result, seam::validation_messages};
use vksvm_spirv::Broken;

tests![translated_kernels_need_no_user_view, an_address_that_is_not_translated_is_noticed];

/// The part that a process of its own plays.
pub const PART: &str = "translation_hidden";
/// Which way it opens its heap.
const WAY: &str = "VKSVM_TEST_WAY";
/// What lowering does wrong, if anything.
const BROKEN: &str = "VKSVM_TEST_BROKEN";

/// What it says at its end.
const DONE: &str = "all kernels ran without a user view";

/// The part.
pub fn run() {
    let named = env::var(WAY).expect("a way");
    let way = WAYS.iter().find(|way| way.name == named).expect("a way of that name");
    let broken = env::var(BROKEN).ok().and_then(|name| Broken::ALL.iter().find(|broken| format!("{broken:?}") == name));
    let builder = way.builder();
    let svm = broken.map_or(builder.clone(), |broken| builder.break_lowering(*broken)).open().expect("open");
    let count = program::every_kernel(&svm, &without_user_view);
    drop(svm);
    let said = validation_messages();
    assert!(said.is_empty(), "{said:?}");
    println!("{DONE}: {count}");
}

/// Waits for the launch while nobody can touch the pages of `parts`, each of which must have its pages to itself.
fn without_user_view(parts: &[(*const u8, usize)], launch: &mut dyn FnMut() -> Result<Launch>) {
    for (_, len) in parts {
        assert!(*len > PAGE / 2, "{len} bytes may share their page with others");
    }
    let protect = |flags| {
        for (start, len) in parts {
            let from = start.addr() / PAGE * PAGE;
            let len = (start.addr() + len).next_multiple_of(PAGE) - from;
            // SAFETY: the pages are those of a slice that is lent to the launch, see above.
            unsafe { mprotect(start.with_addr(from).cast_mut().cast(), len, flags) }.expect("mprotect");
        }
    };
    protect(MprotectFlags::empty());
    launch().and_then(|launch| launch.wait()).expect("launch");
    protect(MprotectFlags::READ | MprotectFlags::WRITE);
}

fn aliased() -> impl Iterator<Item = &'static Way> {
    WAYS.iter().filter(|way| way.aliased)
}

fn translated_kernels_need_no_user_view() -> std::result::Result<(), Ignored> {
    needs_cpu_device()?;
    assert_eq!(aliased().count(), 4);
    for way in aliased() {
        let output = play(PART, &[(WAY, way.name)]);
        let text = said(&output);
        assert!(output.status.success() && text.contains(&format!("{DONE}: 7")), "{}: {text}", way.name);
    }
    Ok(())
}

fn an_address_that_is_not_translated_is_noticed() -> std::result::Result<(), Ignored> {
    needs_cpu_device()?;
    for way in aliased() {
        for broken in [Broken::SkipLoads, Broken::SkipStores] {
            let output = play(PART, &[(WAY, way.name), (BROKEN, &format!("{broken:?}"))]);
            let text = said(&output);
            // How a process that touches what it must not ends on any Linux; a handler that reports it may abort then.
            let killed = output.status.signal().is_some_and(|signal| [libc::SIGSEGV, libc::SIGABRT].contains(&signal));
            assert!(killed && !text.contains(DONE), "{}, {broken:?}: {text}", way.name);
        }
    }
    Ok(())
}
