//! `floors`: what work costs with vksvm, over what the same work costs on bare Vulkan or on the bare operating system.
//!
//! Both sides run in this process, on the same device, interleaved; a figure is the median of its rounds, and every benchmark
//! checks what it computed. `cargo xtask bench` runs this program.

mod allocations;
mod bare;
mod launches;
mod measure;
mod report;
mod roundtrip;
mod saxpy;

use anyhow::{Result, bail, ensure};
use clap::Parser;
use measure::Effort;
use report::Row;
use std::{env, path::PathBuf, time::Duration};

/// Measures vksvm against bare-Vulkan and bare-OS floors.
#[derive(Parser)]
struct Options {
    /// Write the results to this file as JSON. A relative path is taken from the directory that cargo runs the benchmark in.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Run only the benchmarks whose name contains this.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Stop early: shows that the benchmarks work, gives no figures to quote.
    #[arg(long)]
    quick: bool,
    /// Passed by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What a benchmark runs on.
struct Bench {
    svm: vksvm::Svm,
    device: bare::Device,
    quick: bool,
}

impl Bench {
    /// At most `seconds` of measuring, looking at the medians every `batch` rounds.
    fn effort(&self, batch: usize, seconds: u64) -> Effort {
        let limit = Duration::from_secs(if self.quick { 1 } else { seconds });
        Effort { batch, limit }
    }
}

type Benchmark = fn(&Bench) -> Result<Vec<Row>>;

/// Each benchmark with the names of its rows.
const BENCHMARKS: &[(&[&str], Benchmark)] = &[
    (&["launch_latency"], launches::latency),
    (&["launch_throughput"], launches::throughput),
    (&["alloc_small"], allocations::small),
    (&["alloc_large", "alloc_large_touched"], allocations::large),
    (&["unified_roundtrip", "unified_roundtrip_built_in_staging"], roundtrip::roundtrip),
    (&["saxpy_over_bare"], saxpy::saxpy),
];

fn main() -> Result<()> {
    let options = Options::parse();
    refuse_layers()?;
    let wanted = |names: &&(&[&str], Benchmark)| {
        options.only.as_ref().is_none_or(|only| names.0.iter().any(|name| name.contains(only.as_str())))
    };
    let chosen: Vec<_> = BENCHMARKS.iter().filter(wanted).collect();
    if chosen.is_empty() {
        let names: Vec<_> = BENCHMARKS.iter().flat_map(|b| b.0).copied().collect();
        bail!("no benchmark is named like '{}'; there are {}", options.only.unwrap_or_default(), names.join(", "));
    }

    let bench = Bench { svm: vksvm::Svm::open()?, device: bare::Device::open()?, quick: options.quick };
    print_machine(&bench)?;
    Row::print_head();
    let mut rows = Vec::new();
    for (_, run) in chosen {
        for row in run(&bench)? {
            row.print();
            rows.push(row);
        }
    }
    if let Some(path) = &options.json {
        report::write_json(&rows, path)?;
    }
    Ok(())
}

/// Layers would be measured instead of the library, so none may be asked for.
fn refuse_layers() -> Result<()> {
    for name in ["VKSVM_VALIDATION", "VK_INSTANCE_LAYERS", "VK_LOADER_LAYERS_ENABLE"] {
        let value = env::var(name).unwrap_or_default();
        ensure!(value.is_empty() || value == "0", "{name}={value} would put a layer into what is timed; unset it");
    }
    Ok(())
}

/// Says what the figures were measured on, and that both sides use the same device.
fn print_machine(bench: &Bench) -> Result<()> {
    let (name, driver) = bench.device.names();
    let ours = bench.svm.capabilities().device.clone();
    ensure!(ours == name, "vksvm runs on '{ours}', the floor on '{name}': select one with VKSVM_DEVICE");
    let cpus = std::thread::available_parallelism()?;
    println!(
        "device {name}, driver {driver}, {cpus} CPUs{}",
        if bench.quick { ", QUICK: not for quoting" } else { "" }
    );
    Ok(())
}
