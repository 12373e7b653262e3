//! The behaviours of the kernel's own HMM tests (tools/testing/selftests/mm/hmm-tests.c), under their names, with heap memory in the place of theirs.
//!
//! # Safety
//! `process_vm_readv` reads a slice of this process into another.
#![allow(unsafe_code)]

use super::{
    Mode,
    kernels::Put,
    rig::{BUDGET, Rig, WORDS, in_modes, pattern, same},
};
use crate::{
    harness::{Ignored, trial},
    kernels,
};
use libtest_mimic::Trial;
use std::thread;
use vksvm::SvmVec;

const HUGE: &str = "huge pages: a page here is always 64 KiB; larger ones come later";
const FILES: &str = "mapped files come later; the heap's memory has no file that anyone else sees";
const MIRRORED: &str =
    "mirrored memory comes later: the heap has no mappings and no access rights of the program's own";

macro_rules! not_yet {
    ($($name:ident: $why:expr;)*) => {
        [$(trial(module_path!(), stringify!($name), || Err::<(), _>(Ignored($why.into()))),)*]
    };
}

pub fn tests() -> Vec<Trial> {
    let apply = in_modes![
        open_close,
        anon_read,
        anon_write,
        anon_write_child,
        migrate,
        migrate_fault,
        migrate_release,
        migrate_shared,
        migrate_mixed,
        migrate_multiple,
        anon_read_multiple,
        anon_teardown,
        double_map,
        exclusive,
        hmm_gup_test,
        hmm_cow_in_device,
        migrate_partial_unmap_fault,
        snapshot,
    ];
    let others = not_yet! {
        anon_read_prot: MIRRORED;
        anon_write_prot: MIRRORED;
        anon_write_child_shared: "by design a forked child has no heap, so nothing is shared with it: anon_write_child shows that its touch is a SIGSEGV";
        anon_write_huge: HUGE;
        anon_write_hugetlbfs: HUGE;
        file_read: FILES;
        file_write: FILES;
        migrate_file_private: FILES;
        mixedmap: "memory of other drivers' mappings is not memory of the heap";
        compound: HUGE;
        exclusive_mprotect: MIRRORED;
        exclusive_cow: "by design a forked child has no heap: hmm_cow_in_device shows that the parent's is as it was";
        migrate_anon_huge_empty: HUGE;
        migrate_anon_huge_zero: HUGE;
        migrate_anon_huge_free: HUGE;
        migrate_anon_huge_fault: HUGE;
        migrate_remap_fault: "mremap of heap memory comes with mirrored memory";
        migrate_anon_huge_err: HUGE;
        migrate_anon_huge_zero_err: HUGE;
        benchmark_thp_migration: "a benchmark: migrate_h2d and migrate_d2h of cargo xtask bench";
    };
    apply.into_iter().chain(others).collect()
}

/// Words of a buffer of several pages and a bit.
const N: usize = 9 * WORDS + 100;

/// A buffer that the program has written, and its model.
fn written(rig: &Rig, seed: u32, len: usize) -> (SvmVec<u32>, Vec<u32>) {
    let model = pattern(seed, len);
    (rig.svm.vec(model.iter().copied()), model)
}

fn open_close(mode: &'static Mode) -> Result<(), Ignored> {
    for round in 0..3 {
        let (one, two) = (Rig::open(mode)?, Rig::open(mode)?);
        let ((mut a, mut of_a), (mut b, mut of_b)) = (written(&one, 1, N), written(&two, 2, N));
        one.put(&mut a, &mut of_a, [0, 3], round);
        two.put(&mut b, &mut of_b, [1, 2], round);
        if round == 0 {
            drop((one, b));
            drop(two);
        } else {
            drop(two);
            same(&b, &of_b, "the vector keeps its heap");
            one.program_sees(&a, &of_a, "the other is closed");
        }
        same(&a, &of_a, "the vector keeps its heap");
    }
    Ok(())
}

fn anon_read(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let (v, model) = written(&rig, 1, N);
    rig.device_sees(&v, &model, "read");
    rig.program_sees(&v, &model, "after the device has read");
    rig.device_sees(&v, &model, "read again");
    Ok(())
}

fn anon_write(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let (mut v, mut model) = written(&rig, 1, N);
    rig.put(&mut v, &mut model, [0, 1], 5);
    let before = rig.stats();
    rig.program_sees(&v, &model, "written by the device");
    rig.went_up("cpu_faults", before.cpu_faults, rig.stats().cpu_faults);
    Ok(())
}

/// A child that touches is killed; the parent and its device go on.
fn anon_write_child(mode: &'static Mode) -> Result<(), Ignored> {
    super::laws::fork::ended_by_its_touch(mode, "host")
}

/// The same with the pages on the device.
fn hmm_cow_in_device(mode: &'static Mode) -> Result<(), Ignored> {
    super::laws::fork::ended_by_its_touch(mode, "device")
}

