//! A table's entries, set and taken back, as a launch sees them.

use super::{
    copies::two_chunks,
    pages::{Kernels, Pages, copy_out, opened},
};
use crate::harness::tests;
use vksvm::{PAGE, seam::Way};

tests![cleared_entries_lead_to_the_null_page];

fn cleared_entries_lead_to_the_null_page() {
    let opened = opened();
    let kernels = Kernels::load(&opened).expect("kernels");
    let memory = two_chunks(&opened, Way::Staged);
    let table = opened.table(40).expect("table");
    // The entries, read by a launch: copied to a slot that was zeros, two words an entry.
    let entries = |slot| {
        let zeros = Pages::new(1);
        super::pages::copy_in(&memory, &zeros, &[(0, slot, 1)]).expect("in");
        let point = kernels.add(table.address(), memory.address(slot), 2 * 41).expect("launch");
        kernels.wait(point).expect("wait");
        let mut read = Pages::new(1);
        copy_out(&memory, &mut read, &[(0, slot, 1)]).expect("out");
        let words = read.words()[..2 * 41].to_vec();
        words.chunks(2).map(|pair| u64::from(pair[0]) | u64::from(pair[1]) << 32).collect::<Vec<_>>()
    };
    let untouched = entries(7);
    let null = untouched[40];
    assert!(untouched.iter().all(|entry| *entry == null) && null > table.address(), "{untouched:x?}");
    table.set(3..9, memory.address(1020));
    table.set(39..40, memory.address(1024));
    let set = entries(8);
    let expected = |page: usize| match page {
        3..9 => memory.address(1020) + ((page - 3) * PAGE) as u64,
        39 => memory.address(1024),
        _ => null,
    };
    assert_eq!(set, (0..41).map(expected).collect::<Vec<_>>());
    table.clear(5..7);
    table.clear(7..7);
    let cleared = entries(9);
    assert_eq!(
        cleared,
        (0..41).map(|page| if (5..7).contains(&page) { null } else { expected(page) }).collect::<Vec<_>>()
    );
    table.clear(0..40);
    assert_eq!(entries(10), untouched);
}
