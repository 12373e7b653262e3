//! What is made of recordings whose content is known.

use super::{
    Cause, Entry, Hint, Output, report,
    testdata::{BUDGET, Script},
};
use crate::{Error, addr::PAGE};
use serde_json::Value;
use std::collections::HashMap;
use vksvm_pages::Advised;

const MIB: usize = (1 << 20) / PAGE;

/// The data in the page's own block.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").expect("a block of data");
    serde_json::from_str(rest.split_once("</script>").expect("its end").0).expect("JSON")
}

fn report(script: Script) -> Value {
    data(&report::page(&script.recording(0)).unwrap())
}

/// What the report says: kinds, in its order, and the words of the first.
fn findings(script: Script) -> (Vec<String>, String) {
    let data = report(script);
    let found = data["findings"].as_array().unwrap();
    let text = |of: &Value, field: &str| of[field].as_str().unwrap().to_owned();
    let first = format!("{} {}", text(&found[0], "text"), text(&found[0], "advice"));
    (found.iter().map(|finding| text(finding, "kind")).collect(), first)
}

#[test]
fn faults_know_how_long_they_took_and_what_came_with_them() {
    let mut script = Script::default();
    script.entries.push(Entry::Parked { page: 4, write: false, thread: 1, at: 10 });
    script.entries.push(Entry::Parked { page: 4, write: false, thread: 2, at: 20 });
    script.entries.push(Entry::Parked { page: 4, write: true, thread: 3, at: 25 });
    script.entries.push(Entry::ToHost { first: 4, pages: 8, cause: Cause::Fault, since: 30, at: 40 });
    script.entries.push(Entry::Unparked { page: 4, write: false, at: 50 });
    script.entries.push(Entry::Faulted { page: 11, write: true, thread: 1, since: 60, at: 70 });
    script.entries.push(Entry::Unparked { page: 4, write: true, at: 80 });
    let recording = script.recording(0);
    let faults: Vec<_> = recording.faults.iter().map(|f| (f.thread, f.since, f.at, f.pages)).collect();
    assert_eq!(faults, [(1, 10, 50, 8), (2, 20, 50, 8), (3, 25, 80, 8), (1, 60, 70, 1)]);
    assert_eq!(recording.time(), 10..80);
}

#[test]
fn memory_is_called_what_it_was_called_then() {
    let mut script = Script::default();
    script.allocation(0, 4, "x");
    script.launch("K", &[(0, 4, false, true)]);
    script.free(0, 4);
    script.allocation(0, 2, "y");
    script.allocation(2, 4, "");
    script.allocation(8, 4, "never used");
    script.launch("K", &[(0, 2, false, true), (2, 4, true, true), (20, 1, false, true)]);
    let data = report(script);
    let ranges = data["ranges"].as_array().unwrap();
    let shown: Vec<_> = ranges
        .iter()
        .map(|range| (range["name"].as_str().unwrap(), range["bytes"].as_u64().unwrap() / PAGE as u64))
        .collect();
    assert_eq!(shown, [("x / y", 2), ("x", 2), ("0x700000040000", 2), ("small allocations", 1)]);
}

#[test]
fn data_that_goes_to_and_fro_is_found() {
    let mut script = Script::default();
    script.allocation(0, 4 * MIB, "flags");
    for _ in 0..5 {
        script.arrives(0, 4 * MIB, Cause::Launch);
        script.launch("K", &[(0, 4 * MIB, true, false)]);
        script.fault(0, false, 4 * MIB);
    }
    let (kinds, text) = findings(script);
    assert_eq!(kinds, ["bouncing"]);
    // Of five rounds the first is what was asked for; going back once may be a phase of the program.
    assert!(text.starts_with("60 % of the bytes moved") && text.contains("prefer_location(Host) on 'flags'"), "{text}");
}

