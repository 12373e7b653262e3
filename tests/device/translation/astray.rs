//! Kernels that follow pointers to nowhere: in table form they take nothing down and change nothing that is anyone's.
//!
//! # Safety
//! The kernels here are loaded with a promise that is then broken: that is what the tests are about. What they may reach is a
//! process of its own, in which nothing but what the tests look at matters.
#![allow(unsafe_code)]

use super::{HEAP, WAYS};
use crate::{
    child::{play, said},
    harness::{Ignored, needs_cpu_device, tests},
};
use std::{env, os::unix::process::ExitStatusExt};
use vksvm::{InOut, Kernel, KernelArgs, Ptr, Svm, SvmVec, Translation, seam::validation_messages};

tests![pointers_to_nowhere, without_a_table_they_end_the_process];

/// The part that a process of its own plays.
pub const PART: &str = "translation_astray";
/// Which way it opens its heap.
const WAY: &str = "VKSVM_TEST_WAY";
/// What it says at its end.
const DONE: &str = "strayed everywhere";

/// `to[i] = first + i`.
#[derive(KernelArgs)]
struct Write {
    to: Ptr<u32>,
    n: u32,
    first: u32,
}

/// `y[i] += x[i]`.
#[derive(KernelArgs)]
struct Read<'a> {
    x: Ptr<u32>,
    #[len(n)]
    y: InOut<'a, u32>,
    n: u32,
}

/// Invocations of each launch: more bytes than a page.
const N: u32 = 20_000;

/// The heap's first and last address, as the handle tells.
fn range(svm: &Svm) -> (u64, u64) {
    let text = format!("{svm:?}");
    let number = |text: &str| {
        let digits = text.trim_start_matches("0x").trim_end_matches(')');
        u64::from_str_radix(digits, 16).expect("an address")
    };
    let (start, end) = text.rsplit(' ').next().and_then(|range| range.split_once("..")).expect("a range");
    (number(start), number(end))
}

/// The part.
pub fn run() {
    let named = env::var(WAY).expect("a way");
    let way = WAYS.iter().find(|way| way.name == named).expect("a way of that name");
    let svm = way.open();
    let (start, end) = range(&svm);
    assert_eq!(end - start, HEAP);
    // SAFETY: see above.
    let write: Kernel<Write> = unsafe { svm.module(include_bytes!("../../kernels/fill.spv")).load() }.expect("load");
    // SAFETY: see above.
    let read: Kernel<Read<'static>> =
        unsafe { svm.module(include_bytes!("../../kernels/add.spv")).load() }.expect("load");
    let pattern = |i: u32| i.wrapping_mul(0x9e37_79b9);
    let before: SvmVec<u32> = svm.vec((0..N).map(pattern));
    let freed: SvmVec<u32> = svm.vec((0..N).map(|_| 0));
    let after: SvmVec<u32> = svm.vec((0..N).map(pattern));
    let mut sums: SvmVec<u32> = svm.zeroed(N as usize);
    let hole = freed.as_ptr().addr() as u64;
    // So that the freed pages' segment has been shown to the device.
    svm.scope(|s| read.launch(N, Read { x: Ptr::from_address(hole), y: s.update(&mut sums), n: N })).expect("scope");
    drop(freed);
    assert!(svm.stats().imported_segments > 0);

    let bytes = u64::from(N) * 4;
    // The heap's last segments have not been shown to the device.
    let unused = end - (1 << 20);
    let nowhere = [
        0,
        8,
        start - bytes,
        start - (1 << 30),
        end,
        end + (1 << 30),
        // Half of it inside.
        end - 4096,
        unused,
        // One bit away from the heap.
        start | 1 << 47,
        start ^ 1 << 48,
        start | 1 << 63,
        u64::MAX - bytes + 1,
    ];
    for (index, at) in nowhere.into_iter().enumerate() {
        let x = Ptr::from_address(at);
        if index == 0 {
            // Nobody has written to the null page so far.
            svm.scope(|s| read.launch(N, Read { x, y: s.update(&mut sums), n: N })).expect("scope");
            assert!(sums.iter().all(|sum| *sum == 0), "the null page reads zeros");
        }
        svm.scope(|_| write.launch(N, Write { to: x, n: N, first: 1 })).expect("scope");
        svm.scope(|s| read.launch(N, Read { x, y: s.update(&mut sums), n: N })).expect("scope");
        assert!(sums.iter().any(|sum| *sum != 0), "{at:#x}: what was read is what was written astray");
        sums.fill(0);
    }
    // What was freed is nobody's, but it is memory.
    svm.scope(|_| write.launch(N, Write { to: Ptr::from_address(hole), n: N, first: 1 })).expect("scope");
    for kept in [&before, &after] {
        assert!(kept.iter().copied().eq((0..N).map(pattern)), "a neighbour was hit");
    }
    drop((write, read, before, after, sums, svm));
    let said = validation_messages();
    assert!(said.is_empty(), "{said:?}");
    println!("{DONE}");
}

fn pointers_to_nowhere() -> Result<(), Ignored> {
    needs_cpu_device()?;
    let table = WAYS.iter().filter(|way| way.becomes == Translation::Table);
    for way in table {
        let output = play(PART, &[(WAY, way.name)]);
        let text = said(&output);
        assert!(output.status.success() && text.contains(DONE), "{}: {text}", way.name);
    }
    Ok(())
}

/// So that the test above means something.
fn without_a_table_they_end_the_process() -> Result<(), Ignored> {
    needs_cpu_device()?;
    let output = play(PART, &[(WAY, "identity")]);
    let text = said(&output);
    let killed = output.status.signal().is_some_and(|signal| [libc::SIGSEGV, libc::SIGABRT].contains(&signal));
    assert!(killed && !text.contains(DONE), "{text}");
    Ok(())
}
