//! `cargo xtask test`: every check, in order, up to the first failure.
//!
//! One profile: all is built as `dev`, which Cargo.toml sets to opt-level 1. Release would build every dependency a
//! second time and gain little: the workloads' time is in code that the driver compiles itself.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    mesa::Mesa,
    package,
    process::{Cmd, Ended},
    programs::{WORKLOADS, samples},
    setup,
    shaders::{self, manifest},
    tally::Tally,
    tracked_files,
    verified::{self, Setting},
};

/// Seconds after which a step hangs: several times what it takes from a cold build on two cores.
const BUILD: u64 = 1200;
const TESTS: u64 = 1500;
const FULL: u64 = 3600;

/// Workloads in unified placement, as they are and with their addresses looked up; in medium size on one driver only.
const UNIFIED: &[Setting] = &[Setting {
    name: "unified",
    placement: "unified",
    translation: "auto",
    faults: "none",
    options: &[],
    counts: &[],
}];
const UNIFIED_SMALL: &[Setting] = &[Setting { options: &["--size", "small"], ..UNIFIED[0] }];
const TABLE: &[Setting] = &[Setting { name: "table", translation: "table", ..UNIFIED_SMALL[0] }];

/// Workloads whose pages move: with each way to serve faults, with a budget that most do not fit into, and with nothing left to be
/// used in place. Where they run on two drivers, each has half of it.
const DISCRETE: &[Setting] = &[
    moving("userfaultfd", "userfaultfd", SMALL, IN_PLACE),
    moving("sigbus-moved", "sigbus", ONLY_MOVED, MOVED),
    moving("signal", "signal", SMALL, IN_PLACE),
    moving("userfaultfd-moved", "userfaultfd", ONLY_MOVED, MOVED),
    moving("sigbus", "sigbus", SMALL, IN_PLACE),
    moving("signal-moved", "signal", ONLY_MOVED, MOVED),
];
const SMALL: &[&str] = &["--size", "small", "--device-budget", "2MiB"];
const ONLY_MOVED: &[&str] = &["--size", "small", "--device-budget", "2MiB", "--in-place", "off"];
const MOVED: &[&str] = &["cpu_faults", "bytes_to_device", "bytes_to_host", "evictions"];
const IN_PLACE: &[&str] = &["cpu_faults", "bytes_to_device", "bytes_to_host", "in_place_pages"];

const fn moving(
    name: &'static str,
    faults: &'static str,
    options: &'static [&'static str],
    counts: &'static [&'static str],
) -> Setting {
    Setting { name, placement: "discrete", translation: "table", faults, options, counts }
}

/// One check.
struct Step {
    name: String,
    work: Work,
}