fn migrate(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let (mut v, mut model) = written(&rig, 1, N);
    let before = rig.stats();
    rig.put(&mut v, &mut model, [3, 7], 5);
    let there = rig.stats();
    rig.went_up("bytes_to_device", before.bytes_to_device, there.bytes_to_device);
    rig.device_sees(&v, &model, "on the device");
    rig.program_sees(&v, &model, "back");
    rig.went_up("bytes_to_host", there.bytes_to_host, rig.stats().bytes_to_host);
    Ok(())
}

fn migrate_fault(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let (mut v, mut model) = written(&rig, 1, N);
    rig.put(&mut v, &mut model, [0, 5], 5);
    rig.program_sees(&v[..N / 2], &model[..N / 2], "the first half is back");
    v[7] = 7;
    model[7] = 7;
    rig.put(&mut v, &mut model, [2, 5], 6);
    rig.program_sees(&v, &model, "after a second migration");
    Ok(())
}

/// Device memory goes to others; what was in it survives.
fn migrate_release(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let len = BUDGET as usize / 4 * 3 / 4;
    let ((mut a, mut of_a), (mut b, mut of_b)) = (written(&rig, 1, len), written(&rig, 2, len));
    for round in 0..3 {
        rig.put(&mut a, &mut of_a, [0, 3], round);
        rig.put(&mut b, &mut of_b, [1, 2], round);
    }
    if !mode.in_place {
        rig.went_up("evictions", 0, rig.stats().evictions);
    }
    drop(b);
    rig.program_sees(&a, &of_a, "released");
    assert!(rig.stats().device_bytes <= BUDGET);
    Ok(())
}

/// The heap's memory always is a shared mapping. What several threads share moves all the same.
fn migrate_shared(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let (mut v, mut model) = written(&rig, 1, N);
    rig.put(&mut v, &mut model, [0, 2], 5);
    thread::scope(|t| {
        for _ in 0..4 {
            t.spawn(|| rig.program_sees(&v, &model, "a thread"));
            t.spawn(|| rig.device_sees(&v, &model, "a thread's launch"));
        }
    });
    Ok(())
}

/// Pages that nobody has touched between others, beside freed ones.
fn migrate_mixed(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let pages = 16;
    let before: SvmVec<u32> = rig.svm.zeroed(WORDS);
    let mut v = rig.svm.zeroed::<u32>(pages * WORDS);
    let after: SvmVec<u32> = rig.svm.zeroed(WORDS);
    drop((before, after));
    let mut model = vec![0; v.len()];
    for page in [1, 4, 5, 15] {
        let at = page * WORDS + 17 * page;
        v[at] = page as u32;
        model[at] = page as u32;
    }
    rig.device_sees(&v, &model, "holes");
    rig.put(&mut v, &mut model, [100, 3 * WORDS as u32], 5);
    rig.device_sees(&v, &model, "holes and writes");
    rig.program_sees(&v, &model, "holes and writes");
    Ok(())
}

fn migrate_multiple(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let (mut v, mut model) = written(&rig, 1, N);
    for round in 0..10 {
        rig.put(&mut v, &mut model, [round, 11], round);
        rig.program_sees(&v, &model, "a round trip");
        let at = (round as usize + 1) * 999;
        v[at] = round;
        model[at] = round;
    }
    rig.device_sees(&v, &model, "after ten round trips");
    Ok(())
}

fn anon_read_multiple(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let all: Vec<_> = (0..10).map(|seed| written(&rig, seed, N)).collect();
    for round in 0..3 {
        for (index, (v, model)) in all.iter().enumerate() {
            rig.device_sees(v, model, "one of many");
            if (index + round) % 3 == 0 {
                rig.program_sees(v, model, "one of many");
            }
        }
    }
    Ok(())
}

/// Memory is given up while the device uses it; who gets it next finds zeros, and keeps what is his.
fn anon_teardown(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    for round in 0..40 {
        let buffer = rig.svm.zeroed::<u32>(N);
        let (n, seed) = (N as u32, round);
        let running = rig.kernels.put.launch_owned(n, buffer, |s, to| Put {
            to: s.write(to),
            n,
            first: 0,
            step: 1,
            seed,
            rounds: 9,
        });
        drop(running.unwrap_or_else(|error| panic!("{}: {error}", mode.name)));
        let next = rig.svm.zeroed::<u32>(N);
        assert!(next.iter().all(|word| *word == 0), "{}, round {round}: fresh memory is not zero", mode.name);
    }
    Ok(())
}

/// Two launches and the program read; then one launch writes, and the others see it.
fn double_map(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let (mut v, mut model) = written(&rig, 1, N);
    for round in 0..5 {
        thread::scope(|t| {
            t.spawn(|| rig.device_sees(&v, &model, "one reader"));
            t.spawn(|| rig.device_sees(&v, &model, "the other"));
            rig.program_sees(&v, &model, "the program");
        });
        rig.put(&mut v, &mut model, [round, 4], round);
        rig.device_sees(&v, &model, "after a write by the device");
        v[round as usize] ^= 1;
        model[round as usize] ^= 1;
    }
    Ok(())
}

