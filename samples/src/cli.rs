//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use vksvm_samples::workloads::Size;

/// Real workloads on memory that CPU and GPU share, each checked against a reference on the CPU.
#[derive(Parser)]
#[command(name = "svm-samples", version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Lists the workloads
    List,
    /// Shows the device, the placement in force and the reasons
    Info(InfoOptions),
    /// Runs workloads and checks their results
    Run(RunOptions),
    /// Writes the GLSL of the structs that the samples share with their shaders
    #[command(hide = true)]
    Glsl {
        /// The directory to write to
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

#[derive(Args)]
pub struct InfoOptions {
    /// How the device sees the heap
    #[arg(long, value_enum, default_value_t)]
    pub placement: Placement,
    /// How shaders get from unified to device addresses
    #[arg(long, value_enum, default_value_t)]
    pub translation: Translation,
    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct RunOptions {
    /// Workloads by name, as `svm-samples list` shows them, or `all`
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// How the device sees the heap
    #[arg(long, value_enum, default_value_t)]
    pub placement: Placement,
    /// How shaders get from unified to device addresses
    #[arg(long, value_enum, default_value_t)]
    pub translation: Translation,
    /// small, medium, large, or a number in the workload's own unit [default: medium]
    #[arg(long)]
    pub size: Option<Size>,
    /// The file for workloads that take one: a picture for filter, any file for wordcount
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// What random data starts from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Prints one JSON object a line instead of the table
    #[arg(long)]
    pub json: bool,
    /// Where pictures go
    #[arg(long, value_name = "DIR", default_value = "target/svm-samples")]
    pub out: PathBuf,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Placement {
    /// What the device does best
    #[default]
    Auto,
    /// The device works on the heap's own memory
    Unified,
    /// Pages move between host and device memory
    Discrete,
}

impl From<Placement> for vksvm::Placement {
    fn from(placement: Placement) -> Self {
        match placement {
            Placement::Auto => vksvm::Placement::Auto,
            Placement::Unified => vksvm::Placement::Unified,
            Placement::Discrete => vksvm::Placement::Discrete,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Translation {
    /// What the device needs
    #[default]
    Auto,
    /// Not at all: device addresses must equal the host's
    Identity,
    /// By adding one number
    Offset,
    /// By looking each page up in a table
    Table,
}

impl From<Translation> for vksvm::Translation {
    fn from(translation: Translation) -> Self {
        match translation {
            Translation::Auto => vksvm::Translation::Auto,
            Translation::Identity => vksvm::Translation::Identity,
            Translation::Offset => vksvm::Translation::Offset,
            Translation::Table => vksvm::Translation::Table,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_are_read() {
        let line = "svm-samples run saxpy bfs --size 1000 --seed 7 --placement unified --translation table --json";
        let Command::Run(run) = Cli::parse_from(line.split(' ')).command else { panic!("not a run") };
        assert_eq!(run.names, ["saxpy", "bfs"]);
        assert_eq!((run.size, run.seed, run.json), (Some(Size::Exactly(1000)), 7, true));
        assert!(matches!((run.placement, run.translation), (Placement::Unified, Translation::Table)));
        for wrong in [
            "run",
            "run saxpy --size 0",
            "run saxpy --placement sideways",
            "run saxpy --translation none",
            "run saxpy --device-budget 1",
        ] {
            let line = ["svm-samples"].into_iter().chain(wrong.split(' '));
            assert!(Cli::try_parse_from(line).is_err(), "{wrong}");
        }
    }
}
