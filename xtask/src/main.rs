//! vksvm's project commands, as `cargo xtask COMMAND`: setup, demo, test, shaders, bench.

mod apt;
mod apt_sources;
mod mesa;
mod os_release;
mod package;
mod probe;
mod process;
mod programs;
mod setup;
mod shaders;
mod tally;
mod test;
mod tracked_files;
mod verified;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};

/// vksvm's project commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make this machine ready: Vulkan device, validation layer, spirv-val, and on Debian 12 a newer Mesa under target/
    Setup {
        /// Also what building shaderc needs: cmake, make, python3, a C++ compiler
        #[arg(long)]
        full: bool,
    },
    /// Set up, then run every workload in unified placement and show the results
    Demo,
    /// Set up, then run every check and test, on each Mesa; stops at the first failure
    Test {
        /// Also the tests of the feature `glsl`, and compile the shaders to compare them (builds shaderc: minutes)
        #[arg(long)]
        full: bool,
        /// Run this step alone
        #[arg(long, value_name = "STEP")]
        only: Option<String>,
    },
    /// Compile every compute shader to the SPIR-V beside it (builds shaderc: minutes the first time)
    Shaders {
        /// Write nothing; fail if a checked-in file differs from what would be written
        #[arg(long)]
        check: bool,
        /// Leave the includes that Rust types generate as they are, for when svm-samples does not build for want of a
        /// new kernel's SPIR-V
        #[arg(long)]
        keep_includes: bool,
    },
    /// Set up, then run the release build of the benchmarks
    Bench {
        /// Write the results to this file as JSON
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Run this benchmark alone
        #[arg(long, value_name = "NAME")]
        only: Option<String>,
        /// The drivers to run on; by default the newer ones where there are such
        #[arg(long, value_parser = ["system", "newer"])]
        mesa: Option<String>,
    },
    #[command(name = probe::SUBCOMMAND, hide = true)]
    ProbeVulkan,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Carries the command out; false if it failed and has said so.
fn run(command: Command) -> Result<bool> {
    if let Command::ProbeVulkan = command {
        return probe::answer().map(|()| true);
    }
    process::end_groups_on_signal()?;
    match command {
        Command::Setup { full } => setup::setup(full).map(drop)?,
        Command::Demo => programs::demo()?,
        Command::Test { full, only } => return test::test(full, only.as_deref()),
        Command::Shaders { check, keep_includes } => shaders::shaders(check, keep_includes)?,
        Command::Bench { json, only, mesa } => programs::bench(json, only, mesa.as_deref())?,
        Command::ProbeVulkan => unreachable!("answered above"),
    }
    Ok(true)
}

/// The checkout. cargo names our package's directory; a binary that is run by hand is run in the checkout.
fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let root = package.and_then(|package| package.parent().map(PathBuf::from));
    root.or_else(|| std::env::current_dir().ok()).unwrap_or_else(|| ".".into())
}

/// Where builds go, and what setup unpacks.
fn target() -> PathBuf {
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}
