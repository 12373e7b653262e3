//! Any trace survives being written and read, and any bytes are read or refused.

use super::*;
use proptest::prelude::*;

const PAGES: usize = 5000;

fn header() -> impl Strategy<Value = Header> {
    let costs = prop::array::uniform7(any::<u32>()).prop_map(|c| Costs {
        copy_in: c[0],
        copy_out: c[1],
        copy_start: c[2],
        in_place_read: c[3],
        in_place_write: c[4],
        local: c[5],
        fault: c[6],
    });
    (0..100_000usize, any::<bool>(), prop::sample::select(&DeviceModel::ALL[..]), costs).prop_map(
        |(budget, in_place, model, costs)| Header { pages: PAGES, page_bytes: 65536, budget, in_place, model, costs },
    )
}

fn range() -> impl Strategy<Value = Range<usize>> {
    (0..PAGES).prop_flat_map(|first| (1..=PAGES - first).prop_map(move |pages| first..first + pages))
}

fn what() -> impl Strategy<Value = What> {
    let want = (range(), any::<bool>()).prop_map(|(pages, write)| Want { pages, write });
    let side = prop_oneof![Just(Side::Host), Just(Side::Device)];
    let advised = prop::sample::select(&Advised::ALL[..]);
    prop_oneof![
        // Few signatures, so that some are those of earlier launches, with the same pages or with others.
        4 => (0..3u64, prop::collection::vec(want, 0..4))
            .prop_map(|(signature, wants)| What::Launch { signature: signature << 40, wants: wants.into() }),
        2 => (range(), any::<bool>())
            .prop_map(|(pages, write)| What::Touch { page: pages.start, pages: pages.len(), write }),
        1 => (range(), side).prop_map(|(pages, to)| What::Prefetch { pages, to }),
        1 => range().prop_map(|pages| What::Discard { pages }),
        1 => (advised, range(), any::<bool>()).prop_map(|(what, pages, on)| What::Advise { what, pages, on }),
        1 => (range(), any::<u8>(), any::<u8>())
            .prop_map(|(pages, reads, writes)| What::Expect { pages, reads, writes }),
        1 => range().prop_map(|pages| What::Free { pages }),
    ]
}

fn trace() -> impl Strategy<Value = Trace> {
    let events = prop::collection::vec((0..1u64 << 40, what(), any::<bool>()), 0..40);
    (header(), events).prop_map(|(header, made)| {
        let (mut at, mut events) = (0, Vec::<Event>::new());
        for (later, what, again) in made {
            at += later;
            // Some launch once more, as loops do.
            let last = events.last().filter(|_| again).map(|event| event.what.clone());
            events.push(Event { at, what: last.unwrap_or(what) });
        }
        Trace { header, events }
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(trace in trace()) {
        prop_assert_eq!(Trace::decode(&trace.encode()), Ok(trace));
    }

    #[test]
    fn bytes_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        _ = Trace::decode(&bytes);
        // Past the header.
        let header = Header {
            pages: PAGES,
            page_bytes: 65536,
            budget: 9,
            in_place: true,
            model: DeviceModel::Pcie3,
            costs: Costs::PCIE3,
        };
        let mut all = Encoder::new(&header).finish();
        // Kinds that there are, mostly.
        bytes.iter_mut().for_each(|byte| if *byte % 4 > 0 { *byte %= 12 });
        all.extend(&bytes);
        if let Ok(trace) = Trace::decode(&all) {
            prop_assert!(trace.events.len() <= bytes.len() / 2);
            prop_assert_eq!(Trace::decode(&trace.encode()), Ok(trace));
        }
    }

    #[test]
    fn damage_is_refused_or_read(trace in trace(), at in any::<prop::sample::Index>(), bit in 0..8u8, cut: bool) {
        let mut bytes = trace.encode();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1 << bit;
        }
        if let Ok(trace) = Trace::decode(&bytes) {
            prop_assert!(trace.events.iter().all(|event| event.what.end() <= trace.header.pages));
        }
    }
}

/// A header, and what it is written as before its numbers change.
fn plain() -> (Header, Vec<u8>) {
    let header = Header {
        pages: 64,
        page_bytes: 65536,
        budget: 16,
        in_place: false,
        model: DeviceModel::Pcie4,
        costs: Costs::PCIE4,
    };
    let bytes = Encoder::new(&header).finish();
    (header, bytes)
}

#[test]
fn each_cause_is_told() {
    let (_, bytes) = plain();
    assert_eq!(Trace::decode(b"vksvm page"), Err(Malformed::NotATrace));
    let at = MAGIC.len();
    let with = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        Trace::decode(&bytes)
    };
    assert_eq!(with(at, 2), Err(Malformed::Version { version: 2 }));
    assert_eq!(Trace::decode(&bytes[..at]), Err(Malformed::Ends { at }));
    // The budget of 16 follows a byte of pages and three of a page's size.
    assert_eq!(with(at + 6, 7), Err(Malformed::Header { what: "in place", value: 7 }));
    assert_eq!(with(at + 8, b'x'), Err(Malformed::Model { name: "xcie4".into() }));
    let event = |event: &[u8]| Trace::decode(&[&bytes, event].concat());
    let start = bytes.len();
    assert_eq!(event(&[99, 0]), Err(Malformed::Unknown { at: start, what: "kind", value: 99 }));
    assert_eq!(event(&[1, 0, 5]), Err(Malformed::Unknown { at: start, what: "earlier launch", value: 5 }));
    assert_eq!(event(&[7, 0, 9, 0, 1]), Err(Malformed::Unknown { at: start, what: "advice", value: 9 }));
    assert_eq!(event(&[10, 0, 0, 65]), Err(Malformed::Pages { at: start + 2, first: 0, pages: 65, heap: 64 }));
    assert_eq!(event(&[10, 0, 0, 0]), Err(Malformed::Pages { at: start + 2, first: 0, pages: 0, heap: 64 }));
    let large = [&[10][..], &[0xff; 9], &[2]].concat();
    assert_eq!(event(&large), Err(Malformed::Number { at: start + 1 }));
    // More wants than there can be bytes for.
    let many = [&[0, 0][..], &[7; 8], &[0xff, 0xff, 0xff, 0x7f]].concat();
    assert_eq!(event(&many), Err(Malformed::Ends { at: start + many.len() }));
    for error in [Malformed::NotATrace, Malformed::Ends { at }] {
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn a_loop_is_small() {
    let (header, empty) = plain();
    let launch = |part: usize| What::Launch {
        signature: 0x1234_5678_9abc_def0 + part as u64,
        wants: [Want { pages: part..part + 1, write: false }, Want { pages: 40..48, write: true }].into(),
    };
    let events = (0..1000).map(|i| Event { at: 90 * i as u64, what: launch(i % 20) }).collect();
    let bytes = Trace { header, events }.encode();
    assert!(bytes.len() - empty.len() < 20 * 20 + 3 * 1000, "{} bytes", bytes.len());
}

#[test]
fn time_does_not_go_back() {
    let (header, _) = plain();
    let mut encoder = Encoder::new(&header);
    [5, 3, 7].iter().for_each(|at| encoder.push(*at, &What::Free { pages: 0..1 }));
    let trace = Trace::decode(&encoder.finish()).unwrap();
    assert_eq!(trace.events.iter().map(|event| event.at).collect::<Vec<_>>(), [5, 5, 7]);
}
