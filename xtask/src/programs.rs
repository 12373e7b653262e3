//! The project's own programs as the commands run them: the workloads and the benchmarks.

use std::path::{PathBuf, absolute};

use anyhow::{Context, Result};

use crate::{mesa::Mesa, process::Cmd, setup};

/// The arguments of svm-samples that run every workload.
pub const WORKLOADS: [&str; 2] = ["run", "all"];

/// svm-samples on these drivers, built with the profile of the tests, so that nothing is built twice.
pub fn samples(mesa: &Mesa) -> Cmd {
    let run = ["run", "--package", "vksvm-samples", "--bin", "svm-samples", "--"];
    Cmd::cargo().args(run).envs(&mesa.env)
}

/// `cargo xtask demo`: all workloads, on the newer Mesa where there is one.
pub fn demo() -> Result<()> {
    let mesas = setup::setup(false)?;
    let mesa = mesas.last().context("setup found no drivers")?;
    println!("\nrunning every workload on {mesa} (the first run builds them: a minute or two)");
    samples(mesa).args(WORKLOADS).args(["--placement", "unified"]).limit(1800).run()
}

/// `cargo xtask bench`: the release build of the benchmarks.
pub fn bench(json: Option<PathBuf>, only: Option<String>, mesa: Option<&str>) -> Result<()> {
    let mesas = setup::setup(false)?;
    let chosen = match mesa {
        Some(name) => mesas.iter().find(|mesa| mesa.name == name),
        None => mesas.last(),
    };
    let chosen = chosen.with_context(|| format!("no {} Mesa here", mesa.unwrap_or("usable")))?;
    println!("\nbenchmarks on {chosen}");
    let mut bench = Cmd::cargo().args(["bench", "--package", "vksvm-tests", "--bench", "floors", "--"]);
    if let Some(file) = json {
        // cargo runs a benchmark in its package's directory.
        let file = absolute(&file).with_context(|| format!("no such place: {}", file.display()))?;
        bench = bench.arg("--json").arg(file);
    }
    if let Some(only) = only {
        bench = bench.arg("--only").arg(only);
    }
    bench.envs(&chosen.env).limit(3600).run()
}
