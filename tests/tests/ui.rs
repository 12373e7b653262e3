//! Programs that must not compile, each with a twin in `ui/pass` that differs only by the fix.
//!
//! `TRYBUILD=overwrite` writes the expected messages (`.stderr`) anew; read them before committing.

#[test]
fn conflicts_do_not_compile_and_their_twins_do() {
    let t = trybuild::TestCases::new();
    t.compile_fail("ui/*.rs");
    t.pass("ui/pass/*.rs");
}

#[test]
fn every_program_has_a_twin_and_a_message() {
    let names = |dir: &str, end: &str| -> Vec<String> {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
        let mut names: Vec<_> = std::fs::read_dir(dir)
            .unwrap()
            .filter_map(|e| e.unwrap().file_name().to_str()?.strip_suffix(end).map(str::to_string))
            .collect();
        names.sort();
        names
    };
    let programs = names("ui", ".rs");
    assert!(programs.len() >= 17);
    assert_eq!(programs, names("ui/pass", ".rs"));
    assert_eq!(programs, names("ui", ".stderr"));
}
