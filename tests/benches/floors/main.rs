//! `floors`: what work costs with vksvm, over what the same work costs on bare Vulkan or on the bare operating system.
//!
//! Both sides run in this process, on the same device, interleaved, in several sessions; a figure is the median of its
//! rounds, and every benchmark checks what it computed. `cargo xtask bench` runs this program.

mod allocations;
mod discrete;
mod launches;
mod lower_speed;
mod measure;
mod pages;
mod policy;
mod report;
mod roundtrip;
mod saxpy;
mod translate;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use measure::{Effort, Rounds};
use report::{Bound, Row, Unit};
use std::{env, path::PathBuf, time::Duration};
use vksvm_tests::bare;

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

/// What a session of a benchmark runs on.
struct Bench {
    svm: vksvm::Svm,
    device: bare::Device,
}

/// A benchmark: one row of the report.
struct Benchmark {
    /// Its name on the command line.
    name: &'static str,
    /// The unit of its figures.
    unit: Unit,
    /// Steps in a round; figures are for one.
    steps: usize,
    /// What it must not exceed; without one the row is only reported.
    bound: Option<Bound>,
    /// Rounds in a session.
    batch: usize,
    /// Sessions, at the least.
    sessions: usize,
    /// No new session after so long, even if the medians still move. Figures that are counted instead of timed have no need of any.
    limit: Duration,
    /// Runs one session.
    session: fn(&Bench, &mut Rounds) -> Result<()>,
}

/// How long most benchmarks may go on for medians that hold still.
const LIMIT: Duration = Duration::from_secs(40);

const BENCHMARKS: &[Benchmark] = &[
    launches::LATENCY,
    launches::THROUGHPUT,
    allocations::SMALL,
    allocations::LARGE,
    allocations::LARGE_TOUCHED,
    roundtrip::ROUNDTRIP,
    roundtrip::BUILT_IN_STAGING,
    saxpy::SAXPY_OVER_BARE,
    translate::TABLE,
    translate::OFFSET,
    lower_speed::LOWER_SPEED,
    discrete::DISCRETE,
    discrete::LARGE_HEAP,
    pages::USERFAULTFD,
    pages::SIGBUS,
    pages::SIGNAL,
    pages::SCAN,
    pages::SCAN_SIGBUS,
    pages::SCAN_SIGNAL,
    pages::H2D,
    pages::D2H,
    policy::THRASH_PINGPONG,
    policy::THRASH_PINGPONG_PLAIN,
    policy::PREFETCH_SCAN,
    policy::HINTS_GAIN,
    policy::HINTS_OVER_AUTO,
    policy::OVER_BELADY,
    policy::LRU_OVER_BELADY,
    policy::AUTO_GAIN,
    policy::OVERSUBSCRIBED,
    policy::OVERSUBSCRIBED_LRU,
    policy::OVERSUBSCRIBED_BELADY,
    policy::TRACE_OVERHEAD,
    policy::TRACE_OVERHEAD_LAUNCHES,
    policy::TRACE_OVERHEAD_TIMED,
];

fn main() -> Result<()> {
    let options = Options::parse();
    refuse_layers()?;
    let only = options.only.unwrap_or_default();
    let chosen: Vec<_> = BENCHMARKS.iter().filter(|b| b.name.contains(&only)).collect();
    if chosen.is_empty() {
        let names: Vec<_> = BENCHMARKS.iter().map(|b| b.name).collect();
        bail!("no benchmark is named like '{only}'; there are {}", names.join(", "));
    }

    print_machine(&Bench::open(0)?, options.quick)?;
    Row::print_head();
    let mut rows = Vec::new();
    for benchmark in chosen {
        let (sessions, limit) = if options.quick { (1, Duration::ZERO) } else { (benchmark.sessions, benchmark.limit) };
        let effort = Effort { batch: benchmark.batch, sessions, limit };
        let pair = measure::settle(effort, |rounds| (benchmark.session)(&Bench::open(rounds.session())?, rounds))
            .with_context(|| format!("benchmark {}", benchmark.name))?;
        let row = Row { benchmark, pair };
        row.print();
        rows.push(row);
    }
    if let Some(path) = &options.json {
        report::write_json(&rows, path)?;
    }
    Ok(())
}

impl Bench {
    /// Opens both sides, in turns the one or the other first.
    fn open(session: usize) -> Result<Self> {
        if session.is_multiple_of(2) {
            let svm = vksvm::Svm::open()?;
            Ok(Bench { svm, device: bare::Device::open()? })
        } else {
            let device = bare::Device::open()?;
            Ok(Bench { svm: vksvm::Svm::open()?, device })
        }
    }
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
fn print_machine(bench: &Bench, quick: bool) -> Result<()> {
    let (name, driver) = bench.device.names();
    let ours = bench.svm.capabilities().device.clone();
    ensure!(ours == name, "vksvm runs on '{ours}', the floor on '{name}': select one with VKSVM_DEVICE");
    let cpus = std::thread::available_parallelism()?;
    println!("device {name}, driver {driver}, {cpus} CPUs{}", if quick { ", QUICK: not for quoting" } else { "" });
    Ok(())
}