#[test]
fn data_that_is_evicted_and_fetched_again_is_found() {
    let script = |copied: bool| {
        let mut script = Script::default();
        script.allocation(0, 32 * MIB, "edges");
        script.allocation(32 * MIB, MIB, "ranks");
        script.arrives(32 * MIB, MIB, Cause::Launch);
        for _ in 0..3 {
            for part in 0..4 {
                script.arrives(part * 8 * MIB, 8 * MIB, Cause::Launch);
                script.launch("K", &[(part * 8 * MIB, 8 * MIB, copied, false), (32 * MIB, MIB, true, false)]);
                match copied {
                    true => script.comes_home(part * 8 * MIB, 8 * MIB, Cause::Eviction),
                    false => script.left(part * 8 * MIB, 8 * MIB, Cause::Eviction),
                }
            }
        }
        script
    };
    let (kinds, text) = findings(script(false));
    assert_eq!(kinds, ["refetched"]);
    assert!(text.starts_with("66 % of the bytes moved were evicted and fetched again: 'edges' (32 MiB)"), "{text}");
    let (kinds, text) = findings(script(true));
    assert_eq!(kinds, ["refetched"]);
    assert!(
        text.contains("were written back, evicted and fetched again")
            && text.contains("prefer_location(Host) on 'edges'"),
        "{text}"
    );
}

#[test]
fn pieces_of_one_name_are_judged_together_and_what_is_hot_should_stay() {
    let mut script = Script::default();
    (0..40).for_each(|piece| script.allocation(piece * MIB, MIB, "edges"));
    script.allocation(40 * MIB, 4 * MIB, "ranks");
    for _ in 0..3 {
        script.arrives(40 * MIB, 4 * MIB, Cause::Launch);
        for piece in 0..40 {
            script.arrives(piece * MIB, MIB, Cause::Launch);
            script.launch("K", &[(piece * MIB, MIB, false, false), (40 * MIB, 4 * MIB, false, false)]);
            script.left(piece * MIB, MIB, Cause::Eviction);
        }
        script.left(40 * MIB, 4 * MIB, Cause::Eviction);
    }
    let data = report(script);
    let found: Vec<_> =
        data["findings"].as_array().unwrap().iter().map(|finding| finding["advice"].as_str().unwrap()).collect();
    assert!(found[0].starts_with("prefer_location(Host) on 'edges'"), "{found:?}");
    assert!(found[1].starts_with("prefer_location(Device) on 'ranks', or access_hint(hot)"), "{found:?}");
    assert_eq!(found.len(), 2, "{found:?}");
    let groups = data["groups"].as_array().unwrap();
    let of = |group: &Value| ["ranges", "launches"].map(|field| group[field].as_u64().unwrap());
    assert_eq!(groups.iter().map(of).collect::<Vec<_>>(), [[40, 120], [1, 120]]);
}

#[test]
fn what_is_used_once_is_found() {
    let mut script = Script::default();
    script.allocation(0, 32 * MIB, "stream");
    for part in 0..32 {
        script.arrives(part * MIB, MIB, Cause::Launch);
        script.launch("K", &[(part * MIB, MIB, false, false)]);
        script.left(part * MIB, MIB, Cause::Eviction);
    }
    let (kinds, text) = findings(script);
    assert_eq!(kinds, ["used-once"]);
    assert!(text.starts_with("100 % of the bytes moved were evicted after a single use: 'stream' (32 MiB)"), "{text}");
}

#[test]
fn prefetches_in_vain_are_found() {
    let mut script = Script::default();
    script.allocation(0, 16 * MIB, "next");
    script.arrives(0, 16 * MIB, Cause::Prefetch);
    script.launch("K", &[(0, 4 * MIB, false, false)]);
    script.left(0, 16 * MIB, Cause::Eviction);
    let (kinds, text) = findings(script);
    assert_eq!(kinds, ["unread", "used-once"]);
    assert!(text.starts_with("75 % of what was prefetched of 'next' (12 MiB) went back unread"), "{text}");
}

#[test]
fn what_is_used_in_place_often_is_found() {
    let script = || {
        let mut script = Script::default();
        script.allocation(0, 2 * MIB, "centroids");
        (0..20).for_each(|_| script.launch("K", &[(0, 2 * MIB, false, true)]));
        script
    };
    let (kinds, text) = findings(script());
    assert_eq!(kinds, ["in-place"]);
    assert!(
        text.contains("up to 20 times, 40 MiB in all") && text.contains("prefer_location(Device) on 'centroids'"),
        "{text}"
    );
    let mut full = script();
    full.device_peak_bytes = BUDGET;
    assert_eq!(findings(full).0, ["fine"], "others would have to leave");
    let mut advised = script();
    advised.hint(0, 2 * MIB, Hint::Said(Advised::PrefersHost, true));
    assert_eq!(findings(advised).0, ["fine"], "the program knows what it wants");
}

