//! The trace and the report of a run.

use crate::cli::RunOptions;
use anyhow::{Result, bail};
use vksvm::{Output, Svm, SvmBuilder};

/// Where they go, if they are wanted.
pub struct Seen {
    trace: Option<Output>,
    report: Option<Output>,
    accesses: Option<Output>,
}

impl Seen {
    /// Opens the files: before the run, since one that cannot be written is better found then.
    pub fn create(options: &RunOptions) -> Result<Self> {
        let open = |path: &Option<std::path::PathBuf>| path.as_ref().map(Output::create).transpose();
        Ok(Seen { trace: open(&options.trace)?, report: open(&options.report)?, accesses: open(&options.accesses)? })
    }

    /// Has what happens logged if anybody wants to see it. Else that is left to the environment.
    pub fn trace(&self, builder: SvmBuilder) -> SvmBuilder {
        if self.is_wanted() { builder.trace(true) } else { builder }
    }

    fn is_wanted(&self) -> bool {
        self.trace.is_some() || self.report.is_some() || self.accesses.is_some()
    }

    /// Writes them.
    pub fn write(self, svm: &Svm, title: String) -> Result<()> {
        if !self.is_wanted() {
            return Ok(());
        }
        let Some(recording) = svm.recording() else { return Ok(()) };
        let recording = recording.titled(title);
        if recording.lost() > 0 {
            eprintln!("the log was full: {} events are missing", recording.lost());
        }
        if let Some(trace) = self.trace {
            trace.chrome(&recording)?;
        }
        if let Some(report) = self.report {
            report.report(&recording)?;
        }
        if let Some(accesses) = self.accesses
            && !accesses.accesses(&recording)?
        {
            bail!("--accesses is of no use in unified placement, where no page moves; run with --placement discrete");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn seen(line: &str) -> Result<Seen> {
        let Command::Run(options) = Cli::parse_from(line.split(' ')).command else { panic!("not a run") };
        Seen::create(&options)
    }

    #[test]
    fn files_that_cannot_be_written_are_named_before_anything_runs() {
        for option in ["--trace", "--report", "--accesses"] {
            let error =
                seen(&format!("svm-samples run saxpy {option} /nowhere/at/all")).err().map(|error| error.to_string());
            assert!(error.as_ref().is_some_and(|error| error.contains("/nowhere/at/all: No such file")), "{error:?}");
        }
        assert!(seen("svm-samples run saxpy").is_ok());
    }
}
