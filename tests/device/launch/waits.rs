//! Waiting, polling, and what the reaper does meanwhile.

use super::gate::Gate;
use crate::{
    harness::{Ignored, needs_cpu_device, open, tests},
    kernels::{self, Add, Tick},
    log,
    variants::refused_saying,
};
use std::{thread, time::Duration};
use vksvm::Svm;

tests![
    a_wait_that_times_out,
    host_waits_for_its_slice_only,
    what_is_pending_goes_out_by_itself,
    a_launch_that_runs_too_long_is_reported_once,
    no_report_without_a_limit,
    a_launch_outlives_its_scope_as_a_handle,
    gpu_time_on_request,
    groups_of_all_sizes,
];

fn a_wait_that_times_out() -> Result<(), Ignored> {
    needs_cpu_device()?;
    let svm = open();
    let (gate, kernel, mut passed) = (Gate::new(&svm), kernels::gate(&svm), svm.vec([0]));
    svm.scope(|s| {
        let opener = gate.opener();
        let launch = gate.launch(&kernel, s.update(&mut passed))?;
        for limit in [Duration::ZERO, Duration::from_micros(1), Duration::from_millis(2)] {
            refused_saying(launch.wait_for(limit), "Timeout", &["still running"]);
        }
        assert!(!launch.is_done());
        drop(opener);
        // More than the gate holds out by itself.
        launch.wait_for(Duration::from_secs(200))?;
        assert!(launch.is_done());
        launch.wait_for(Duration::ZERO)
    })
    .expect("scope");
    assert_eq!(passed[0], 1);
    Ok(())
}

fn host_waits_for_its_slice_only() -> Result<(), Ignored> {
    needs_cpu_device()?;
    let svm = open();
    let (gate, kernel, add) = (Gate::new(&svm), kernels::gate(&svm), kernels::add(&svm));
    let (mut a, mut passed, x) = (svm.vec([1; 3]), svm.vec([0]), svm.vec([1, 2, 3]));
    svm.scope(|s| {
        let opener = gate.opener();
        let mut a = s.lend(&mut a);
        let mut passed = s.lend(&mut passed);
        add.launch(3u32, Add { x: s.read(&x), y: a.update(), n: 3 })?;
        let held = gate.launch(&kernel, passed.update())?;
        // If these waited for the gate, they would wait until it gives up.
        assert_eq!(a.host()?, [2, 3, 4]);
        a.host_mut()?[0] = 7;
        assert!(!held.is_done());
        drop(opener);
        assert_eq!(passed.host()?, [1]);
        Ok(())
    })
    .expect("scope");
    assert_eq!(a[..], [7, 3, 4]);
    Ok(())
}

/// Nobody waits or flushes: a pending group goes out when the queue runs dry.
fn what_is_pending_goes_out_by_itself() -> Result<(), Ignored> {
    needs_cpu_device()?;
    let svm = open();
    let (gate, kernel, tick) = (Gate::new(&svm), kernels::gate(&svm), kernels::tick(&svm));
    let (mut count, mut marks, mut passed) = (svm.vec([0]), svm.zeroed::<u32>(10), svm.vec([0]));
    svm.scope(|s| {
        let opener = gate.opener();
        gate.launch(&kernel, s.update(&mut passed))?;
        let mut count = s.lend(&mut count);
        let mut last = None;
        for mark in marks.chunks_mut(1) {
            last = Some(tick.launch(1u32, Tick { count: count.update(), mark: s.write(mark), value: 1 })?);
        }
        let last = last.expect("ten of them");
        assert!(!last.is_done());
        drop(opener);
        while !last.is_done() {
            thread::yield_now();
        }
        Ok(())
    })
    .expect("scope");
    assert_eq!((count[0], marks.iter().sum::<u32>()), (10, 10));
    Ok(())
}

