//! Random programs in every mode, compared with a model in ordinary memory, byte for byte.
//!
//! A run is a row of lives, each from a seed of its own ([`life`]). What a life does follows from its seed; how its threads meet does not. Each
//! mode runs in a process of its own, so that one that crashes or hangs is a failure with a seed and its operations.

mod batch;
mod host;
pub(super) mod life;
mod lists;
mod piece;
pub(super) mod record;
mod setting;
mod system;
mod touch;

use super::{MODES, Mode, mutants};
use crate::{
    child::{command, said},
    harness::{Ignored, trial_within},
};
use libtest_mimic::Trial;
use record::Record;
use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// The part that a process of its own plays.
pub const PART: &str = "discrete_stress";
/// The first life's seed; where a person sets it, that life alone is lived, in whole.
const SEED: &str = "VKSVM_STRESS_SEED";
/// The mode; without it all.
const MODE: &str = "VKSVM_STRESS_MODE";
/// Minutes for all modes together.
const MINUTES: &str = "VKSVM_STRESS_MINUTES";
/// Tells the process how long.
const SECONDS: &str = "VKSVM_TEST_SECONDS";

/// Batches that a mode has at least, however slow the machine: in fewer, something need not have happened.
const LEAST: u64 = 150;
/// Batches after which everything that may happen has happened.
const MANY: u64 = 1000;

/// What the process says at its end, before its figures.
const DONE: &str = "no difference";
/// And where the mode does not work.
const IGNORED: &str = "ignored:";

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

pub fn tests() -> Vec<Trial> {
    let limit = Duration::from_secs(60 * (number(MINUTES).unwrap_or(1) + 10));
    macro_rules! modes {
        ($($name:ident),*) => {
            vec![$(trial_within(limit, module_path!(), stringify!($name), || in_mode(&stringify!($name).replace('_', "-")))),*]
        };
    }
    modes![unified, userfaultfd, userfaultfd_moved, sigbus, sigbus_moved, signal, signal_moved]
}

/// The mode's share of the time, in a process of its own.
fn in_mode(name: &str) -> Result<(), Ignored> {
    let mode = Mode::named(name);
    if env::var(MODE).is_ok_and(|asked| asked != name) {
        return Err(Ignored(format!("{MODE} is another")));
    }
    let seconds = 60 * number(MINUTES).unwrap_or(1) / MODES.len() as u64;
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64);
    let (seed, seconds) = number(SEED).map_or_else(|| (now() >> 10, seconds), |seed| (seed, 0));
    let operations = operations_file(name);
    let output =
        process(PART, mode, seed, seconds, &operations).output().expect("the test program can be started again");
    let said = said(&output);
    if let Some(ignored) = ignored(&output, &said) {
        return Err(ignored);
    }
    let done = said.lines().find(|line| line.contains(DONE));
    let Some(done) = done.filter(|_| output.status.success()) else {
        let all = std::fs::read_to_string(&operations).unwrap_or_default();
        let lines: Vec<&str> = all.lines().collect();
        let last = lines.iter().skip(1).rev().take(80).rev().copied().collect::<Vec<_>>().join("\n  ");
        let seed = lines.first().and_then(|line| line.split(' ').nth(1)).unwrap_or("?");
        panic!(
            "{said}\nlast operations (all in {}):\n  {last}\n{}\nagain: {SEED}={seed} {MODE}={} cargo test -p vksvm-tests --test device -- discrete::stress",
            operations.display(),
            lines.first().unwrap_or(&"no life has begun"),
            mode.name
        );
    };
    println!("  {}: {done}", mode.name);
    Ok(())
}

/// What plays `part`, which must be [`run`], from `seed` on. Without any time it lives one life.
pub(super) fn process(part: &str, mode: &Mode, seed: u64, seconds: u64, operations: &Path) -> Command {
    let mut command = command(part);
    command.env(MODE, mode.name).env(SEED, seed.to_string()).env(SECONDS, seconds.to_string());
    command.env(record::FILE, operations);
    command
}