#[test]
fn results_that_come_home_page_by_page_are_found() {
    let mut script = Script::default();
    script.allocation(0, 4 * MIB, "result");
    script.arrives(0, 4 * MIB, Cause::Launch);
    script.launch("K", &[(0, 4 * MIB, true, false)]);
    (0..2 * MIB).for_each(|at| script.fault(2 * at, false, 2));
    let (kinds, text) = findings(script);
    assert_eq!(kinds, ["one-by-one"]);
    assert!(text.contains("by 32 faults of 2.0 pages each") && text.contains("prefetch('result', Host)"), "{text}");
}

#[test]
fn where_nothing_is_wrong_it_says_so() {
    let mut script = Script::default();
    script.allocation(0, 4 * MIB, "grid");
    script.arrives(0, 4 * MIB, Cause::Launch);
    (0..10).for_each(|_| script.launch("K", &[(0, 4 * MIB, true, false)]));
    script.fault(0, false, 4 * MIB);
    let (kinds, text) = findings(script);
    assert_eq!(kinds, ["fine"]);
    assert!(text.contains("launches used 5.0 on the device and 0.0 in place"), "{text}");
    let (kinds, text) = findings(Script::default());
    assert_eq!(kinds, ["fine"]);
    assert!(text.starts_with("Nothing was launched"), "{text}");
}

#[test]
fn a_full_log_is_told() {
    let page = report::page(&Script::default().recording(1234)).unwrap();
    assert_eq!(data(&page)["lost"], 1234);
    assert!(page.contains("The log was full: 1,234 events are missing"));
}

#[test]
fn amounts_agree_with_what_happened_and_places_with_where_pages_were() {
    let mut script = Script::default();
    script.allocation(0, 4, "x");
    script.arrives(0, 4, Cause::Launch);
    script.launch("K", &[(0, 2, true, false), (2, 2, false, false)]);
    for _ in 0..100 {
        script.launch("K", &[(2, 2, false, false)]);
    }
    script.fault(0, true, 2);
    for _ in 0..100 {
        script.launch("K", &[(2, 2, false, false)]);
    }
    let data = report(script);
    let columns = data["columns"].as_u64().unwrap() as usize;
    let moved: HashMap<_, _> = data["moved"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| {
            let sum: u64 = m["columns"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).sum();
            assert_eq!(m["bytes"], sum);
            (format!("{} {}", m["to"].as_str().unwrap(), m["cause"].as_str().unwrap()), sum / PAGE as u64)
        })
        .collect();
    assert_eq!(moved, HashMap::from([("device launch".into(), 4), ("host fault".into(), 2)]));
    let row = |at: usize, what: &str| data["rows"][at][what].as_str().unwrap().as_bytes().to_vec();
    let (early, late) = (columns / 4, 3 * columns / 4);
    // A row has one page: whole shares are 32 of 32.
    for at in [0, 1] {
        assert_eq!([row(at, "device")[early], row(at, "both")[early]], [b'w', b'0'], "written by a launch");
        assert_eq!([row(at, "device")[late], row(at, "both")[late]], [b'0', b'0'], "fetched home");
        assert_eq!(row(at, "used")[late], b'0');
    }
    for at in [2, 3] {
        assert_eq!([row(at, "device")[late], row(at, "both")[late]], [b'0', b'w'], "only read");
        assert!(row(at, "used")[late] > b'0');
    }
    let occupancy = |at: usize| data["occupancy"][at].as_u64().unwrap();
    assert_eq!([occupancy(early), occupancy(late)], [4 * PAGE as u64, 2 * PAGE as u64]);
    assert_eq!(data["launches"].as_array().unwrap().len(), 201);
    let faults = data["faults"][1].as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).sum::<u64>();
    assert_eq!(faults, 1);
}

