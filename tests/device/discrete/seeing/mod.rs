//! What people get to see of a run agrees with what happened.

mod page;

use super::{
    Mode,
    rig::{BUDGET, HEAP, Rig, WORDS, in_modes, pattern},
};
use crate::{
    harness::{Ignored, trial},
    variants::refused_saying,
};
use libtest_mimic::Trial;
use page::Page;
use serde_json::Value;
use std::{collections::HashMap, fs, path::PathBuf, process, thread, time::Duration};
use vksvm::{
    Error, PAGE, Recording, Stats, Svm, SvmVec,
    seam::{Call, Failures, VkResult},
};

pub fn tests() -> Vec<Trial> {
    let mut all: Vec<Trial> =
        in_modes![reports_agree_with_the_counters, traces_agree_with_the_program, a_full_log_says_so].into();
    all.extend([
        trial(module_path!(), "data_that_goes_to_and_fro_is_diagnosed", data_that_goes_to_and_fro_is_diagnosed),
        trial(module_path!(), "data_that_does_not_fit_is_diagnosed", data_that_does_not_fit_is_diagnosed),
        trial(module_path!(), "a_clock_that_cannot_be_read_leaves_kernels_without_times", a_clock_that_cannot_be_read),
        trial(module_path!(), "nothing_is_recorded_unless_asked_for", nothing_is_recorded_unless_asked_for),
        trial(module_path!(), "options_of_the_log_are_checked", options_of_the_log_are_checked),
    ]);
    all
}

/// A file of this test's own, gone when it ends.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        Temporary(std::env::temp_dir().join(format!("vksvm-{}-{name}", process::id())))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.0);
    }
}

fn recording(svm: &Svm) -> Recording {
    svm.recording().expect("tracing was asked for")
}

fn page(recording: &Recording, mode: &Mode) -> Page {
    let file = Temporary::new(&format!("{}.html", mode.name));
    recording.write_report(&file.0).unwrap_or_else(|error| panic!("{error}"));
    Page::parse(&fs::read_to_string(&file.0).expect("what was written"))
}

/// Who touched a page goes on before the thread that served it has counted and logged that: when all is. The sums are what the tests look at, so if
/// they never agree the tests say so.
fn settled(rig: &Rig) -> (Recording, Page, Stats) {
    const TRIES: usize = 200;
    for _ in 0..TRIES {
        let (recording, stats) = (recording(&rig.svm), rig.stats());
        let page = page(&recording, rig.mode);
        if page.faults() == stats.cpu_faults && page.counters.get("cpu_faults") == Some(&stats.cpu_faults) {
            return (recording, page, stats);
        }
        thread::sleep(Duration::from_millis(10));
    }
    let (recording, stats) = (recording(&rig.svm), rig.stats());
    let page = page(&recording, rig.mode);
    (recording, page, stats)
}

/// Launches that write and read, CPU touches of both kinds, an eviction: 3 MiB of 4.
fn run(rig: &Rig) -> [SvmVec<u32>; 2] {
    let mut models = [pattern(1, 32 * WORDS), pattern(2, 16 * WORDS)];
    let mut vectors = [0, 1].map(|at| rig.svm.vec(models[at].iter().copied()));
    rig.svm.name(&vectors[0][..], "x");
    rig.svm.name(&vectors[1][..], "y & <z>");
    for round in 0..4 {
        rig.put(&mut vectors[0], &mut models[0], [round, 7], round);
        rig.device_sees(&vectors[1], &models[1], "while it is recorded");
        rig.program_sees(&vectors[0], &models[0], "while it is recorded");
        vectors[1][5 * WORDS] = round;
        models[1][5 * WORDS] = round;
    }
    vectors
}

