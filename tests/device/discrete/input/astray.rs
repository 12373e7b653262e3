//! Kernels that follow null, freed and far-away pointers: process, device and neighbours are unharmed.
//!
//! # Safety
//! The kernels here are loaded with a promise that is then broken: that is what the test is about. What they may reach is a process of its own.
#![allow(unsafe_code)]

use crate::{
    child::{play, said},
    discrete::{
        Mode,
        rig::{HEAP, Rig, WORDS, in_discrete_modes, pattern},
    },
    harness::{Ignored, needs_cpu_device},
};
use libtest_mimic::Trial;
use std::env;
use vksvm::{InOut, Kernel, KernelArgs, PAGE, Ptr, SvmVec, seam::validation_messages};

/// The part that a process of its own plays.
pub const PART: &str = "discrete_astray";
const MODE: &str = "VKSVM_TEST_MODE";
const IGNORED: &str = "ignored:";
const DONE: &str = "strayed everywhere";

pub fn tests() -> Vec<Trial> {
    in_discrete_modes![pointers_to_nowhere].into()
}

fn pointers_to_nowhere(mode: &'static Mode) -> Result<(), Ignored> {
    needs_cpu_device()?;
    let output = play(PART, &[(MODE, mode.name)]);
    let said = said(&output);
    if output.status.success()
        && let Some((_, why)) = said.split_once(IGNORED)
    {
        return Err(Ignored(why.trim().into()));
    }
    assert!(output.status.success() && said.contains(DONE), "{}: {said}", mode.name);
    Ok(())
}

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
const N: u32 = WORDS as u32 + 500;

/// The part.
pub fn run() {
    let mode = Mode::named(&env::var(MODE).expect("a mode"));
    let rig = match Rig::open(mode) {
        Ok(rig) => rig,
        Err(Ignored(why)) => return println!("{IGNORED} {why}"),
    };
    let svm = &rig.svm;
    // SAFETY: see above.
    let write: Kernel<Write> = unsafe { svm.module(include_bytes!("../../../kernels/fill.spv")).load() }.expect("load");
    // SAFETY: see above.
    let read: Kernel<Read<'static>> =
        unsafe { svm.module(include_bytes!("../../../kernels/add.spv")).load() }.expect("load");
    let (mut of_before, of_after) = (pattern(1, 2 * WORDS), pattern(2, 2 * WORDS));
    let mut before: SvmVec<u32> = svm.vec(of_before.iter().copied());
    let mut freed: SvmVec<u32> = svm.zeroed(2 * WORDS);
    let after: SvmVec<u32> = svm.vec(of_after.iter().copied());
    let mut sums: SvmVec<u32> = svm.zeroed(N as usize);
    let hole = freed.as_ptr().addr() as u64;
    // One neighbour and the one that goes are with the device, the other neighbour is with the host.
    rig.put(&mut freed, &mut vec![0; 2 * WORDS], [0, 1], 3);
    rig.put(&mut before, &mut of_before, [0, 2], 4);
    drop(freed);
    let start = before.as_ptr().addr() as u64 / HEAP * HEAP;
    let nowhere = [
        0,
        8,
        hole,
        // Its second page, but not what follows.
        hole + PAGE as u64 - 3000,
        start.wrapping_sub(4 * HEAP),
        start + 4 * HEAP,
        start | 1 << 47,
        start ^ 1 << 48,
        start | 1 << 63,
        u64::MAX - 4 * u64::from(N) + 1,
    ];
    for at in nowhere {
        let when = format!("a neighbour, after {at:#x}, the hole is {hole:#x}");
        let x = Ptr::from_address(at);
        svm.scope(|_| write.launch(N, Write { to: x, n: N, first: 1 })).expect("scope");
        svm.scope(|s| read.launch(N, Read { x, y: s.update(&mut sums), n: N })).expect("scope");
        rig.device_sees(&after, &of_after, &when);
        rig.program_sees(&before, &of_before, &when);
        rig.program_sees(&after, &of_after, &when);
        // Its pages are with the device again when the next one strays.
        rig.put(&mut before, &mut of_before, [1, 2], 5);
    }
    // Small allocations have a part of the hole by now; somebody gets the rest.
    let again: Vec<SvmVec<u32>> = (0..64).map(|_| svm.zeroed(WORDS)).collect();
    let inside = |v: &SvmVec<u32>| (hole..hole + 2 * PAGE as u64).contains(&(v.as_ptr().addr() as u64));
    assert!(again.iter().any(inside), "none of the freed pages was used again");
    assert!(again.iter().all(|v| v.iter().all(|word| *word == 0)), "what strayed into freed pages came back with them");
    drop((write, read, before, after, again, sums, rig));
    let said = validation_messages();
    assert!(said.is_empty(), "{said:?}");
    println!("{DONE}");
}
