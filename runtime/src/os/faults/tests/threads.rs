//! Many threads, several heaps, services that take their time, and starting and stopping.

use super::*;

const THREADS: usize = 12;

#[test]
fn threads_that_touch_one_page_all_go_on() {
    each(4, |heap| {
        for round in 0..100 {
            for i in 0..THREADS {
                heap.write(PAGE + i * 4096, round);
            }
            heap.send_away(1..2);
            std::thread::scope(|s| {
                for i in 0..THREADS {
                    s.spawn(move || {
                        let at = PAGE + i * 4096;
                        if i % 2 == 0 {
                            assert_eq!(heap.read(at), round);
                        }
                        heap.write(at, heap.read(at) + 1);
                    });
                }
            });
            assert!((0..THREADS).all(|i| heap.read(PAGE + i * 4096) == round + 1));
        }
    });
}

#[test]
fn threads_that_touch_many_pages_get_their_own_content() {
    const PAGES: usize = 64;
    each(PAGES, |heap| {
        for page in 0..PAGES {
            heap.set_home(page * PAGE + 3, page as u8);
        }
        for round in 0..10 {
            heap.send_away(0..PAGES);
            std::thread::scope(|s| {
                for thread in 0..THREADS {
                    s.spawn(move || {
                        for i in 0..PAGES {
                            // Each in its own order; 5, 7, 11, … have no common divisor with 64.
                            let page = (i * (2 * thread + 5) + thread) % PAGES;
                            assert_eq!(heap.read(page * PAGE + 3), page as u8, "round {round}");
                            heap.write(page * PAGE + 100 + thread, round);
                        }
                    });
                }
            });
            for page in 0..PAGES {
                assert!((0..THREADS).all(|thread| heap.home(page * PAGE + 100 + thread) == round));
            }
        }
    });
}

/// Law 1: whoever revokes and then copies has every byte that was written before. The writer never stops.
#[test]
fn no_write_is_lost_between_revoking_and_copying() {
    each(2, |heap| {
        let stop = AtomicBool::new(false);
        std::thread::scope(|s| {
            let writer = s.spawn(|| {
                let mut last = 0_u8;
                while !stop.load(SeqCst) {
                    assert_eq!(heap.read(PAGE + 9), last, "a write was lost");
                    last = last.wrapping_add(1);
                    heap.write(PAGE + 9, last);
                }
            });
            for round in 0..200 {
                while heap.fake.pages[1].load(SeqCst) != HOME {
                    if writer.is_finished() {
                        return;
                    }
                    std::thread::sleep(Duration::from_micros(20));
                }
                if round % 2 == 0 {
                    heap.access.protect(PAGE..2 * PAGE).unwrap();
                }
                heap.send_away(1..2);
            }
            stop.store(true, SeqCst);
        });
    });
}

#[test]
fn a_parked_fault_is_answered_later_and_others_are_not_kept() {
    bounded("userfaultfd", || {
        let heap = TestHeap::new(Faults::Userfaultfd, 4);
        heap.set_home(PAGE, 4);
        heap.set_home(2 * PAGE, 5);
        heap.send_away(1..3);
        let (send, parked) = mpsc::channel();
        *heap.fake.parked.lock().unwrap() = Some(send);
        heap.fake.parks.store(true, SeqCst);
        std::thread::scope(|s| {
            let waits = s.spawn(|| heap.read(PAGE));
            let fault = parked.recv_timeout(HANG).unwrap();
            assert_eq!(fault.offset, PAGE);
            heap.fake.parks.store(false, SeqCst);
            // While that one waits, the service thread serves others.
            assert_eq!(heap.read(2 * PAGE), 5);
            assert!(!waits.is_finished());
            heap.fake.bring_home(fault);
            assert_eq!(waits.join().unwrap(), 4);
        });
    });
}

#[test]
fn heaps_are_served_each_by_its_own() {
    bounded("all kinds", || {
        let heaps: Vec<_> = KINDS.into_iter().chain(KINDS).map(|kind| TestHeap::new(kind, 4)).collect();
        for round in 0..20 {
            for (i, heap) in heaps.iter().enumerate() {
                heap.write(PAGE, i as u8 + round);
                heap.send_away(1..2);
                heap.faults();
            }
            std::thread::scope(|s| {
                for (i, heap) in heaps.iter().enumerate() {
                    s.spawn(move || assert_eq!(heap.read(PAGE), i as u8 + round));
                }
            });
            assert!(heaps.iter().all(|heap| heap.faults() == (1, 0)));
        }
    });
}

#[test]
fn a_service_can_be_started_and_stopped_a_thousand_times() {
    for kind in KINDS {
        bounded(kind.name(), move || {
            let mut heap = TestHeap::new(kind, 2);
            for round in 0..1000 {
                heap.write(PAGE, round as u8);
                heap.send_away(1..2);
                heap.service = None;
                heap.service = Some(Service::start(&heap.access, heap.fake.clone()).unwrap());
                assert_eq!(heap.read(PAGE), round as u8);
            }
        });
    }
}

/// The 65th heap is refused, and its place is free again when another one goes.
#[test]
fn the_list_of_heaps_that_signals_serve_has_an_end() {
    // Others run at the same time and have places, so that fewer are left; in a process of its own there are 64.
    children::Child::new("the_list_of_heaps_ends", Faults::Signal).succeeds();
}

/// Stopping waits for handlers that are serving.
#[test]
fn stopping_waits_for_who_is_being_served() {
    for kind in [Faults::Sigbus, Faults::Signal] {
        bounded(kind.name(), move || {
            let mut heap = TestHeap::new(kind, 2);
            heap.write(PAGE, 3);
            heap.send_away(1..2);
            heap.fake.delay.store(200, SeqCst);
            let service = heap.service.take();
            let heap = &heap;
            std::thread::scope(|s| {
                let touch = s.spawn(|| heap.read(PAGE));
                while heap.faults() == (0, 0) {
                    std::thread::yield_now();
                }
                drop(service);
                // Served, or else the touch would have crashed by now, and the process with it.
                assert_eq!(heap.fake.pages[1].load(SeqCst), HOME);
                assert_eq!(touch.join().unwrap(), 3);
            });
        });
    }
}
