//! SPIR-V assembly to SPIR-V with the installed spirv-as.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::directives;
use crate::process::Cmd;

/// What assembly without a `; target:` line is for.
const TARGET: &str = "spv1.5";

/// Assembles `source`, a path in the checkout. Numeric ids stay what they are.
pub fn spirv(root: &Path, source: &Path, target: &Path) -> Result<Vec<u8>> {
    let text = fs::read_to_string(root.join(source)).context("cannot read it")?;
    let dir = target.join("xtask");
    fs::create_dir_all(&dir)?;
    let file = dir.join("assembled.spv");
    let env = directives::value(&text, ";", "target").unwrap_or(TARGET);
    let assemble = Cmd::new("spirv-as").args(["--preserve-numeric-ids", "--target-env", env, "-o"]).arg(&file);
    // From the checkout, so that errors show paths in it.
    assemble.arg(source).dir(root).output()?;
    fs::read(&file).context("cannot read what spirv-as wrote")
}
