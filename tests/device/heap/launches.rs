//! The heap as the device sees it.

use crate::{
    harness::{Ignored, needs_cpu_device, open, tests},
    kernels::{self, Add, Ends, Fill},
    launch::gate::Gate,
};
use std::{sync::mpsc, thread};
use vksvm::{Backing, Svm, SvmVec};

tests![
    segments_are_imported_when_they_are_used,
    an_allocation_across_segments,
    more_than_one_import_holds,
    each_backing_that_works,
    freed_and_used_again_by_the_device,
    freeing_waits_for_the_launch,
];

fn segments_are_imported_when_they_are_used() {
    let svm = Svm::builder().heap_size(64 << 20).segment_size(2 << 20).open().expect("open");
    let fill = kernels::fill(&svm);
    assert_eq!((svm.stats().segments, svm.stats().imported_segments), (32, 0));
    let mut small = svm.zeroed::<u32>(10);
    let run = |v: &mut [u32], first| {
        let n = v.len() as u32;
        svm.scope(|s| fill.launch(n, Fill { to: s.write(v), n, first })).map(drop).expect("scope");
        assert!(v.iter().copied().eq(first..first + n));
        svm.stats().imported_segments
    };
    assert_eq!(run(&mut small, 1), 1);
    assert_eq!(run(&mut small, 2), 1, "once");
    let mut large = svm.zeroed::<u32>(5 << 18);
    let imported = run(&mut large, 3);
    // 5 MiB lie in 3 or 4 segments of 2 MiB, of which the small one's may be one.
    assert!((3..=5).contains(&imported), "{imported}");
    assert_eq!(run(&mut large[..10], 4), imported);
}

fn an_allocation_across_segments() {
    let svm = Svm::builder().heap_size(64 << 20).segment_size(2 << 20).open().expect("open");
    let add = kernels::add(&svm);
    // As much as a grid in one dimension covers.
    const N: u32 = 64 * 65535;
    let (x, mut y) = (svm.vec(0..N), svm.vec(0..N));
    svm.scope(|s| add.launch(N, Add { x: s.read(&x), y: s.update(&mut y), n: N })).expect("scope");
    assert!(y.iter().zip(0..N).all(|(y, i)| *y == 2 * i));
    assert!(svm.stats().imported_segments >= 15);
}

/// Three gigabytes in one allocation, a kernel at both of its ends and in the middle.
fn more_than_one_import_holds() {
    let svm = Svm::builder().heap_size(8 << 30).open().expect("open");
    let ends = kernels::ends(&svm);
    let words = 3 << 28;
    let mut v = svm.zeroed::<u32>(words);
    let last = words as u64 - 1;
    svm.scope(|s| {
        let mut v = s.lend(&mut v);
        ends.launch(2u32, Ends { x: v.update(), first: 0, step: last })?;
        ends.launch(2u32, Ends { x: v.update(), first: 1, step: last / 2 })?;
        ends.launch(2u32, Ends { x: v.update(), first: 0, step: last })?;
        Ok(())
    })
    .expect("scope");
    let seen = [0, 1, 2, 1 + last / 2, last - 1, last].map(|at| v[at as usize]);
    assert_eq!(seen, [2, 1, 0, 1, 0, 2]);
    assert!(svm.stats().imported_segments >= 1);
}

fn each_backing_that_works() -> Result<(), Ignored> {
    let mut refused = vec![];
    for backing in [Backing::Memfd, Backing::Anonymous] {
        let svm = match Svm::builder().backing(backing).heap_size(64 << 20).open() {
            Ok(svm) => svm,
            // Drivers may import one kind only.
            Err(error @ vksvm::Error::PlacementUnavailable { .. }) => {
                refused.push(format!("{backing:?}: {error}"));
                continue;
            }
            Err(error) => panic!("{backing:?}: {error}"),
        };
        assert_eq!(svm.capabilities().backing, backing);
        let fill = kernels::fill(&svm);
        for round in 0..5 {
            let mut v = svm.zeroed::<u32>(1 << 20);
            svm.scope(|s| fill.launch(1u32 << 20, Fill { to: s.write(&mut v), n: 1 << 19, first: round }))
                .expect("scope");
            assert!(v[..1 << 19].iter().copied().eq(round..round + (1 << 19)));
            assert!(v[1 << 19..].iter().all(|x| *x == 0), "fresh memory is zero");
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(Ignored(refused.join("; "))) }
}

fn freed_and_used_again_by_the_device() {
    let svm = Svm::builder().heap_size(8 << 20).open().expect("open");
    let (fill, add) = (kernels::fill(&svm), kernels::add(&svm));
    for round in 0..50 {
        let n = 1 << (round % 7 + 12);
        let (mut x, mut y) = (svm.zeroed::<u32>(n), svm.zeroed::<u32>(n));
        let n = n as u32;
        svm.scope(|s| {
            let mut x = s.lend(&mut x);
            fill.launch(n, Fill { to: x.write(), n, first: round })?;
            add.launch(n, Add { x: x.read(), y: s.update(&mut y), n })?;
            Ok(())
        })
        .expect("scope");
        assert!(y.iter().copied().eq(round..round + n), "round {round}");
    }
}

/// A buffer whose owner gives it up while a launch uses it, on another thread.
fn freeing_waits_for_the_launch() -> Result<(), Ignored> {
    needs_cpu_device()?;
    let svm = open();
    let (gate, kernel, fill) = (Gate::new(&svm), kernels::gate(&svm), kernels::fill(&svm));
    let mut passed = svm.vec([0]);
    svm.scope(|s| {
        let opener = gate.opener();
        gate.launch(&kernel, s.update(&mut passed))?;
        let v: SvmVec<u32> = svm.zeroed(1000);
        let at = v.as_ptr().addr();
        let running = fill.launch_owned(1000u32, v, |s, v| Fill { to: s.write(v), n: 1000, first: 1 })?;
        let (send, ended) = mpsc::channel();
        thread::scope(|t| {
            t.spawn(move || {
                drop(running);
                send.send(()).expect("the receiver waits");
            });
            // Dropping does not block,
            ended.recv().expect("sent");
            // and the memory is nobody else's before the launch has ended.
            let others: Vec<SvmVec<u32>> = (0..100).map(|_| svm.vec([7; 1000])).collect();
            assert!(others.iter().all(|v| v.as_ptr().addr() != at));
            drop(opener);
            svm.wait_idle()?;
            assert!(others.iter().all(|v| v.iter().all(|x| *x == 7)));
            Ok(())
        })
    })
    .expect("scope");
    assert_eq!(passed[0], 1);
    Ok(())
}
