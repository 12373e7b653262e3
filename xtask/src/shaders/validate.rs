//! spirv-val on what was compiled or assembled.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use super::directives;
use crate::process::Cmd;

/// Runs spirv-val, where it is installed, on the module made from `source`, unless that says `validate: no`.
pub fn validate(root: &Path, source: &Path, spirv: &[u8], target: &Path) -> Result<()> {
    let text = fs::read_to_string(root.join(source)).context("cannot read it")?;
    let comment = if source.extension() == Some("spvasm".as_ref()) { ";" } else { "//" };
    if !directives::switch(&text, comment, "validate", true)? {
        return Ok(());
    }
    if !Cmd::new("spirv-val").arg("--version").run_kept().is_ok_and(|ended| ended.ok()) {
        return Ok(());
    }
    let dir = target.join("xtask");
    fs::create_dir_all(&dir)?;
    let file = dir.join("validated.spv");
    fs::write(&file, spirv)?;
    let options = ["--target-env", environment(spirv)?, "--scalar-block-layout"];
    Cmd::new("spirv-val").args(options).arg(&file).output().map(drop)
}

/// The oldest Vulkan environment that takes a module of this version.
fn environment(spirv: &[u8]) -> Result<&'static str> {
    Ok(match spirv.get(5..7) {
        Some([0..=3, 1]) => "vulkan1.1",
        Some([4, 1]) => "vulkan1.1spv1.4",
        Some([5, 1]) => "vulkan1.2",
        Some([6, 1]) => "vulkan1.3",
        _ => bail!("not a SPIR-V module of a version from 1.0 to 1.6"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_tells_the_environment() {
        let module = |minor| [3, 2, 0x23, 7, 0, minor, 1, 0];
        assert_eq!(environment(&module(3)).unwrap(), "vulkan1.1");
        assert_eq!(environment(&module(4)).unwrap(), "vulkan1.1spv1.4");
        assert_eq!(environment(&module(6)).unwrap(), "vulkan1.3");
        assert!(environment(&module(7)).is_err() && environment(&[]).is_err());
    }
}
