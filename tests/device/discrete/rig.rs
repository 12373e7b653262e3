//! A heap in a mode, with kernels, and what they must do to memory: for tests that do one thing at a time.

use super::{
    Mode,
    kernels::{Fold, Kernels, Put, mixed, mixed_often},
    opened,
};
use crate::{harness::Ignored, kernels, launch::gate};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use vksvm::{Kernel, Stats, Svm, SvmBuilder};

/// Bytes of address space, and of device memory: less than the tests use together.
pub const HEAP: u64 = 64 << 20;
pub const BUDGET: u64 = 4 << 20;

/// Words in a page.
pub const WORDS: usize = vksvm::PAGE / 4;

/// Lists that [`Rig::device_sees`] makes of what it reads.
const LISTS: usize = 64;

pub struct Rig {
    pub mode: &'static Mode,
    pub svm: Svm,
    pub kernels: Kernels,
    pub gate: Kernel<kernels::Gate<'static>>,
}

impl Rig {
    pub fn open(mode: &'static Mode) -> Result<Self, Ignored> {
        Self::of(mode, mode.builder(HEAP, BUDGET))
    }

    pub fn of(mode: &'static Mode, builder: SvmBuilder) -> Result<Self, Ignored> {
        let svm = opened(mode, builder)?;
        let (kernels, gate) = (Kernels::load(&svm), kernels::gate(&svm));
        Ok(Rig { mode, svm, kernels, gate })
    }

    /// A gate whose word no launch has in one of its pages, so that the program can write it at any time. In discrete placement a kernel need not
    /// see what was not declared: it ends by itself, whether the gate is opened or not.
    pub fn gate(&self) -> gate::Gate {
        if self.mode.is_discrete() { gate::Gate::unseen(&self.svm) } else { gate::Gate::new(&self.svm) }
    }

    /// The device writes every `step`th word from `first` on, and the model follows.
    pub fn put(&self, to: &mut [u32], model: &mut [u32], [first, step]: [u32; 2], seed: u32) {
        let n = (to.len() as u32 - first).div_ceil(step);
        self.svm
            .scope(|s| {
                let args = Put { to: s.write(to), n, first, step, seed, rounds: 1 };
                self.kernels.put.launch(n, args).map(drop)
            })
            .unwrap_or_else(|error| panic!("{}: {error}", self.mode.name));
        for i in 0..n {
            let at = first + step * i;
            model[at as usize] = mixed_often(seed, i, at, 1);
        }
    }

    /// The device reads all of `words` and finds what the model has.
    pub fn device_sees(&self, words: &[u32], model: &[u32], when: &str) {
        let mut lists = self.svm.zeroed::<u32>(LISTS);
        self.svm
            .scope(|s| {
                let (n, of) = (LISTS as u32, words.len() as u32);
                let args = Fold { from: s.read(words), to: s.write(&mut lists), n, of, seed: 1 };
                self.kernels.fold.launch(n, args).map(drop)
            })
            .unwrap_or_else(|error| panic!("{}: {error}", self.mode.name));
        for (i, list) in lists.iter().enumerate() {
            let all = (i..model.len()).step_by(LISTS);
            let expected = all.fold(1, |x, at| mixed(x, model[at], at as u32));
            assert_eq!(*list, expected, "{}, {when}: the device read something else, list {i}", self.mode.name);
        }
    }

    /// The program reads all of `words` and finds what the model has.
    pub fn program_sees(&self, words: &[u32], model: &[u32], when: &str) {
        same(words, model, &format!("{}, {when}", self.mode.name));
    }

    pub fn stats(&self) -> Stats {
        self.svm.stats()
    }

    /// In discrete placement, a counter of this name went up; in unified placement it did not.
    pub fn went_up(&self, name: &str, before: u64, after: u64) {
        let up = after > before;
        assert_eq!(up, self.mode.is_discrete(), "{}: {name} was {before} and is {after}", self.mode.name);
    }
}

/// Tells threads to stop when it is dropped, on a panic too.
pub struct Stop<'l>(pub &'l AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// The first difference, if there is one.
#[track_caller]
pub fn same(words: &[u32], model: &[u32], when: &str) {
    assert_eq!(words.len(), model.len());
    if let Some(at) = (0..words.len()).find(|at| words[*at] != model[*at]) {
        panic!("{when}: word {at} of {} is {:#x}, not {:#x}", words.len(), words[at], model[at]);
    }
}

/// Words that no page of zeros and no other page has.
pub fn pattern(seed: u32, len: usize) -> Vec<u32> {
    (0..len as u32).map(|i| mixed(seed, i, 77)).collect()
}

/// `NAME_unified` and `NAME_discrete` for tests that take a mode.
macro_rules! in_modes {
    ($($name:ident),* $(,)?) => {
        [$(
            $crate::harness::trial(module_path!(), concat!(stringify!($name), "_unified"), || $name(&$crate::discrete::MODES[0])),
            $crate::harness::trial(module_path!(), concat!(stringify!($name), "_discrete"), || $crate::discrete::rig::in_each($name)),
        )*]
    };
}
/// `NAME_discrete` alone, for what unified placement does not have.
macro_rules! in_discrete_modes {
    ($($name:ident),* $(,)?) => {
        [$(
            $crate::harness::trial(module_path!(), concat!(stringify!($name), "_discrete"), || $crate::discrete::rig::in_each($name)),
        )*]
    };
}
pub(super) use {in_discrete_modes, in_modes};

/// Runs the test in every discrete mode; where some do not work here, the others have run.
pub fn in_each(body: fn(&'static Mode) -> Result<(), Ignored>) -> Result<(), Ignored> {
    let mut missing: Vec<String> = vec![];
    for mode in super::MODES.iter().filter(|mode| mode.is_discrete()) {
        if let Err(Ignored(why)) = body(mode)
            && !missing.contains(&why)
        {
            missing.push(why);
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(Ignored(missing.join("; "))) }
}
