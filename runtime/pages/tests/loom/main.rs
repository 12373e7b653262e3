//! Every order of events, within bounds, of small programs of two or three threads: no update is lost, nobody sees what is out of
//! date, and nobody waits for ever, which loom reports as a deadlock. Run by
//! `RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test --release -p vksvm-pages --features seam --test loom`;
//! `VKSVM_LOOM_FULL=1` tries more orders.
#![cfg(loom)]

mod ahead;
mod world;

use loom::thread::spawn;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use vksvm_pages::{PAGES, Refused};
use world::{How, Op, PLAIN, Svm, check, launch, reads, touch, touch_parked, world, writes};

/// Runs a program in every order in which threads are interrupted at most `preemptions` times between two waits, one more with
/// `VKSVM_LOOM_FULL=1`.
fn explore(preemptions: usize, how: How, program: impl Fn(&Svm) + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    let full = std::env::var_os("VKSVM_LOOM_FULL").is_some_and(|full| full == "1");
    builder.preemption_bound = Some(preemptions + usize::from(full));
    builder.max_branches = 20_000;
    let orders = std::sync::Arc::new(AtomicUsize::new(0));
    let count = orders.clone();
    builder.check(move || {
        count.fetch_add(1, Relaxed);
        let svm = world(how);
        program(&svm);
        check(&svm);
    });
    println!("{} orders of {how:?}", orders.load(Relaxed));
}

/// A thread that does this.
fn thread(svm: &Svm, what: impl Fn(&Svm) + Send + 'static) -> loom::thread::JoinHandle<()> {
    let svm = svm.clone();
    spawn(move || what(&svm))
}

/// A device that ends so many launches.
fn device(svm: &Svm, launches: usize) -> loom::thread::JoinHandle<()> {
    thread(svm, move |svm| svm.mechanism().device(launches))
}

/// The law that this process breaks, to see whether a model notices.
#[cfg(feature = "seam")]
fn broken() -> Option<vksvm_pages::Broken> {
    let name = std::env::var("VKSVM_LOOM_BROKEN").ok()?;
    Some(*vksvm_pages::Broken::ALL.iter().find(|law| format!("{law:?}") == name).expect("a law's name"))
}

/// Device memory for as many pages, which is all that launches may use.
const fn moved(limit: usize) -> How {
    How { in_place: false, limit, ..PLAIN }
}

#[test]
fn a_cpu_write_and_a_launch_that_reads() {
    for expose in [true, false] {
        explore(2, How { expose, ..PLAIN }, |svm| {
            let device = device(svm, 1);
            let cpu = thread(svm, |svm| touch(svm, 0, 0, Some(7)));
            launch(svm, &[reads(0..1)]).unwrap();
            touch(svm, 0, 1, None);
            cpu.join().unwrap();
            device.join().unwrap();
        });
    }
}

#[test]
fn a_cpu_write_and_a_launch_that_writes() {
    for hunt in [false, true] {
        explore(2, How { hunt, ..PLAIN }, |svm| {
            let device = device(svm, 1);
            let cpu = thread(svm, |svm| touch(svm, 0, 0, Some(7)));
            launch(svm, &[writes(0..1)]).unwrap();
            cpu.join().unwrap();
            device.join().unwrap();
        });
    }
}

#[test]
fn a_launch_in_place() {
    for hunt in [false, true] {
        explore(2, How { hunt, limit: 0, ..PLAIN }, |svm| {
            let device = device(svm, 2);
            let cpu = thread(svm, |svm| touch(svm, 0, 0, Some(7)));
            launch(svm, &[writes(0..1)]).unwrap();
            launch(svm, &[writes(0..1)]).unwrap();
            cpu.join().unwrap();
            device.join().unwrap();
        });
    }
}

#[test]
fn two_launches_that_read_and_write_one_page() {
    explore(2, PLAIN, |svm| {
        let device = device(svm, 2);
        touch(svm, 0, 0, Some(7));
        let other = thread(svm, |svm| _ = launch(svm, &[reads(0..1)]).unwrap());
        launch(svm, &[writes(0..1)]).unwrap();
        touch(svm, 0, 0, Some(8));
        other.join().unwrap();
        device.join().unwrap();
    });
}

