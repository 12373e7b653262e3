//! What is done before it is needed, or asked for by the program, beside launches and CPU touches.

use super::{device, explore, moved, thread};
use crate::world::{How, PLAIN, Svm, launch, touch, writes};
use vksvm_pages::{PAGES, Side};

/// Two pages of each block, device memory for two, which is all that launches may use.
const TWO: How = How { used: 2, chunk: 2, ..moved(2) };

/// Pages of two blocks have been with the device, of the first block one still is, and eviction is to be expected.
fn evicting(svm: &Svm) {
    launch(svm, &[writes(0..2)]).unwrap();
    launch(svm, &[writes(PAGES..PAGES + 1)]).unwrap();
    svm.mechanism().wait_all();
}

#[test]
fn a_fault_and_cleaning() {
    explore(1, TWO, |svm| {
        let device = device(svm, 2);
        evicting(svm);
        let cpu = thread(svm, |svm| touch(svm, 0, 0, Some(7)));
        svm.clean_ahead();
        assert!(svm.counts().to_host.total() > 0, "nothing was evicted, so nothing is cleaned");
        cpu.join().unwrap();
        device.join().unwrap();
    });
}

#[test]
fn a_launch_and_cleaning() {
    explore(1, TWO, |svm| {
        let device = device(svm, 3);
        evicting(svm);
        let other = thread(svm, |svm| svm.clean_ahead());
        launch(svm, &[writes(0..1)]).unwrap();
        touch(svm, 0, 0, None);
        other.join().unwrap();
        device.join().unwrap();
    });
}

#[test]
fn a_prefetch_home_and_a_launch() {
    explore(2, PLAIN, |svm| {
        let device = device(svm, 2);
        launch(svm, &[writes(0..1)]).unwrap();
        let other = thread(svm, |svm| _ = svm.prefetch(0..1, Side::Host, svm.launches()).unwrap());
        launch(svm, &[writes(0..1)]).unwrap();
        touch(svm, 0, 0, Some(7));
        other.join().unwrap();
        device.join().unwrap();
    });
}

#[test]
fn a_prefetch_and_a_cpu_write_and_a_launch() {
    explore(1, PLAIN, |svm| {
        let device = device(svm, 1);
        let cpu = thread(svm, |svm| touch(svm, 0, 0, Some(7)));
        let other = thread(svm, |svm| _ = svm.prefetch(0..1, Side::Device, svm.launches()).unwrap());
        launch(svm, &[writes(0..1)]).unwrap();
        other.join().unwrap();
        cpu.join().unwrap();
        device.join().unwrap();
    });
}

#[test]
fn pinning_and_a_launch() {
    explore(2, PLAIN, |svm| {
        let device = device(svm, 2);
        launch(svm, &[writes(0..1)]).unwrap();
        let other = thread(svm, |svm| _ = svm.pin(0..1, Side::Host).unwrap());
        launch(svm, &[writes(0..1)]).unwrap();
        other.join().unwrap();
        let there = svm.snapshot(0..1, |_, page| page.on_device);
        assert_eq!(there, [false], "a pinned page is with the device");
        device.join().unwrap();
    });
}
