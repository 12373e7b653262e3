//! Programs that must not compile, each with a twin in `ui/pass` that differs only by the fix.
//!
//! `TRYBUILD=overwrite` writes the expected messages (`.stderr`) anew; read them before committing.

use crate::harness::{Ignored, trial_within};
use libtest_mimic::Trial;
use std::{path::Path, time::Duration};

/// The programs are built with all dependencies, from nothing the first time.
const LIMIT: Duration = Duration::from_secs(1200);

pub fn tests() -> Vec<Trial> {
    vec![
        trial_within(LIMIT, "ui", "conflicts_do_not_compile_and_their_twins_do", programs),
        trial_within(LIMIT, "ui", "every_program_has_a_twin_and_a_message", complete),
    ]
}

fn programs() -> Result<(), Ignored> {
    if std::env::var_os("CARGO_MANIFEST_DIR").is_none() {
        return Err(Ignored("not started by cargo, which builds the programs".into()));
    }
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/*.rs");
    cases.pass("ui/pass/*.rs");
    Ok(())
}

fn complete() {
    let names = |dir: &str, end: &str| -> Vec<String> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
        let entries = std::fs::read_dir(dir).expect("the directory of the programs");
        let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(end).map(String::from));
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    let programs = names("ui", ".rs");
    assert!(programs.len() >= 17, "{programs:?}");
    assert_eq!(programs, names("ui/pass", ".rs"));
    assert_eq!(programs, names("ui", ".stderr"));
}