#[test]
fn two_launches_that_write_one_page() {
    explore(2, PLAIN, |svm| {
        let device = device(svm, 2);
        let other = thread(svm, |svm| _ = launch(svm, &[writes(0..1)]).unwrap());
        launch(svm, &[writes(0..1)]).unwrap();
        touch(svm, 0, 0, None);
        other.join().unwrap();
        device.join().unwrap();
    });
}

/// A page that one launch uses in place, for want of room, and another would move once there is some.
#[test]
fn a_page_in_place_that_another_launch_would_move() {
    explore(2, PLAIN, |svm| {
        let device = device(svm, 3);
        launch(svm, &[reads(PAGES..PAGES + 1)]).unwrap();
        let other = thread(svm, |svm| _ = launch(svm, &[writes(0..1)]).unwrap());
        launch(svm, &[writes(0..1)]).unwrap();
        other.join().unwrap();
        device.join().unwrap();
    });
}

#[test]
fn a_fault_and_an_eviction() {
    explore(2, moved(1), |svm| {
        let device = device(svm, 2);
        launch(svm, &[writes(0..1)]).unwrap();
        let cpu = thread(svm, |svm| touch(svm, 0, 0, Some(7)));
        launch(svm, &[writes(PAGES..PAGES + 1)]).unwrap();
        cpu.join().unwrap();
        device.join().unwrap();
    });
}

#[test]
fn everything_comes_home_while_a_launch_begins() {
    explore(2, PLAIN, |svm| {
        let device = device(svm, 2);
        launch(svm, &[writes(0..1)]).unwrap();
        let other = thread(svm, |svm| _ = svm.evict_idle().unwrap());
        launch(svm, &[writes(0..1)]).unwrap();
        other.join().unwrap();
        device.join().unwrap();
    });
}

#[test]
fn two_faults_on_one_page() {
    for write in [None, Some(7)] {
        explore(3, PLAIN, move |svm| {
            let device = device(svm, 1);
            launch(svm, &[writes(0..1)]).unwrap();
            let other = thread(svm, |svm| touch(svm, 0, 1, Some(8)));
            touch(svm, 0, 0, write);
            other.join().unwrap();
            device.join().unwrap();
        });
    }
}

/// Faults on neighbours, of which each may be served with the other's.
#[test]
fn two_faults_in_one_block() {
    explore(2, How { used: 2, limit: 2, chunk: 2, ..PLAIN }, |svm| {
        let device = device(svm, 1);
        launch(svm, &[writes(0..2)]).unwrap();
        let other = thread(svm, |svm| touch(svm, 1, 1, Some(8)));
        touch(svm, 0, 0, Some(7));
        touch(svm, 1, 0, None);
        other.join().unwrap();
        device.join().unwrap();
    });
}

#[test]
fn a_fault_while_its_neighbour_is_freed() {
    // The scan makes the fault one that is served with the pages that follow.
    explore(3, How { used: 3, limit: 3, chunk: 3, ..PLAIN }, |svm| {
        let device = device(svm, 1);
        launch(svm, &[writes(0..3)]).unwrap();
        device.join().unwrap();
        touch(svm, 0, 0, None);
        let other = thread(svm, |svm| {
            svm.discard(2..3, |pages| pages.for_each(|page| svm.mechanism().punch(page))).unwrap();
        });
        let cpu = thread(svm, |svm| touch(svm, 1, 0, Some(7)));
        cpu.join().unwrap();
        other.join().unwrap();
    });
}