fn a_launch_that_runs_too_long_is_reported_once() -> Result<(), Ignored> {
    needs_cpu_device()?;
    let svm = Svm::builder().launch_limit(Duration::from_millis(1)).open().expect("open");
    let (gate, kernel, mut passed) = (Gate::new(&svm), kernels::gate(&svm), svm.vec([0]));
    let mark = log::all().len();
    let reports = || log::since(mark).iter().filter(|line| line.contains("longer than the limit")).count();
    svm.scope(|s| {
        let opener = gate.opener();
        let launch = gate.launch(&kernel, s.update(&mut passed))?;
        while svm.stats().slow_launches == 0 {
            assert!(!launch.is_done(), "it ended before anybody noticed how long it took");
            thread::yield_now();
        }
        // It is watched on, every quarter of the limit.
        refused_saying(launch.wait_for(Duration::from_millis(20)), "Timeout", &[]);
        drop(opener);
        Ok(())
    })
    .expect("scope");
    assert_eq!((svm.stats().slow_launches, reports()), (1, 1));
    let lines = log::since(mark);
    assert!(lines.iter().any(|line| line.contains("kernel main has been running")), "{lines:?}");
    Ok(())
}

fn no_report_without_a_limit() -> Result<(), Ignored> {
    needs_cpu_device()?;
    let svm = Svm::builder().launch_limit(None).open().expect("open");
    let (gate, kernel, mut passed) = (Gate::new(&svm), kernels::gate(&svm), svm.vec([0]));
    svm.scope(|s| {
        let opener = gate.opener();
        let launch = gate.launch(&kernel, s.update(&mut passed))?;
        refused_saying(launch.wait_for(Duration::from_millis(20)), "Timeout", &[]);
        drop(opener);
        Ok(())
    })
    .expect("scope");
    assert_eq!(svm.stats().slow_launches, 0);
    Ok(())
}

fn a_launch_outlives_its_scope_as_a_handle() {
    let svm = open();
    let add = kernels::add(&svm);
    let (x, mut y) = (svm.vec([1, 2, 3]), svm.vec([0; 3]));
    let launch =
        svm.scope(|s| add.timed().launch(3u32, Add { x: s.read(&x), y: s.update(&mut y), n: 3 })).expect("scope");
    assert!(launch.is_done());
    assert_eq!(launch.clone().wait(), Ok(()));
    assert_eq!(launch.gpu_time().map(|time| time.is_some()), Ok(svm.capabilities().timestamps));
    drop((x, y, add, svm));
    assert!(launch.is_done(), "the handle keeps what it needs");
}

fn gpu_time_on_request() {
    let svm = open();
    let add = kernels::add(&svm);
    let timed = add.timed();
    const N: u32 = 1 << 20;
    let (x, mut y) = (svm.vec(0..N), svm.vec(0..N));
    svm.scope(|s| {
        let mut y = s.lend(&mut y);
        // More than one pool of queries holds.
        let mut launches = vec![];
        for _ in 0..600 {
            launches.push(timed.launch(64u32, Add { x: s.read(&x), y: y.update(), n: 64 })?);
        }
        let large = timed.launch(N, Add { x: s.read(&x), y: y.update(), n: N })?;
        let untimed = add.launch(64u32, Add { x: s.read(&x), y: y.update(), n: 64 })?;
        assert_eq!(untimed.gpu_time(), Ok(None));
        if svm.capabilities().timestamps {
            for launch in launches {
                assert!(launch.gpu_time()?.is_some());
            }
            // A million elements take some time on any device, and not a minute on one that works.
            let time = large.gpu_time()?.expect("timed");
            assert!(time > Duration::ZERO && time < Duration::from_secs(60), "{time:?}");
        }
        Ok(())
    })
    .expect("scope");
    assert_eq!(y[63], 63 + 63 * 602);
}

fn groups_of_all_sizes() {
    for group in [1, 2, 63, 64, 65, 4096] {
        let svm = Svm::builder().group(group).heap_size(64 << 20).open().expect("open");
        let tick = kernels::tick(&svm);
        let (mut count, mut marks) = (svm.vec([0]), svm.zeroed::<u32>(300));
        svm.scope(|s| {
            let mut count = s.lend(&mut count);
            for (value, mark) in (1..).zip(marks.chunks_mut(1)) {
                tick.launch(1u32, Tick { count: count.update(), mark: s.write(mark), value })?;
            }
            Ok(())
        })
        .expect("scope");
        assert_eq!(count[0], 300, "group {group}");
        assert!(marks.iter().copied().eq(1..=300), "group {group}");
    }
}
