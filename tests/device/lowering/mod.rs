//! Lowered modules do what they did before: every case runs unlowered on unified addresses, and lowered in each form on memory
//! that lies elsewhere, and leaves the same bytes.
//!
//! A [`case`] is a module and its memory. The [`runner`] runs it in one of the [`ways`], a [`worker`] process judges it
//! ([`differential`], [`validity`]). The tests are at the [`corpus`], the [`mutants`] of the lowering, which must come out as wrong, and
//! the harness itself ([`notices`]).

mod case;
mod corpus;
mod differential;
mod dump;
mod generated;
mod image;
mod job;
mod laws;
mod mutants;
mod notices;
mod outside;
mod probes;
mod range;
mod runner;
mod tables;
mod validity;
mod ways;
mod words;
pub mod worker;

use crate::harness::{Ignored, device};
use libtest_mimic::Trial;

/// Why nothing of this module can run here, if it cannot.
fn needs() -> Result<(), Ignored> {
    if let Ok(c) = device()
        && !c.is_cpu
    {
        // The plain way needs device addresses that are the host's.
        return Err(Ignored(format!("'{}' need not see imported memory at the host's addresses", c.device)));
    }
    if !validity::is_installed() {
        return Err(Ignored("there is no spirv-val (cargo xtask setup installs it)".into()));
    }
    Ok(())
}

pub fn tests() -> Vec<Trial> {
    [notices::tests(), outside::tests(), corpus::tests(), generated::tests(), mutants::tests()]
        .into_iter()
        .flatten()
        .collect()
}