/// Pages without a copy in device memory are served together, too.
#[test]
fn a_fault_of_the_hunt_while_its_neighbour_is_freed() {
    explore(3, How { used: 3, limit: 0, hunt: true, ..PLAIN }, |svm| {
        let device = device(svm, 1);
        launch(svm, &[writes(0..3)]).unwrap();
        device.join().unwrap();
        touch(svm, 0, 0, None);
        let other = thread(svm, |svm| {
            svm.discard(2..3, |pages| pages.for_each(|page| svm.mechanism().punch(page))).unwrap();
        });
        let cpu = thread(svm, |svm| touch(svm, 1, 0, Some(7)));
        cpu.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn a_free_that_waits_for_a_launch() {
    explore(2, How { used: 2, limit: 2, chunk: 2, ..PLAIN }, |svm| {
        let device = device(svm, 2);
        launch(svm, &[writes(0..2)]).unwrap();
        let other = thread(svm, |svm| {
            svm.discard(1..2, |pages| pages.for_each(|page| svm.mechanism().punch(page))).unwrap();
        });
        launch(svm, &[writes(0..1)]).unwrap();
        other.join().unwrap();
        device.join().unwrap();
    });
}

#[test]
fn the_library_writes_while_a_launch_begins() {
    explore(2, How { used: 2, limit: 2, chunk: 2, ..PLAIN }, |svm| {
        let device = device(svm, 2);
        launch(svm, &[writes(0..2)]).unwrap();
        let other = thread(svm, |svm| svm.with_host(1..2, || svm.mechanism().zero(1)).unwrap().unwrap());
        launch(svm, &[writes(0..1)]).unwrap();
        other.join().unwrap();
        touch(svm, 1, 0, None);
        device.join().unwrap();
    });
}

/// The page is the launch's and the library's: whoever comes second waits.
#[test]
fn the_library_writes_what_a_launch_reads() {
    for in_place in [true, false] {
        explore(2, How { in_place, ..PLAIN }, |svm| {
            let device = device(svm, 1);
            let other = thread(svm, |svm| svm.with_host(0..1, || touch(svm, 0, 0, None)).unwrap().unwrap());
            launch(svm, &[reads(0..1)]).unwrap();
            other.join().unwrap();
            device.join().unwrap();
        });
    }
}

#[test]
fn two_launches_that_need_all_device_memory() {
    let both = |svm: &Svm| _ = launch(svm, &[writes(0..1), writes(PAGES..PAGES + 1)]).unwrap();
    explore(2, How { chunk: 2, ..moved(2) }, move |svm| {
        let device = device(svm, 2);
        let other = thread(svm, both);
        both(svm);
        other.join().unwrap();
        device.join().unwrap();
    });
}

/// Neither has what it needs while the other has it.
#[test]
fn two_launches_that_take_turns_in_device_memory() {
    explore(2, moved(1), |svm| {
        let device = device(svm, 2);
        let other = thread(svm, |svm| _ = launch(svm, &[writes(0..1)]).unwrap());
        launch(svm, &[writes(PAGES..PAGES + 1)]).unwrap();
        other.join().unwrap();
        device.join().unwrap();
    });
}

#[test]
fn device_memory_grows_for_two_launches_at_once() {
    explore(2, moved(2), |svm| {
        let device = device(svm, 2);
        let other = thread(svm, |svm| _ = launch(svm, &[reads(0..1), reads(PAGES..PAGES + 1)]).unwrap());
        launch(svm, &[reads(0..1), reads(PAGES..PAGES + 1)]).unwrap();
        other.join().unwrap();
        device.join().unwrap();
    });
}

#[test]
fn a_launch_that_cannot_have_its_pages_and_a_fault() {
    for op in [Op::Revoke, Op::CopyIn] {
        explore(2, PLAIN, move |svm| {
            svm.mechanism().fail(op);
            let cpu = thread(svm, |svm| touch(svm, 0, 0, Some(7)));
            assert!(matches!(launch(svm, &[writes(0..1)]), Err(Refused::Failed(_))));
            cpu.join().unwrap();
        });
    }
}

/// A launch waits for a slot that another has and cannot use.
#[test]
fn a_launch_that_fails_while_another_waits_for_room() {
    explore(2, moved(1), |svm| {
        let device = device(svm, 1);
        svm.mechanism().fail(Op::CopyIn);
        let other = thread(svm, |svm| {
            if let Ok(hold) = svm.acquire(&[writes(0..1)], 0) {
                svm.abort(hold);
            }
        });
        launch_unless_it_fails(svm);
        other.join().unwrap();
        device.join().unwrap();
    });
}

/// A launch for which one may fail.
fn launch_unless_it_fails(svm: &Svm) {
    let wants = [writes(PAGES..PAGES + 1)];
    let mut launched = launch(svm, &wants);
    if let Err(Refused::Failed(_)) = launched {
        assert!(svm.mechanism().has_failed());
        launched = launch(svm, &wants);
    }
    launched.unwrap();
}

/// A page does not come home, and stays where it is, while a launch waits for its slot.
#[test]
fn a_page_that_cannot_come_home_while_a_launch_waits_for_room() {
    explore(2, moved(1), |svm| {
        let device = device(svm, 2);
        launch(svm, &[writes(0..1)]).unwrap();
        svm.mechanism().wait_all();
        svm.mechanism().fail(Op::CopyOut);
        let other = thread(svm, |svm| _ = svm.try_fault(0, true));
        launch_unless_it_fails(svm);
        other.join().unwrap();
        device.join().unwrap();
    });
}

#[test]
fn a_launch_that_is_not_issued_lets_others_go_on() {
    explore(2, moved(1), |svm| {
        let device = device(svm, 1);
        let cpu = thread(svm, |svm| touch(svm, 0, 0, Some(7)));
        let other = thread(svm, |svm| _ = launch(svm, &[writes(PAGES..PAGES + 1)]).unwrap());
        svm.abort(svm.acquire(&[writes(0..1)], 0).unwrap());
        cpu.join().unwrap();
        other.join().unwrap();
        device.join().unwrap();
    });
}

/// Faults are served by a thread that never waits in the protocol. Nothing else happens that it could be told of by chance.
#[test]
fn a_parked_fault_is_told_of_every_change() {
    for how in [PLAIN, How { limit: 0, hunt: true, ..PLAIN }] {
        explore(3, how, |svm| {
            let device = device(svm, 1);
            let service = thread(svm, |svm| touch_parked(svm, 0, 0, Some(7)));
            launch(svm, &[writes(0..1)]).unwrap();
            service.join().unwrap();
            device.join().unwrap();
        });
    }
}

#[test]
fn a_parked_fault_is_told_that_a_launch_is_not_issued() {
    explore(3, PLAIN, |svm| {
        let service = thread(svm, |svm| touch_parked(svm, 0, 0, Some(7)));
        svm.abort(svm.acquire(&[writes(0..1)], 0).unwrap());
        service.join().unwrap();
    });
}

/// Whoever parks a fault is told of the end of another's service, of an eviction and of the library's own use of a page.
#[test]
fn a_parked_fault_is_told_that_a_page_has_come_home() {
    let others: [fn(&Svm); 3] = [
        |svm| touch(svm, 0, 1, Some(8)),
        |svm| _ = svm.evict_idle().unwrap(),
        |svm| svm.with_host(0..1, || ()).unwrap().unwrap(),
    ];
    for other in others {
        explore(3, PLAIN, move |svm| {
            let device = device(svm, 1);
            launch(svm, &[writes(0..1)]).unwrap();
            device.join().unwrap();
            let service = thread(svm, |svm| touch_parked(svm, 0, 0, Some(7)));
            other(svm);
            service.join().unwrap();
        });
    }
}

/// An update through the library's view is not taken back because the CPU's view of it fails: a touch tries again.
#[test]
fn the_library_writes_and_the_access_is_not_given_back() {
    explore(2, moved(1), |svm| {
        let device = device(svm, 1);
        launch(svm, &[writes(0..1)]).unwrap();
        device.join().unwrap();
        svm.mechanism().fail(Op::Restore);
        let written = svm.with_host(0..1, || svm.mechanism().zero(0));
        assert!(matches!(written, Ok(Some(()))) && svm.mechanism().has_failed());
        assert_eq!(svm.usage().used, 0);
    });
}

/// Each law that is broken on purpose must be noticed, in a process of its own: a deadlock ends it.
#[cfg(feature = "seam")]
#[test]
fn broken_laws_are_noticed() {
    use vksvm_pages::Broken;
    for law in Broken::ALL {
        let model = "a_cpu_write_and_a_launch_that_writes";
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", model]).env("VKSVM_LOOM_BROKEN", format!("{law:?}"));
        let ended = command.output().unwrap();
        let shown = String::from_utf8_lossy(&ended.stdout);
        assert!(
            !ended.status.success() && shown.contains("running 1 test"),
            "{model} does not notice {law:?}: {shown}"
        );
    }
}
