//! One thread that touches: what is noticed, what is said about it, and what the page is afterwards.

use super::*;
use rustix::param::page_size;

fn this_thread() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get() as u32
}

#[test]
fn a_touch_of_a_revoked_page_brings_its_content_home() {
    each(4, |heap| {
        heap.set_home(PAGE + 5000, 7);
        heap.send_away(1..2);
        assert_eq!((heap.read(PAGE + 5000), heap.faults()), (7, (1, 0)));
        assert_eq!(heap.fake.offset.load(SeqCst), PAGE + 5000);
        assert_eq!(heap.fake.thread.load(SeqCst), this_thread());
        heap.write(PAGE + 5001, 8);
        assert_eq!((heap.home(PAGE + 5001), heap.read(PAGE + 5000), heap.faults()), (8, 7, (0, 0)));
        heap.send_away(1..2);
        heap.write(2 * PAGE - 1, 9);
        assert_eq!((heap.home(2 * PAGE - 1), heap.home(PAGE + 5000), heap.faults()), (9, 7, (0, 1)));
        // The neighbours were never revoked.
        heap.send_away(1..2);
        heap.write(PAGE - 1, 1);
        heap.write(2 * PAGE, 1);
        assert_eq!(heap.fake.pages[1].load(SeqCst), AWAY);
    });
}

#[test]
fn reads_of_a_protected_page_go_on_and_its_first_write_is_noticed() {
    each(4, |heap| {
        heap.write(PAGE, 3);
        heap.faults();
        heap.access.protect(PAGE..3 * PAGE).unwrap();
        assert_eq!((heap.read(PAGE), heap.faults()), (3, (0, 0)));
        heap.write(PAGE + 1, 4);
        assert_eq!((heap.home(PAGE + 1), heap.faults()), (4, (0, 1)));
        heap.write(2 * PAGE - 1, 4);
        assert_eq!(heap.faults(), (0, 0));
        // The next page had no memory when it was protected.
        heap.write(2 * PAGE, 5);
        assert_eq!((heap.home(2 * PAGE), heap.faults()), (5, (0, 1)));
    });
}

#[test]
fn nothing_stays_protected_after_a_restore() {
    each(4, |heap| {
        let page = PAGE..2 * PAGE;
        for at in page.clone().step_by(page_size()) {
            heap.write(at, 1);
        }
        type Step = fn(&Access, Range<usize>) -> crate::Result<()>;
        let steps: [&[Step]; 6] = [
            &[Access::protect],
            &[Access::protect, Access::revoke],
            &[Access::revoke, Access::protect],
            &[Access::protect, Access::revoke, Access::protect],
            &[Access::revoke, |access, range| access.restore_reads(range).map(|done| assert!(done))],
            &[Access::protect, |access, range| access.restore_reads(range).map(|done| assert!(done)), Access::revoke],
        ];
        for (number, steps) in steps.into_iter().enumerate() {
            for step in steps {
                step(&heap.access, page.clone()).unwrap();
            }
            heap.access.restore(page.clone()).unwrap();
            heap.faults();
            for at in page.clone().step_by(page_size()) {
                assert_eq!(heap.read(at), 1);
                heap.write(at, 1);
            }
            assert_eq!(heap.faults(), (0, 0), "steps {number}");
        }
    });
}

#[test]
fn a_page_of_which_parts_are_mapped_is_restored_whole() {
    each(4, |heap| {
        let os_pages = PAGE / page_size();
        heap.access.populate(0..4 * PAGE).unwrap();
        // Of the OS pages, each choice of first, middle, last, every other and all but one.
        let choices: [&dyn Fn(usize) -> bool; 6] =
            [&|i| i == 0, &|i| i == os_pages / 2, &|i| i == os_pages - 1, &|i| i % 2 == 0, &|i| i % 2 == 1, &|i| {
                i != 3
            }];
        for (number, mapped) in choices.iter().enumerate() {
            for protected in [false, true] {
                heap.set_home(PAGE + 77, 5);
                heap.send_away(1..2);
                if let Some(uffd) = heap.access.uffd() {
                    for i in (0..os_pages).filter(|i| mapped(*i)) {
                        let at = heap.access.mapping().user_base() + PAGE + i * page_size();
                        assert_eq!(uffd.map(at..at + page_size(), protected).unwrap(), uffd::Mapped::All);
                    }
                }
                // What is mapped is not touched before its content is home, as the protocol has it.
                let missing = (0..os_pages).find(|i| heap.access.uffd().is_none() || !mapped(*i)).unwrap();
                heap.write(PAGE + missing * page_size() + 100, 1);
                assert_eq!(heap.faults(), (0, 1), "choice {number}");
                for i in 0..os_pages {
                    heap.write(PAGE + i * page_size() + 101, 1);
                }
                assert_eq!((heap.faults(), heap.read(PAGE + 77)), ((0, 0), 5), "choice {number}");
            }
        }
    });
}