#[test]
fn names_cannot_end_the_script_or_the_title() {
    let mut script = Script::default();
    script.allocation(0, 1, "</script><b>");
    script.launch("K", &[(0, 1, false, true)]);
    let page = report::page(&script.recording(0).titled("a <i> & b")).unwrap();
    assert_eq!(page.matches("</script>").count(), 2, "the data's and the script's own");
    assert!(!page.contains("<b>\"") && page.contains("a &lt;i&gt; &amp; b"));
    assert_eq!(data(&page)["ranges"][0]["name"], "</script><b>");
    assert_eq!(data(&page)["title"], "a <i> & b");
}

#[test]
fn the_trace_has_tracks_of_events_in_order_that_do_not_overlap() {
    let mut script = Script::default();
    script.allocation(0, 64, "x");
    script.entries.push(Entry::ToDevice { first: 0, pages: 8, cause: Cause::Launch, since: 100, at: 300 });
    script.entries.push(Entry::ToDevice { first: 8, pages: 8, cause: Cause::Launch, since: 200, at: 400 });
    script.entries.push(Entry::ToDevice { first: 16, pages: 8, cause: Cause::Launch, since: 300, at: 400 });
    script.launch("K", &[(0, 16, true, false)]);
    script.fault(0, false, 4);
    script.left(16, 8, Cause::Eviction);
    let recording = script.recording(3).titled("t");
    let mut file = vec![];
    super::chrome::write(&recording, &mut file).unwrap();
    let file: Value = serde_json::from_slice(&file).unwrap();
    assert_eq!(file["otherData"]["lost_events"], 3);
    let events = file["traceEvents"].as_array().unwrap();
    let number = |event: &Value, field: &str| event[field].as_f64().unwrap();
    let (mut last, mut ends, mut tracks) = (0.0, HashMap::new(), HashMap::new());
    for event in events {
        let track = (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap());
        match event["ph"].as_str().unwrap() {
            "M" if event["name"] == "thread_name" => {
                tracks.insert(track, event["args"]["name"].as_str().unwrap().to_owned());
            }
            "M" => {}
            ph => {
                assert!(number(event, "ts") >= last, "in order");
                last = number(event, "ts");
                if ph == "X" {
                    let end = ends.entry(track).or_insert(0.0);
                    assert!(last >= *end, "{event} overlaps what is on its track");
                    *end = last + number(event, "dur");
                }
                assert!(ph == "C" || tracks.contains_key(&track), "{event} is on a track without a name");
            }
        }
    }
    let named = |name: &str| tracks.values().filter(|track| *track == name).count();
    assert_eq!([named("kernels"), named("to device: launch"), named("to host: fault")], [1, 2, 1]);
    assert_eq!([named("left: eviction"), named("main (7)"), named("thread 8")], [1, 1, 1]);
    let memory = events.iter().filter(|event| event["ph"] == "C").map(|event| event["args"]["bytes"].as_u64().unwrap());
    let pages: Vec<u64> = memory.map(|bytes| bytes / PAGE as u64).collect();
    assert_eq!(pages, [8, 24, 20, 12]);
}

#[test]
fn files_that_cannot_be_written_are_found_at_once() {
    let error = Output::create("/nowhere/at/all.json").unwrap_err();
    let Error::Unwritable { path, os } = &error else { panic!("{error}") };
    assert_eq!((path.to_str(), os.0), (Some("/nowhere/at/all.json"), 2));
    assert!(error.to_string().contains("/nowhere/at/all.json: No such file"), "{error}");
    let full = Output::create("/dev/full").unwrap().report(&Script::default().recording(0)).unwrap_err();
    assert!(matches!(full, Error::Unwritable { os: crate::OsError(28), .. }), "{full}");
}

#[test]
fn what_was_in_the_file_is_replaced_when_there_is_something_new() {
    let path = std::env::temp_dir().join(format!("vksvm-report-{}.html", std::process::id()));
    std::fs::write(&path, "x".repeat(1 << 20)).unwrap();
    let output = Output::create(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 1 << 20);
    let recording = Script::default().recording(0);
    output.report(&recording).unwrap();
    let written = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(written, report::page(&recording).unwrap());
}
