//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use vksvm::{Svm, SvmBuilder};
use vksvm_samples::workloads::{Advice, Size};

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
    /// Replays page traces: what would other policies have made of these runs?
    Lab(LabOptions),
    /// Writes the GLSL of the structs that the samples share with their shaders
    #[command(hide = true)]
    Glsl {
        /// The directory to write to
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// How the heap is opened.
#[derive(Args)]
pub struct OpenOptions {
    /// How the device sees the heap
    #[arg(long, value_enum, default_value_t)]
    pub placement: Placement,
    /// How shaders get from unified to device addresses
    #[arg(long, value_enum, default_value_t)]
    pub translation: Translation,
    /// How CPU touches of pages that are with the device are served
    #[arg(long, value_enum, default_value_t)]
    pub faults: Faults,
    /// Device memory that pages may take, in bytes or with KiB, MiB, GiB
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub device_budget: Option<u64>,
    /// Whether launches may use pages that stay with the host
    #[arg(long, value_enum, default_value_t)]
    pub in_place: Switch,
    /// What moving pages and using them in place is taken to cost
    #[arg(long, value_enum, default_value_t)]
    pub device_model: DeviceModel,
}

impl OpenOptions {
    /// Opens it, with the policy that the environment says.
    pub fn open(&self) -> vksvm::Result<Svm> {
        self.builder(None).open()
    }

    /// What is to be opened, with a policy where one is given.
    pub fn builder(&self, policy: Option<vksvm::Policy>) -> SvmBuilder {
        let mut builder = Svm::builder();
        if let Some(policy) = policy {
            builder = builder.policy(policy);
        }
        // Left out, an option leaves it to the environment.
        if !matches!(self.placement, Placement::Auto) {
            builder = builder.placement(self.placement.into());
        }
        if !matches!(self.translation, Translation::Auto) {
            builder = builder.translation(self.translation.into());
        }
        if !matches!(self.faults, Faults::Auto) {
            builder = builder.faults(self.faults.into());
        }
        if let Some(bytes) = self.device_budget {
            builder = builder.device_budget(bytes);
        }
        if matches!(self.in_place, Switch::Off) {
            builder = builder.in_place(false);
        }
        if !matches!(self.device_model, DeviceModel::Auto) {
            builder = builder.device_model(self.device_model.into());
        }
        builder
    }
}

/// Reads `4096`, `16MiB`, `2GiB`.
fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim() {
        "" | "B" => 0,
        "KiB" | "K" => 10,
        "MiB" | "M" => 20,
        "GiB" | "G" => 30,
        _ => return Err(format!("'{text}' is no size: a number, or one with KiB, MiB or GiB")),
    };
    let number: u64 = number.parse().map_err(|_| format!("'{text}' is no size: it does not begin with a number"))?;
    number.checked_mul(1 << shift).ok_or_else(|| format!("'{text}' is more than an address space holds"))
}

