//! `cargo xtask shaders`: the includes that Rust types generate, then every compute shader's SPIR-V, from GLSL
//! or assembly, then the manifest.

mod includes;
pub mod manifest;

#[cfg(feature = "glsl")]
mod assemble;
#[cfg(feature = "glsl")]
mod compile;
#[cfg(any(test, feature = "glsl"))]
mod directives;
#[cfg(feature = "glsl")]
mod validate;

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::{process::Cmd, setup};

/// Seconds to build shaderc in, on a slow machine.
const BUILD: u64 = 3600;

/// Compiles, or with `check` compares. Without the feature `glsl` it runs itself again with it.
pub fn shaders(check: bool, keep_includes: bool) -> Result<()> {
    if !cfg!(feature = "glsl") {
        setup::tools_for_glsl()?;
        let again = Cmd::cargo().args(["run", "--package", "xtask", "--features", "glsl", "--", "shaders"]);
        let flags = [("--check", check), ("--keep-includes", keep_includes)];
        return again.args(flags.iter().filter(|(_, on)| *on).map(|(flag, _)| flag)).limit(BUILD).run();
    }
    let root = crate::root();
    let mut stale = vec![];
    if !keep_includes {
        stale.extend(generate_includes(&root, check)?);
    }
    stale.extend(compile_all(&root, check)?);
    if !stale.is_empty() {
        bail!("differ from what would be written; `cargo xtask shaders` writes them:\n  {}", stale.join("\n  "));
    }
    if check { manifest::check(&root).map(drop) } else { manifest::write(&root) }
}

/// Writes the includes; with `check` writes elsewhere and returns the names of those that differ.
pub fn generate_includes(root: &Path, check: bool) -> Result<Vec<String>> {
    let checked_in = root.join(manifest::INCLUDE_DIR);
    let out = if check { crate::target().join("xtask/include") } else { checked_in.clone() };
    if check {
        let _ = fs::remove_dir_all(&out);
    }
    fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
    let generate = ["run", "--package", "vksvm-samples", "--bin", "svm-samples", "--", "glsl", "--out"];
    let generated = Cmd::cargo().args(generate).arg(&out).limit(900).run();
    generated.context("`svm-samples glsl` writes the includes of shared Rust types, and it failed")?;
    if !check {
        return Ok(vec![]);
    }
    let (generated, checked_in) = (files(&out)?, files(&checked_in)?);
    // Files that are only checked in are written by hand.
    let differs = generated.iter().filter(|(name, bytes)| checked_in.get(*name) != Some(bytes));
    Ok(differs.map(|(name, _)| format!("{}/{name}", manifest::INCLUDE_DIR)).collect())
}

fn files(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    let paths = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file());
    paths.map(|path| Ok((path.file_name().unwrap_or_default().to_string_lossy().into(), fs::read(&path)?))).collect()
}

#[cfg(not(feature = "glsl"))]
fn compile_all(_: &Path, _: bool) -> Result<Vec<String>> {
    bail!("xtask was built without the feature glsl")
}

/// Compiles every source and returns the names of the SPIR-V files that `check` found to differ.
#[cfg(feature = "glsl")]
fn compile_all(root: &Path, check: bool) -> Result<Vec<String>> {
    let (mut stale, mut wrong) = (vec![], vec![]);
    let sources = manifest::sources(root)?;
    for source in &sources {
        let spirv = manifest::spirv_of(source);
        let target = crate::target();
        let compiled = match source.extension() {
            Some(end) if end == "spvasm" => assemble::spirv(root, source, &target),
            _ => compile::spirv(root, source),
        };
        let valid = |bytes: Vec<u8>| validate::validate(root, source, &bytes, &target).map(|()| bytes);
        let compiled = match compiled.and_then(valid) {
            Ok(compiled) => compiled,
            Err(error) => {
                wrong.push(format!("{}: {error:#}", source.display()));
                continue;
            }
        };
        if fs::read(root.join(&spirv)).is_ok_and(|current| current == compiled) {
            continue;
        }
        if check {
            stale.push(spirv.display().to_string());
        } else {
            // Only what changed is written: programs that include it need no new build otherwise.
            fs::write(root.join(&spirv), compiled).with_context(|| format!("cannot write {}", spirv.display()))?;
            println!("wrote {}", spirv.display());
        }
    }
    if !wrong.is_empty() {
        bail!("{} of {} shaders do not compile:\n{}", wrong.len(), sources.len(), wrong.join("\n"));
    }
    println!("{} shaders compiled", sources.len());
    Ok(stale)
}