/// What a step does.
enum Work {
    /// A command that succeeds or not.
    Command(Cmd),
    /// A command whose output has `cargo test`'s closing lines; with none of them it has failed.
    Tests(Cmd),
    /// All workloads, in these settings, and JSON lines that are checked.
    Workloads(Mesa, &'static [Setting]),
    /// A check of our own, which says what it looked at.
    Check(fn() -> Result<String>),
}

/// How a step went.
struct Report {
    name: String,
    time: Duration,
    result: &'static str,
    note: String,
}

/// Sets up, runs the steps (or the step `only`), and prints a table, what failed, and as the last line the sum of all
/// tests. Returns whether all went well.
pub fn test(full: bool, only: Option<&str>) -> Result<bool> {
    let start = Instant::now();
    println!("==== setup");
    let mesas = setup::setup(full)?;
    let mut reports = vec![Report { name: "setup".into(), time: start.elapsed(), result: "ok", note: String::new() }];
    let mut steps = steps(full, &mesas);
    if let Some(only) = only {
        let names: Vec<_> = steps.iter().map(|step| step.name.clone()).collect();
        steps.retain(|step| step.name == only);
        if steps.is_empty() {
            bail!("no step '{only}'; the steps here are {}", names.join(", "));
        }
    }
    let mut tally = Tally::default();
    let mut outcome = Ok(());
    for step in &steps {
        println!("\n==== {}{}", step.name, step.line().map(|line| format!(": {line}")).unwrap_or_default());
        let start = Instant::now();
        let result = step.run(&mut tally);
        let time = start.elapsed();
        let (result, note) = match result {
            Ok(note) => ("ok", note),
            Err(error) => {
                outcome = Err(format!("step {} failed: {error:#}\n\nalone:\n{}", step.name, step.alone(full)));
                ("FAILED", String::new())
            }
        };
        reports.push(Report { name: step.name.clone(), time, result, note });
        if outcome.is_err() {
            break;
        }
    }
    print_table(&reports, steps.len() + 1, start.elapsed());
    if let Err(error) = &outcome {
        println!("\n{error}");
    }
    if steps.iter().any(|step| matches!(step.work, Work::Tests(_))) {
        println!("\n{tally}");
    }
    Ok(outcome.is_ok())
}

fn steps(full: bool, mesas: &[Mesa]) -> Vec<Step> {
    let cargo = |args: &[&str], seconds| Cmd::cargo().args(args).limit(seconds);
    let mut steps = vec![];
    let mut step = |name: &str, work| steps.push(Step { name: name.into(), work });
    step("fmt", Work::Command(cargo(&["fmt", "--all", "--check"], 120)));
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    step("clippy", Work::Command(cargo(&clippy, BUILD)));
    let doc = cargo(&["doc", "--workspace", "--no-deps"], BUILD).env("RUSTDOCFLAGS", "-D warnings");
    step("doc", Work::Command(doc));
    step("unit", Work::Tests(cargo(&["test", "--workspace", "--exclude", "vksvm-tests"], TESTS)));
    step("loom", Work::Tests(loom(full)));
    for (at, mesa) in mesas.iter().enumerate() {
        let mut tests =
            cargo(&["test", "--package", "vksvm-tests"], TESTS).env("VKSVM_VALIDATION", "1").envs(&mesa.env);
        if mesas.len() > 1 && !full {
            // The batteries of discrete placement that take minutes are shared out: both drivers run the same library.
            tests = tests.env("VKSVM_TEST_SHARE", if at == 0 { "first" } else { "second" });
        }
        step(&format!("device-{}", mesa.name), Work::Tests(tests));
    }
    for (at, mesa) in mesas.iter().enumerate() {
        let last = at + 1 == mesas.len();
        let mut run = |name: &str, settings| {
            step(&format!("workloads-{name}{}", mesa.name), Work::Workloads(mesa.clone(), settings));
        };
        run("", if last || full { UNIFIED } else { UNIFIED_SMALL });
        run("table-", TABLE);
        let shared = mesas.len() == 2 && !full;
        let (first, second) = DISCRETE.split_at(DISCRETE.len() / 2);
        run(
            "discrete-",
            if !shared {
                DISCRETE
            } else if last {
                second
            } else {
                first
            },
        );
    }
    step("package", Work::Check(|| package::check(&crate::root(), &crate::target())));
    step("manifest", Work::Check(|| manifest::check(&crate::root())));
    step("includes", Work::Check(check_includes));
    step("tracked-files", Work::Check(|| tracked_files::check(&crate::root())));
    if full {
        step("glsl", Work::Tests(cargo(&["test", "--package", "vksvm", "--features", "glsl"], FULL)));
        let check = ["run", "--package", "xtask", "--features", "glsl", "--", "shaders", "--check"];
        step("shaders", Work::Command(cargo(&check, FULL)));
    }
    steps
}

/// The models of the page protocol: another build, in a directory of its own, or each would undo the other's. Optimised, since
/// they run for longer than they compile.
fn loom(full: bool) -> Cmd {
    let args = ["test", "--package", "vksvm-pages", "--features", "seam", "--test", "loom", "--release"];
    let cmd = Cmd::cargo().args(args).env("RUSTFLAGS", "--cfg loom");
    let cmd = cmd.env("CARGO_TARGET_DIR", crate::target().join("loom").display().to_string());
    if full { cmd.env("VKSVM_LOOM_FULL", "1").limit(FULL) } else { cmd.limit(TESTS) }
}

impl Step {
    fn run(&self, tally: &mut Tally) -> Result<String> {
        match &self.work {
            Work::Command(cmd) => cmd.run().map(|()| String::new()),
            Work::Tests(cmd) => judge(cmd.run_seen()?, tally),
            Work::Workloads(mesa, settings) => check_workloads(mesa, settings),
            Work::Check(check) => check(),
        }
    }

    fn line(&self) -> Option<String> {
        match &self.work {
            Work::Command(cmd) | Work::Tests(cmd) => Some(cmd.to_string()),
            Work::Workloads(mesa, settings) => {
                let lines = settings.iter().map(|setting| workloads(mesa, setting).to_string());
                Some(lines.collect::<Vec<_>>().join("\n  "))
            }
            Work::Check(_) => None,
        }
    }

