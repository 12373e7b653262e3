//! Checks that the library crates build as they would be published: from their packaged files alone.
//!
//! `cargo package` can verify crates that depend on each other by an unpublished version, but it keeps the unpacked
//! dependency by version number only, so that a second run on one machine verifies against the first run's. The
//! packaged files are therefore built here, as members of a workspace of their own.

use std::{fmt::Write, fs, path::Path};

use anyhow::{Context, Result};

use crate::process::Cmd;

/// The crates to be published, each after those that it depends on.
const CRATES: [&str; 4] = ["vksvm-derive", "vksvm-pages", "vksvm-spirv", "vksvm"];

/// They share the workspace's version, and so does this crate.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Packages the crates below `target`, unpacks and builds them; returns what it did.
pub fn check(root: &Path, target: &Path) -> Result<String> {
    // Files that are not committed yet are no fault while developing.
    let mut package = Cmd::cargo().args(["package", "--no-verify", "--allow-dirty"]).limit(600);
    for name in CRATES {
        package = package.args(["--package", name]);
    }
    package.run()?;

    let dir = target.join("xtask/package");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    for name in CRATES {
        let file = target.join(format!("package/{name}-{VERSION}.crate"));
        // The times in the archive are old ones: cargo would take changed files for those that it built before.
        Cmd::new("tar").args(["--extract", "--gzip", "--touch", "--file"]).arg(file).dir(&dir).run()?;
    }
    fs::write(dir.join("Cargo.toml"), workspace()).context("cannot write the workspace of the packaged crates")?;
    fs::copy(root.join("Cargo.lock"), dir.join("Cargo.lock")).context("cannot copy Cargo.lock")?;
    // The target directory and the profile of the other builds, whose dependencies serve here too.
    let build = Cmd::cargo().args(["build", "--workspace", "--target-dir"]).arg(target).dir(&dir).limit(1200);
    build.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1").env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only").run()?;
    Ok(format!("{} {VERSION}", CRATES.join(", ")))
}

fn workspace() -> String {
    let mut text = String::from("[workspace]\nresolver = \"3\"\nmembers = [\n");
    for name in CRATES {
        let _ = writeln!(text, "    \"{name}-{VERSION}\",");
    }
    text += "]\n\n[patch.crates-io]\n";
    for name in CRATES {
        let _ = writeln!(text, "{name} = {{ path = \"{name}-{VERSION}\" }}");
    }
    text
}