fn reports_agree_with_the_counters(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::of(mode, mode.builder(HEAP, BUDGET).trace(true))?;
    let _vectors = run(&rig);
    let (recording, page, stats) = settled(&rig);
    assert_eq!(page.faults(), stats.cpu_faults, "{}", mode.name);
    let page = Page { title: self::page(&recording.titled("a <test>"), mode).title, ..page };
    assert_eq!(page.title, "a <test> – vksvm");
    assert_eq!(
        [page.moved("device"), page.moved("host")],
        [stats.bytes_to_device, stats.bytes_to_host],
        "{}",
        mode.name
    );
    let kernels = page.data["kernels"].as_array().expect("a list");
    let launches: HashMap<&str, u64> = kernels
        .iter()
        .map(|kernel| (kernel["name"].as_str().expect("a name"), kernel["launches"].as_u64().expect("a number")))
        .filter(|(_, launches)| *launches > 0)
        .collect();
    assert_eq!(launches, HashMap::from([("Put", 4), ("Fold", 4)]));
    // The table has what `Stats` has, under the same names.
    for (counter, value) in [
        ("launches", stats.launches),
        ("cpu_faults", stats.cpu_faults),
        ("bytes_to_device", stats.bytes_to_device),
        ("bytes_to_host", stats.bytes_to_host),
        ("in_place_pages", stats.in_place_pages),
        ("launches_in_flight_peak", stats.launches_in_flight_peak),
    ] {
        assert_eq!(page.counters.get(counter), Some(&value), "{}: {counter}", mode.name);
    }
    let names: Vec<_> = page.data["ranges"].as_array().expect("a list").iter().map(|range| &range["name"]).collect();
    assert!(names.contains(&&Value::from("x")) && names.contains(&&Value::from("y & <z>")), "{names:?}");
    let most = page.data["occupancy"].as_array().expect("a list").iter().filter_map(Value::as_u64).max();
    assert!(most <= Some(stats.device_peak_bytes), "{}: {most:?} of {}", mode.name, stats.device_peak_bytes);
    assert_eq!(most > Some(0), mode.is_discrete(), "{}", mode.name);
    assert_eq!(page.data["lost"], 0);
    assert!(!page.findings.is_empty());
    Ok(())
}

fn traces_agree_with_the_program(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::of(mode, mode.builder(HEAP, BUDGET).trace(true))?;
    let _vectors = run(&rig);
    let (recording, page, stats) = settled(&rig);
    let (within, file) = (&page.data["clock_within_ns"], Temporary::new("trace.json"));
    recording.write_chrome(&file.0).unwrap_or_else(|error| panic!("{error}"));
    let trace: Value = serde_json::from_slice(&fs::read(&file.0).expect("what was written")).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("a list");
    let micros = |event: &Value, field: &str| event[field].as_f64().expect("a number");
    let timed: Vec<&Value> = events.iter().filter(|event| event["ph"] != "M").collect();
    assert!(timed.is_sorted_by(|a, b| micros(a, "ts") <= micros(b, "ts")), "in order");
    let of = |ph: &'static str, name: &'static str| timed.iter().filter(move |e| e["ph"] == ph && e["name"] == name);
    // By the device's clock a kernel runs after it was launched, if the clocks are told apart rightly.
    if rig.svm.capabilities().timestamps {
        let issued: HashMap<u64, f64> =
            of("i", "launch").map(|e| (e["args"]["point"].as_u64().expect("a point"), micros(e, "ts"))).collect();
        let kernels: Vec<_> = of("X", "Put").chain(of("X", "Fold")).collect();
        assert_eq!((kernels.len(), issued.len()), (8, 8));
        let late = within.as_f64().expect("a number") / 1e3;
        for kernel in kernels {
            let issued = issued[&kernel["args"]["point"].as_u64().expect("a point")];
            assert!(micros(kernel, "ts") + late >= issued, "{}: {kernel}, issued at {issued}", mode.name);
        }
    }
    let thread = u64::from(rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs());
    let on_this = |event: &&&Value| event["tid"] == thread;
    let faults = of("X", "read fault").filter(on_this).count() + of("X", "write fault").filter(on_this).count();
    assert_eq!(faults > 0, mode.is_discrete(), "{}: {faults} faults", mode.name);
    let moved: u64 = timed
        .iter()
        .filter(|event| event["ph"] == "X" && event["pid"] == 2)
        .map(|event| event["args"]["bytes"].as_u64().expect("bytes"))
        .sum();
    assert_eq!(moved, stats.bytes_to_device + stats.bytes_to_host, "{}", mode.name);
    let most = of("C", "device memory").map(|event| event["args"]["bytes"].as_u64().expect("bytes")).max();
    assert!(most.unwrap_or(0) <= stats.device_peak_bytes, "{}: {most:?}", mode.name);
    Ok(())
}

