//! What must not compile, and what must: the programs in `tests/ui`.

use crate::harness::{Ignored, tests};
use std::path::Path;

tests![programs];

fn programs() -> Result<(), Ignored> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
    if !directory.is_dir() {
        return Err(Ignored("there is no tests/ui".into()));
    }
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/*.rs");
    cases.pass("ui/pass/*.rs");
    Ok(())
}