#[derive(Args)]
pub struct InfoOptions {
    #[command(flatten)]
    pub open: OpenOptions,
    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct RunOptions {
    /// Workloads by name, as `svm-samples list` shows them, or `all`
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    #[command(flatten)]
    pub open: OpenOptions,
    /// small, medium, large, or a number in the workload's own unit [default: medium]
    #[arg(long)]
    pub size: Option<Size>,
    /// The file for workloads that take one; `svm-samples list` says which and what they take
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// What the heap goes by when it decides which page is where
    #[arg(long, value_enum, default_value_t)]
    pub advice: Advice,
    /// What random data starts from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Prints one JSON object a line instead of the table
    #[arg(long)]
    pub json: bool,
    /// Writes what happened as a trace for Perfetto (ui.perfetto.dev) or chrome://tracing
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Writes a page that shows where memory was, what was moved why, and what that means
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Writes what the program asked of its pages, for `svm-samples lab`
    #[arg(long, value_name = "FILE")]
    pub accesses: Option<PathBuf>,
    /// Where pictures go
    #[arg(long, value_name = "DIR", default_value = "target/svm-samples")]
    pub out: PathBuf,
}

#[derive(Args)]
pub struct LabOptions {
    /// Page traces, as the runtime records them
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Device memory that pages may take, in bytes or with KiB, MiB, GiB [default: as recorded]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub budget: Option<u64>,
    /// Whether launches may use pages that stay with the host [default: as recorded]
    #[arg(long, value_enum)]
    pub in_place: Option<Switch>,
    /// Prints one JSON object a line instead of the tables
    #[arg(long)]
    pub json: bool,
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

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Faults {
    /// The first of the others that works here
    #[default]
    Auto,
    /// By a service thread; system calls that touch such pages work
    Userfaultfd,
    /// By the touching thread, in a SIGBUS handler
    Sigbus,
    /// By the touching thread, in a SIGSEGV handler; needs no userfaultfd
    Signal,
}

impl From<Faults> for vksvm::Faults {
    fn from(faults: Faults) -> Self {
        match faults {
            Faults::Auto => vksvm::Faults::Auto,
            Faults::Userfaultfd => vksvm::Faults::Userfaultfd,
            Faults::Sigbus => vksvm::Faults::Sigbus,
            Faults::Signal => vksvm::Faults::Signal,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum DeviceModel {
    /// Measured on a device with memory of its own, else as for PCI Express 4
    #[default]
    Auto,
    /// Measured when the heap is opened
    Measured,
    /// A card behind 16 lanes of PCI Express 3
    Pcie3,
    /// A card behind 16 lanes of PCI Express 4
    Pcie4,
}

impl From<DeviceModel> for vksvm::DeviceModel {
    fn from(model: DeviceModel) -> Self {
        match model {
            DeviceModel::Auto => vksvm::DeviceModel::Auto,
            DeviceModel::Measured => vksvm::DeviceModel::Measured,
            DeviceModel::Pcie3 => vksvm::DeviceModel::Pcie3,
            DeviceModel::Pcie4 => vksvm::DeviceModel::Pcie4,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Switch {
    #[default]
    On,
    Off,
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
        assert!(matches!((run.open.placement, run.open.translation), (Placement::Unified, Translation::Table)));
        let line = "svm-samples run all --placement discrete --faults sigbus --device-budget 16MiB --in-place off --trace t.json --report r.html";
        let Command::Run(run) = Cli::parse_from(line.split(' ')).command else { panic!("not a run") };
        assert!(matches!((run.open.faults, run.open.in_place), (Faults::Sigbus, Switch::Off)));
        assert_eq!(run.open.device_budget, Some(16 << 20));
        assert_eq!([run.trace, run.report], [Some("t.json".into()), Some("r.html".into())]);
        assert_eq!((run.advice, run.advice.policy()), (Advice::Auto, None));
        let line = "svm-samples run all --advice none --device-model pcie3";
        let Command::Run(run) = Cli::parse_from(line.split(' ')).command else { panic!("not a run") };
        assert!(matches!(run.open.device_model, DeviceModel::Pcie3));
        assert_eq!(run.advice.policy(), Some(vksvm::Policy::Lru));
        let line = "svm-samples lab a.trace b.trace --budget 8MiB --in-place off";
        let Command::Lab(lab) = Cli::parse_from(line.split(' ')).command else { panic!("not the lab") };
        assert_eq!((lab.files.len(), lab.budget), (2, Some(8 << 20)));
        assert!(matches!(lab.in_place, Some(Switch::Off)));
        for wrong in [
            "run",
            "lab",
            "lab a.trace --in-place maybe",
            "run saxpy --size 0",
            "run saxpy --placement sideways",
            "run saxpy --translation none",
            "run saxpy --device-budget lots",
            "run saxpy --device-budget 16PiB",
            "run saxpy --device-budget 99999999999GiB",
            "run saxpy --faults none",
            "run saxpy --advice good",
            "run saxpy --device-model pcie5",
        ] {
            let line = ["svm-samples"].into_iter().chain(wrong.split(' '));
            assert!(Cli::try_parse_from(line).is_err(), "{wrong}");
        }
    }
}