fn a_full_log_says_so(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::of(mode, mode.builder(HEAP, BUDGET).trace(true).trace_events(8))?;
    let _vectors = run(&rig);
    let recording = recording(&rig.svm);
    assert!(recording.lost() > 0, "{}", mode.name);
    let page = page(&recording, mode);
    assert_eq!(page.data["lost"], recording.lost());
    assert!(page.kinds().contains(&"incomplete") && page.findings.contains("The log was full"), "{}", page.findings);
    Ok(())
}

/// A mode that works everywhere, and in which everything must move.
fn moved() -> &'static Mode {
    Mode::named("signal-moved")
}

fn data_that_goes_to_and_fro_is_diagnosed() -> Result<(), Ignored> {
    let mode = moved();
    let rig = Rig::of(mode, mode.builder(HEAP, BUDGET).trace(true))?;
    let mut model = pattern(1, 32 * WORDS);
    let mut flags = rig.svm.vec(model.iter().copied());
    rig.svm.name(&flags[..], "flags");
    for round in 0..6 {
        rig.put(&mut flags, &mut model, [0, 1], round);
        // What it only reads the device would keep, too.
        for page in (0..flags.len()).step_by(WORDS) {
            (flags[page], model[page]) = (round, round);
        }
        rig.program_sees(&flags, &model, "between launches");
    }
    let page = page(&recording(&rig.svm), mode);
    assert_eq!(page.kinds()[0], "bouncing", "{}", page.findings);
    assert!(page.findings.contains("prefer_location(Host) on 'flags'"), "{}", page.findings);
    Ok(())
}

fn data_that_does_not_fit_is_diagnosed() -> Result<(), Ignored> {
    let mode = moved();
    let rig = Rig::of(mode, mode.builder(HEAP, BUDGET).trace(true))?;
    let (parts, part) = (8, BUDGET as usize / 4 / 4);
    let model = pattern(1, parts * part);
    let edges = rig.svm.vec(model.iter().copied());
    rig.svm.name(&edges[..], "edges");
    for _ in 0..4 {
        for (words, model) in edges.chunks(part).zip(model.chunks(part)) {
            rig.device_sees(words, model, "a part at a time");
        }
    }
    let page = page(&recording(&rig.svm), mode);
    assert_eq!(page.kinds()[0], "refetched", "{}", page.findings);
    assert!(
        page.findings.contains("'edges' (8 MiB)") && page.findings.contains("prefer_location(Host)"),
        "{}",
        page.findings
    );
    // None of it was written, so none of it came home; the results did, 64 KiB for each launch.
    assert!(page.moved("host") <= (4 * parts * PAGE) as u64 && page.moved("device") > 2 * (parts * part * 4) as u64);
    Ok(())
}

/// That times are missing is no reason not to launch, nor not to tell the rest.
fn a_clock_that_cannot_be_read() -> Result<(), Ignored> {
    let mode = moved();
    for call in [Call::CreateQueryPool, Call::GetQueryPoolResults] {
        let failures = Failures::new();
        failures.fail(call, 0, u64::MAX, VkResult::ERROR_OUT_OF_DEVICE_MEMORY);
        let rig = Rig::of(mode, mode.builder(HEAP, BUDGET).trace(true).failures(&failures))?;
        let _vectors = run(&rig);
        let page = page(&recording(&rig.svm), mode);
        let kernels = page.data["kernels"].as_array().expect("a list");
        assert_eq!(kernels.iter().filter_map(|kernel| kernel["launches"].as_u64()).sum::<u64>(), 8);
        assert!(kernels.iter().all(|kernel| kernel["timed"] == 0), "{call:?}: {kernels:?}");
        assert!(page.moved("device") > 0);
        assert!(failures.failed() > 0);
    }
    Ok(())
}

fn nothing_is_recorded_unless_asked_for() {
    let svm = Svm::builder().trace(false).open().expect("the device of these tests");
    let x = svm.vec([1_u32, 2, 3]);
    svm.name(&x[..], "x");
    assert!(svm.recording().is_none());
}

fn options_of_the_log_are_checked() {
    for events in [0, (16 << 20) + 1, usize::MAX] {
        let error = Svm::builder().trace(true).trace_events(events).open().expect_err("no such log");
        assert!(matches!(error, Error::BadOption { option: "trace_events", .. }), "{error}");
    }
    let file = std::env::temp_dir().join("vksvm-no-such-directory/report.html");
    refused_saying(vksvm::Output::create(&file), "Unwritable", &["vksvm-no-such-directory/report.html"]);
}