    fn alone(&self, full: bool) -> String {
        let xtask = format!("  cargo xtask test{} --only {}", if full { " --full" } else { "" }, self.name);
        self.line().map(|line| format!("{xtask}\n  {line}")).unwrap_or(xtask)
    }
}

/// Counts what ran; an error unless the run succeeded and ran a test.
fn judge(ended: Ended, tally: &mut Tally) -> Result<String> {
    let ran = Tally::of(&ended.stdout);
    tally.add(ran);
    ended.check()?;
    if ran.passed == 0 { bail!("it ran no test") } else { Ok(ran.to_string()) }
}

fn workloads(mesa: &Mesa, setting: &Setting) -> Cmd {
    let cmd =
        samples(mesa).args(WORKLOADS).args(["--placement", setting.placement, "--translation", setting.translation]);
    let cmd = match setting.placement {
        // Also where nothing is moved the CPU loses what a kernel reaches, so that an access that was not translated shows.
        "discrete" => cmd.args(["--faults", setting.faults]).env("VKSVM_DETECT_UNTRANSLATED", "1"),
        _ => cmd,
    };
    cmd.args(setting.options).arg("--json").limit(TESTS)
}

fn check_workloads(mesa: &Mesa, settings: &[Setting]) -> Result<String> {
    println!("{mesa}");
    let expected: BTreeSet<String> = verified::listed(&samples(mesa).arg("list").limit(BUILD).output()?);
    let mut count = 0;
    for setting in settings {
        let ended = workloads(mesa, setting).run_seen()?.check()?;
        let checked = verified::check(&ended.stdout, setting, &expected);
        count += checked.with_context(|| format!("in the setting '{}'", setting.name))?;
    }
    Ok(format!("{count} workloads verified"))
}

fn check_includes() -> Result<String> {
    let stale = shaders::generate_includes(&crate::root(), true).context("cannot compare the generated includes")?;
    if stale.is_empty() {
        Ok(String::new())
    } else {
        bail!("stale; `cargo xtask shaders` writes: {}", stale.join(", "))
    }
}

fn print_table(reports: &[Report], all: usize, total: Duration) {
    println!("\n{:<18} {:>8}  {:<7} ", "step", "time", "result");
    for report in reports {
        let line =
            format!("{:<18} {:>6.1} s  {:<7} {}", report.name, report.time.as_secs_f64(), report.result, report.note);
        println!("{}", line.trim_end());
    }
    if reports.len() < all {
        println!("{} more steps were not run", all - reports.len());
    }
    println!("{:<18} {:>6.1} s", "total", total.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Device;

    fn mesas() -> Vec<Mesa> {
        let device = Device { name: "D".into(), driver: "Mesa 1.2.3".into(), missing: vec![] };
        let system = Mesa { name: "system", device: device.clone(), env: vec![] };
        vec![system, Mesa { name: "newer", device, env: vec![("VK_DRIVER_FILES", "/icd".into())] }]
    }

    #[test]
    fn device_tests_run_validated_on_each_mesa() {
        let steps = steps(false, &mesas());
        let line = |name: &str| steps.iter().find(|step| step.name == name).unwrap().line().unwrap();
        let (system, newer) = (line("device-system"), line("device-newer"));
        assert_eq!(system, "VKSVM_VALIDATION=1 VKSVM_TEST_SHARE=first cargo test --package vksvm-tests");
        assert!(
            newer.starts_with("VKSVM_VALIDATION=1 VK_DRIVER_FILES=/icd VKSVM_TEST_SHARE=second cargo test"),
            "{newer}"
        );
        assert!(line("workloads-newer").contains("VK_DRIVER_FILES=/icd"));
        assert!(line("workloads-table-newer").contains("VK_DRIVER_FILES=/icd"));
        assert!(line("workloads-table-system").ends_with("--translation table --size small --json"));
        let discrete = line("workloads-discrete-newer");
        assert_eq!(discrete.lines().count() + line("workloads-discrete-system").lines().count(), DISCRETE.len());
        assert!(discrete.lines().all(|line| line.contains("VKSVM_DETECT_UNTRANSLATED=1")), "{discrete}");
    }

    #[test]
    fn models_are_built_apart_and_full_tries_more_orders() {
        let line = |full| loom(full).to_string();
        assert!(line(false).starts_with("RUSTFLAGS='--cfg loom' CARGO_TARGET_DIR="), "{}", line(false));
        assert!(!line(false).contains("VKSVM_LOOM_FULL"), "{}", line(false));
        assert!(line(true).contains("VKSVM_LOOM_FULL=1"), "{}", line(true));
    }

    #[test]
    fn full_adds_steps_and_names_are_unique() {
        let (some, all) = (steps(false, &mesas()), steps(true, &mesas()));
        assert_eq!(all.len(), some.len() + 2);
        let names: BTreeSet<_> = all.iter().map(|step| &step.name).collect();
        assert_eq!(names.len(), all.len());
        assert_eq!(some[0].alone(false), "  cargo xtask test --only fmt\n  cargo fmt --all --check");
    }

    #[test]
    fn tests_that_fail_or_do_not_run_fail_their_step() {
        // Kept, not shown: the line would be counted as one of the run that this test is part of.
        let ended = |script: &str| Cmd::new("sh").args(["-c", script]).run_kept().unwrap();
        let mut tally = Tally::default();
        let closing = "echo 'test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out'";
        assert!(judge(ended(&format!("{closing}; exit 101")), &mut tally).is_err());
        assert_eq!(tally, Tally { passed: 3, failed: 1, skipped: 0 });
        assert_eq!(judge(ended("echo nothing"), &mut tally).unwrap_err().to_string(), "it ran no test");
    }
}