/// Why the mode does not work here, if that is what the process said.
pub(super) fn ignored(output: &Output, said: &str) -> Option<Ignored> {
    let (_, why) = said.split_once(IGNORED).filter(|_| output.status.success())?;
    Some(Ignored(why.trim().into()))
}

/// Where a process notes its operations.
pub(super) fn operations_file(mode: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("stress");
    // Without the file there are no operations to show, and the test is as good.
    let _ = std::fs::create_dir_all(&dir);
    dir.join(format!("{mode}-{}.txt", std::process::id()))
}

/// The part: lives until its time is over; without any time, one.
pub fn run() {
    let mode = Mode::named(&env::var(MODE).expect("a mode"));
    let first = number(SEED).expect("a seed");
    let time = Duration::from_secs(number(SECONDS).expect("seconds"));
    let one = time.is_zero();
    let until = Instant::now() + time;
    let record = Record::new();
    let mut sums = BTreeMap::<&str, u64>::new();
    let mut lives = 0;
    let enough = || !one && Instant::now() >= until && record.of("batch") >= LEAST;
    while lives == 0 || !(one || enough()) {
        match life::live(mode, first.wrapping_add(lives), &record, &mutants::as_told, &enough) {
            Ok(lived) => add(mode, &mut sums, &lived),
            Err(Ignored(why)) => return println!("{IGNORED} {why}"),
        }
        lives += 1;
    }
    if !one {
        must_have_happened(mode, &sums, &record);
    }
    let figures: Vec<String> = sums.iter().map(|(name, sum)| format!("{name} {sum}")).collect();
    let operations: Vec<String> = record.counts().iter().map(|(name, sum)| format!("{name} {sum}")).collect();
    println!("{DONE} in {lives} lives from seed {first} on; {}; {}", figures.join(", "), operations.join(", "));
}

fn add(mode: &Mode, sums: &mut BTreeMap<&'static str, u64>, lived: &life::Lived) {
    let stats = &lived.stats;
    let counters = [
        ("launches", stats.launches),
        ("cpu_faults", stats.cpu_faults),
        ("bytes_to_device", stats.bytes_to_device),
        ("bytes_to_host", stats.bytes_to_host),
        ("evictions", stats.evictions),
        ("in_place_pages", stats.in_place_pages),
    ];
    for (name, count) in counters {
        *sums.entry(name).or_default() += count;
    }
    let peak = sums.entry("device_peak_bytes").or_default();
    *peak = (*peak).max(stats.device_peak_bytes);
    assert!(stats.device_peak_bytes <= lived.budget, "{}: {stats:?}", mode.name);
}

/// What a mode is there for did happen, and nothing that it rules out.
fn must_have_happened(mode: &Mode, sums: &BTreeMap<&'static str, u64>, record: &Record) {
    let moving = ["cpu_faults", "bytes_to_device", "bytes_to_host", "evictions", "device_peak_bytes"];
    for name in moving {
        assert_eq!(sums[name] > 0, mode.is_discrete(), "{}: {name} is {}", mode.name, sums[name]);
    }
    let in_place = mode.is_discrete() && mode.in_place;
    // It takes a launch that wants more than others leave idle, of which a run of few lives, each with a budget by chance, may have none.
    let certain = !in_place || record.of("batch") >= MANY;
    let pages = sums["in_place_pages"];
    assert!(!certain || (pages > 0) == in_place, "{}: in_place_pages is {pages}", mode.name);
    let must = [
        "batch",
        "mix",
        "put",
        "fold",
        "chase",
        "copy",
        "look",
        "own",
        "allocate",
        "free",
        "resize",
        "read",
        "write",
        "hammered",
        "shared read",
        "thread's launch",
        "brief allocation",
        "read",
        "pread",
        "readv",
        "write",
        "pwrite",
        "writev",
        "recv",
        "sendfile and recv",
        "send",
    ];
    let missing: Vec<&str> = must.into_iter().filter(|name| record.of(name) == 0).collect();
    assert!(missing.is_empty(), "{}: no {missing:?} in {:?}", mode.name, record.counts());
}