/// Atomics of both sides in turn on one page: neither loses the other's.
fn exclusive(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let tick = kernels::tick(&rig.svm);
    let mut v = rig.svm.zeroed::<u32>(1000);
    for round in 1..=50 {
        let (counter, rest) = v.split_at_mut(1);
        let (mark, mine) = rest.split_at_mut(1);
        rig.svm
            .scope(|s| {
                let launch =
                    tick.launch(1u32, kernels::Tick { count: s.update(counter), mark: s.write(mark), value: round })?;
                // The same page, while the launch has it.
                mine[500] += 1;
                launch.wait()
            })
            .unwrap_or_else(|error| panic!("{}: {error}", mode.name));
        v[0] += 1;
        assert_eq!([v[0], v[1], v[502]], [2 * round, round, round], "{}", mode.name);
    }
    Ok(())
}

/// The system reads pages that are with the device by pinning them.
fn hmm_gup_test(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let process = std::process::id() as i32;
    let (mut v, mut model) = written(&rig, 1, N);
    for round in 0..3 {
        rig.put(&mut v, &mut model, [0, 3], round);
        let mut copy = vec![0u32; N];
        let [to, from] =
            [copy.as_mut_ptr(), v.as_mut_ptr()].map(|at| libc::iovec { iov_base: at.cast(), iov_len: 4 * N });
        // SAFETY: one slice of this process into another of the same length; nobody else uses either.
        let count = unsafe { libc::process_vm_readv(process, &raw const to, 1, &raw const from, 1, 0) };
        if count < 0 {
            let error = std::io::Error::last_os_error();
            assert!(error.raw_os_error() == Some(libc::EFAULT) && mode.may_efault(), "{}: {error}", mode.name);
        } else {
            let words = count as usize / 4;
            assert!(words == N || mode.may_efault(), "{}: {count} bytes", mode.name);
            same(&copy[..words], &model[..words], mode.name);
        }
        rig.program_sees(&v, &model, "after the system has read");
    }
    Ok(())
}

/// Parts of what is on the device are freed: the others stay, and come back as zeros.
fn migrate_partial_unmap_fault(mode: &'static Mode) -> Result<(), Ignored> {
    for gone in 0..3 {
        let rig = Rig::open(mode)?;
        let mut all: Vec<_> = (0..3).map(|seed| Some(written(&rig, seed, 4 * WORDS))).collect();
        for (v, model) in all.iter_mut().flatten() {
            rig.put(v, model, [0, 2], 5);
        }
        all[gone] = None;
        let again = rig.svm.zeroed::<u32>(4 * WORDS);
        assert!(again.iter().all(|word| *word == 0), "{}: not zero", mode.name);
        for (v, model) in all.iter().flatten() {
            rig.program_sees(v, model, "a neighbour was freed");
        }
    }
    // A tail that is cut off, and grown again.
    let rig = Rig::open(mode)?;
    let (mut v, mut model) = written(&rig, 1, N);
    rig.put(&mut v, &mut model, [0, 2], 5);
    v.truncate(2 * WORDS + 5);
    v.shrink_to_fit();
    v.resize(N, 3);
    model.truncate(2 * WORDS + 5);
    model.resize(N, 3);
    rig.device_sees(&v, &model, "cut and grown");
    rig.program_sees(&v, &model, "cut and grown");
    Ok(())
}

/// Where pages are and what the CPU may do with them is told without a fault.
fn snapshot(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let (mut v, mut model) = written(&rig, 1, 4 * WORDS);
    let places = |v: &SvmVec<u32>| -> Vec<(bool, bool)> {
        let pages = rig.svm.snapshot(v).unwrap_or_else(|error| panic!("{}: {error}", mode.name));
        pages.iter().map(|page| (page.on_device, page.cpu_writes)).collect()
    };
    assert_eq!(places(&v), [(false, true); 4], "{}", mode.name);
    rig.svm.prefer_location(&v, vksvm::hints::Location::Device).expect("a hint");
    rig.put(&mut v[..2 * WORDS], &mut model[..2 * WORDS], [0, 3], 1);
    let before = rig.stats().cpu_faults;
    let away = (mode.is_discrete(), !mode.is_discrete());
    assert_eq!(places(&v), [away, away, (false, true), (false, true)], "{}", mode.name);
    assert_eq!(rig.stats().cpu_faults, before, "{}: asking is no touch", mode.name);
    v[WORDS] = 5;
    model[WORDS] = 5;
    assert_eq!(places(&v)[1..2], [(false, true)], "{}", mode.name);
    same(&v, &model, mode.name);
    Ok(())
}
