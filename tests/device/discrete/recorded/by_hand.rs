//! Records made by hand, right ones and bad ones: the checker must tell them apart, and say what is wrong.

use super::{
    checker::{Problem, Rule, problems},
    tape::Item,
};
use vksvm::seam::Event;

fn broken(items: &[Item]) -> Vec<Rule> {
    problems(items).into_iter().map(|Problem { rule, .. }| rule).collect()
}

fn page(event: Event) -> Item {
    Item::Page(event)
}

/// Page 3 goes to slot 7, launch 1 writes it there, and it comes home.
fn right() -> Vec<Item> {
    vec![
        page(Event::Revoked { first: 3, pages: 1 }),
        page(Event::CopyIn { page: 3, slot: 7, pages: 1 }),
        page(Event::CopiedIn { page: 3, slot: 7, pages: 1 }),
        page(Event::PointedAt { page: 3, slot: 7, pages: 1 }),
        Item::Submitted { point: 1, uses: vec![] },
        page(Event::Issued { point: 1, first: 3, pages: 1, write: true }),
        Item::Ended { point: 1 },
        page(Event::CopyOut { page: 3, slot: 7, pages: 1 }),
        page(Event::CopiedOut { page: 3, slot: 7, pages: 1 }),
        page(Event::Restore { first: 3, pages: 1 }),
        page(Event::PointedHome { first: 3, pages: 1, in_place: false }),
    ]
}

/// A change of the record that is right.
type Change = fn(&mut Vec<Item>);

const BAD: &[(&str, Rule, Change)] = &[
    ("copied first", Rule::CopiedWhileWritable, |r| r.swap(0, 1)),
    ("not revoked", Rule::CopiedWhileWritable, |r| drop(r.remove(0))),
    ("restored in the middle of the copy", Rule::CopiedWhileWritable, |r| {
        r.insert(2, page(Event::Restore { first: 3, pages: 1 }));
        r.insert(4, page(Event::Revoked { first: 3, pages: 1 }));
    }),
    ("restored before it is used", Rule::NotTaken, |r| r.insert(4, page(Event::Restore { first: 3, pages: 1 }))),
    ("only protected", Rule::NotTaken, |r| r[0] = page(Event::Protected { first: 3, pages: 1 })),
    ("not copied in", Rule::NotThere, |r| drop(r.drain(1..3))),
    ("copied into another slot", Rule::NotThere, |r| r[2] = page(Event::CopiedIn { page: 3, slot: 8, pages: 1 })),
    ("entry after submission", Rule::NotThere, |r| r.swap(3, 4)),
    ("no entry", Rule::NotThere, |r| drop(r.remove(3))),
    ("copied out before the end", Rule::MovedInUse, |r| r.swap(6, 7)),
    ("never ended", Rule::MovedInUse, |r| drop(r.remove(6))),
    ("forgotten in use", Rule::MovedInUse, |r| {
        r.insert(6, page(Event::PointedHome { first: 3, pages: 1, in_place: false }));
    }),
    ("in use before it is submitted", Rule::MovedInUse, |r| {
        r.swap(4, 5);
        r.insert(5, page(Event::PointedHome { first: 3, pages: 1, in_place: true }));
    }),
    ("given to the CPU in use", Rule::MovedInUse, |r| r.insert(6, page(Event::Restore { first: 3, pages: 1 }))),
    ("not copied out", Rule::OutOfDate, |r| drop(r.drain(7..9))),
    ("restored before the copy", Rule::OutOfDate, |r| r.swap(7, 9)),
    ("neither copied nor restored", Rule::Lost, |r| drop(r.drain(7..10))),
    ("copied in over what is there", Rule::Lost, |r| r.insert(4, page(Event::CopyIn { page: 3, slot: 9, pages: 1 }))),
    ("another page in the slot", Rule::SharedSlot, |r| {
        r.insert(4, page(Event::PointedAt { page: 5, slot: 7, pages: 1 }));
    }),
    ("another page copied over it", Rule::SharedSlot, |r| {
        r.insert(4, page(Event::Revoked { first: 5, pages: 1 }));
        r.insert(5, page(Event::CopyIn { page: 5, slot: 7, pages: 1 }));
    }),
];

pub fn bad_records_are_noticed() {
    assert_eq!(broken(&right()), [], "the one that is right");
    for (name, rule, change) in BAD {
        let mut record = right();
        change(&mut record);
        let found = broken(&record);
        assert!(found.contains(rule), "{name}: {rule:?} was not noticed but {found:?}");
    }
}

/// What looks like the bad ones and is allowed.
pub fn right_records_pass() {
    let mut freed = right();
    freed.splice(7..10, [page(Event::Freed { first: 3, pages: 1 }), page(Event::Restore { first: 3, pages: 1 })]);
    assert_eq!(broken(&freed), [], "what is freed need not be copied");
    let in_place = [
        page(Event::PointedHome { first: 3, pages: 1, in_place: true }),
        page(Event::Issued { point: 1, first: 3, pages: 1, write: true }),
        Item::Submitted { point: 1, uses: vec![] },
        // For a launch behind it.
        page(Event::PointedHome { first: 3, pages: 1, in_place: true }),
        page(Event::Restore { first: 3, pages: 1 }),
    ];
    assert_eq!(broken(&in_place), [], "in place");
    let mut refused = right();
    refused[6] = Item::Refused { point: 1 };
    assert_eq!(broken(&refused), [], "a launch that never began");
    let shared = [
        page(Event::Protected { first: 3, pages: 2 }),
        page(Event::CopyIn { page: 3, slot: 7, pages: 2 }),
        page(Event::CopiedIn { page: 3, slot: 7, pages: 2 }),
        page(Event::PointedAt { page: 3, slot: 7, pages: 2 }),
        page(Event::Issued { point: 1, first: 3, pages: 2, write: false }),
        Item::Submitted { point: 1, uses: vec![] },
        page(Event::Expose { first: 4, pages: 1 }),
        Item::Ended { point: 1 },
        page(Event::Restore { first: 3, pages: 2 }),
        page(Event::PointedHome { first: 3, pages: 2, in_place: false }),
    ];
    assert_eq!(broken(&shared), [], "what both sides only read");
}
