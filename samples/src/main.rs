//! `svm-samples`: runs the workloads on memory that CPU and device share, and says whether their results are right.

mod cli;
mod display;
mod info;
mod lab;
mod record;
mod run;
mod seen;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let result = match cli::Cli::parse().command {
        cli::Command::List => {
            info::list();
            Ok(true)
        }
        cli::Command::Info(options) => info::info(&options).map(|()| true),
        cli::Command::Run(options) => run::run(&options),
        cli::Command::Lab(options) => lab::lab(&options).map(|()| true),
        cli::Command::Glsl { out } => info::glsl(&out).map(|()| true),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
