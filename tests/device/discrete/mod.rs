//! Discrete placement, in every mode that it has: what would convince somebody who does not believe it.
//!
//! Each test has two entries, `NAME_unified` and `NAME_discrete`: the program that it runs must be right in both, so the first shows that the test
//! itself is, and the second runs all of [`MODES`] that are discrete. One that does not work here is reported as ignored, with the reason.

mod failing;
mod hints;
mod hmm_parity;
mod input;
mod kernels;
mod lab;
pub mod laws;
mod mutants;
mod recorded;
mod rig;
mod seeing;
pub mod stress;

use crate::harness::{Ignored, has_share};
use libtest_mimic::Trial;
use vksvm::{
    Error, Faults, Placement, Svm, SvmBuilder,
    seam::{AccessFlags, Command, PipelineStageFlags},
};

pub fn tests() -> Vec<Trial> {
    let mut all = vec![hints::tests(), lab::tests(), hmm_parity::tests(), input::tests(), seeing::tests()];
    if has_share("first") {
        all.extend([laws::tests(), failing::tests()]);
    }
    if has_share("second") {
        all.extend([recorded::tests(), stress::tests(), mutants::tests()]);
    }
    all.into_iter().flatten().collect()
}

/// The parts that processes of their own play.
pub const PARTS: &[(&str, fn())] = &[
    (laws::fork::PART, laws::fork::run),
    (laws::quiet::PART, laws::quiet::run),
    (input::astray::PART, input::astray::run),
    (input::forbidden::PART, input::forbidden::run),
    (mutants::PART, stress::run),
    (failing::life::PART, failing::life::run),
    (recorded::PART, recorded::run),
];

/// A way to open a heap.
#[derive(Debug)]
pub struct Mode {
    pub name: &'static str,
    pub placement: Placement,
    pub faults: Faults,
    pub in_place: bool,
}

const fn discrete(name: &'static str, faults: Faults, in_place: bool) -> Mode {
    Mode { name, placement: Placement::Discrete, faults, in_place }
}

/// Unified placement has no faults, and everything is in place: one mode.
pub const MODES: [Mode; 7] = [
    Mode { name: "unified", placement: Placement::Unified, faults: Faults::Auto, in_place: true },
    discrete("userfaultfd", Faults::Userfaultfd, true),
    discrete("userfaultfd-moved", Faults::Userfaultfd, false),
    discrete("sigbus", Faults::Sigbus, true),
    discrete("sigbus-moved", Faults::Sigbus, false),
    discrete("signal", Faults::Signal, true),
    discrete("signal-moved", Faults::Signal, false),
];

impl Mode {
    /// The mode of that name.
    pub fn named(name: &str) -> &'static Mode {
        MODES.iter().find(|mode| mode.name == name).unwrap_or_else(|| panic!("no mode '{name}'"))
    }

    pub fn is_discrete(&self) -> bool {
        self.placement == Placement::Discrete
    }

    /// Whether system calls on memory that is with the device may fail with EFAULT.
    pub fn may_efault(&self) -> bool {
        self.is_discrete() && self.faults != Faults::Userfaultfd
    }

    /// Options for a heap of `heap` bytes with so much device memory.
    pub fn builder(&self, heap: u64, budget: u64) -> SvmBuilder {
        let builder = Svm::builder().placement(self.placement).faults(self.faults).in_place(self.in_place);
        builder.heap_size(heap).device_budget(budget).detect_untranslated(self.is_discrete())
    }

    /// Opens a heap, if this mode works here.
    pub fn open(&self, heap: u64, budget: u64) -> Result<Svm, Ignored> {
        opened(self, self.builder(heap, budget))
    }
}

/// Opens what `builder` describes. Why the mode cannot be had here is a reason to ignore the test; other errors fail it.
pub fn opened(mode: &Mode, builder: SvmBuilder) -> Result<Svm, Ignored> {
    let svm = match builder.open() {
        Ok(svm) => svm,
        Err(error @ (Error::PlacementUnavailable { .. } | Error::FaultsUnavailable { .. })) if mode.is_discrete() => {
            return Err(Ignored(error.to_string()));
        }
        Err(error) => panic!("{}: {error}", mode.name),
    };
    let found = svm.capabilities();
    assert_eq!(found.placement, mode.placement, "{}", mode.name);
    if mode.is_discrete() {
        assert_eq!(found.faults, mode.faults.name(), "{}", mode.name);
    }
    Ok(svm)
}

/// On lavapipe no byte would tell, so what was recorded must: each command buffer that does work ends with the barrier to the host. Where the
/// device copies, too, several threads record at once, and nothing tells which command is in which buffer.
pub fn ends_with_host_barriers(commands: &[Command]) {
    let access = AccessFlags::HOST_READ | AccessFlags::HOST_WRITE;
    if commands.iter().any(|command| matches!(command, Command::CopyBuffer { .. })) {
        return;
    }
    let mut buffers = 0;
    for (at, _) in commands.iter().enumerate().filter(|(_, command)| **command == Command::End) {
        let Some(last) = at.checked_sub(1).map(|before| commands[before]) else { continue };
        buffers += 1;
        let to_host = matches!(last, Command::Barrier { to, target, .. }
            if to.contains(PipelineStageFlags::HOST) && target.contains(access));
        assert!(
            to_host || last == Command::Begin,
            "a command buffer ends with {last:?}, not with a barrier to the host"
        );
    }
    assert!(buffers > 0, "nothing was recorded");
}