#[test]
fn a_page_that_was_never_revoked_is_a_normal_case() {
    each(4, |heap| {
        // Without memory: the system fills it. With memory that only the library has touched: userfaultfd takes it for a fault.
        assert_eq!((heap.read(PAGE), heap.faults()), (0, (0, 0)));
        heap.set_home(2 * PAGE, 6);
        assert_eq!(heap.read(2 * PAGE), 6);
        assert!(heap.faults().0 <= 1);
        for _ in 0..3 {
            heap.access.restore(0..4 * PAGE).unwrap();
        }
        for at in (0..4 * PAGE).step_by(page_size()) {
            heap.write(at, 1);
        }
        assert_eq!(heap.faults(), (0, 0));
        heap.access.restore(0..0).unwrap();
        heap.access.protect(PAGE..PAGE).unwrap();
        heap.access.revoke(PAGE..PAGE).unwrap();
        assert!(heap.access.restore_reads(PAGE..PAGE).unwrap());
        assert_eq!((heap.read(PAGE), heap.faults()), (1, (0, 0)));
    });
}

#[test]
fn a_page_that_was_freed_while_revoked_or_protected_reads_zeros() {
    each(4, |heap| {
        for protect in [false, true] {
            heap.set_home(PAGE + 9, 3);
            heap.send_away(1..2);
            if protect {
                heap.access.protect(PAGE..2 * PAGE).unwrap();
            }
            heap.fake.pages[1].store(HOME, SeqCst);
            // SAFETY: nobody else uses the page.
            unsafe { heap.access.mapping().release(PAGE..2 * PAGE) }.unwrap();
            assert_eq!(heap.read(PAGE + 9), 0);
            heap.access.restore(PAGE..2 * PAGE).unwrap();
            heap.faults();
            heap.write(PAGE + 9, 1);
            heap.write(2 * PAGE - 1, 1);
            assert_eq!((heap.home(PAGE + 9), heap.faults()), (1, (0, 0)));
        }
    });
}

#[test]
fn reads_alone_can_be_given_back() {
    each(4, |heap| {
        heap.set_home(PAGE, 3);
        heap.access.populate(0..4 * PAGE).unwrap();
        heap.access.revoke(0..4 * PAGE).unwrap();
        // Some of it mapped and writable.
        heap.access.restore(2 * PAGE..3 * PAGE).unwrap();
        assert!(heap.access.restore_reads(PAGE..3 * PAGE).unwrap());
        assert_eq!((heap.read(PAGE), heap.read(3 * PAGE - 1), heap.faults()), (3, 0, (0, 0)));
        heap.write(PAGE, 4);
        heap.write(2 * PAGE, 4);
        assert_eq!((heap.home(PAGE), heap.home(2 * PAGE), heap.faults()), (4, 4, (0, 2)));
    });
}

/// Locked memory is what `MADV_DONTNEED` refuses, and where only parts of a page are locked the kernel has it in several mappings.
#[test]
fn locked_pages_are_revoked_too() {
    each(4, |heap| {
        heap.access.populate(0..4 * PAGE).unwrap();
        // Locking maps the page: with userfaultfd that is a touch.
        heap.access.restore(0..4 * PAGE).unwrap();
        for os_page in [0, 3, 4, 15] {
            heap.access.mapping().lock_in_memory(PAGE + os_page * page_size());
        }
        heap.set_home(PAGE + 10, 2);
        heap.faults();
        heap.send_away(0..3);
        assert_eq!((heap.read(PAGE + 10), heap.faults()), (2, (1, 0)));
        heap.access.protect(0..4 * PAGE).unwrap();
        heap.write(PAGE + 3 * page_size(), 3);
        assert_eq!(heap.faults(), (0, 1));
        heap.access.protect(0..4 * PAGE).unwrap();
        assert!(heap.access.restore_reads(0..4 * PAGE).unwrap());
        assert_eq!((heap.read(PAGE + 10), heap.faults()), (2, (0, 0)));
        heap.access.restore(0..4 * PAGE).unwrap();
        for at in (PAGE..2 * PAGE).step_by(page_size()) {
            heap.write(at, 4);
        }
        assert_eq!(heap.faults(), (0, 0));
    });
}

#[test]
fn what_is_tried_and_taken_is_said() {
    for kind in KINDS {
        let heap = TestHeap::new(kind, 1);
        assert_eq!((heap.access.kind(), heap.access.tried().len()), (kind, 1));
        let (tried, why) = &heap.access.tried()[0];
        assert_eq!(*tried, kind);
        assert_eq!(why.contains("system calls on such pages work"), kind == Faults::Userfaultfd, "{why}");
        assert_eq!(why.contains("EFAULT"), kind != Faults::Userfaultfd, "{why}");
    }
}

#[test]
fn private_memory_is_refused() {
    for kind in [Faults::Auto, Faults::Userfaultfd, Faults::Sigbus, Faults::Signal] {
        let mapping = Arc::new(Mapping::new(PAGE, PAGE, Backing::Anonymous).unwrap());
        let refused = Access::open(kind, mapping, &SystemCalls::default()).err().unwrap();
        assert!(matches!(&refused, Error::FaultsUnavailable { faults, .. } if *faults == kind.name()), "{refused}");
    }
}

#[test]
#[should_panic(expected = "is not inside a mapping of 65536 bytes")]
fn ranges_outside_are_caught() {
    let heap = TestHeap::new(Faults::Signal, 1);
    let _ = heap.access.restore(0..2 * PAGE);
}
