//! A kernel that runs until the program lets it end: what "meanwhile" means in a test then does not depend on time.
//!
//! # Safety
//! The gate's word is an atomic in the heap. The [`Gate`] that owns it frees it only when no launch runs any more, and
//! the kernel uses nothing else that is not lent to it.
#![allow(unsafe_code)]

use crate::kernels;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use vksvm::{Grid, InOut, Kernel, Launch, Ptr, Reach, Result, Svm, SvmBox};

/// Workgroups, which pass one after the other, and the rounds that each makes at most. A gate that nobody opens holds
/// for some seconds: a test that fails must not leave it running for ever.
const GROUPS: u32 = 400;
const ROUNDS: u32 = 60_000;

pub struct Gate {
    svm: Svm,
    word: SvmBox<AtomicU32>,
    groups: u32,
}

impl Gate {
    /// A closed gate.
    pub fn new(svm: &Svm) -> Self {
        Gate { svm: svm.clone(), word: svm.boxed(AtomicU32::new(0)), groups: GROUPS }
    }

    /// A gate that holds for a moment only: for tests that are right without it, too.
    pub fn brief(svm: &Svm) -> Self {
        let mut gate = Gate::new(svm);
        gate.groups = 8;
        gate
    }

    /// A gate for a kernel that cannot see it: it holds for some tenths of a second on a machine that does nothing else, and does not open before.
    pub fn unseen(svm: &Svm) -> Self {
        let mut gate = Gate::new(svm);
        gate.groups = 30;
        gate
    }

    /// A launch that ends when the gate is open, and then adds one to `count`.
    pub fn launch(&self, kernel: &Kernel<kernels::Gate<'static>>, count: InOut<'_, u32>) -> Result<Launch> {
        let gate = Ptr::from_address((&raw const *self.word).expose_provenance() as u64);
        let args = kernels::Gate { gate, count, rounds: ROUNDS, reach: Reach::new() };
        // SAFETY: the kernel follows `gate` only, to a word that outlives the launch (see the module).
        unsafe { kernel.launch_reaching(Grid::groups([self.groups, 1, 1]), args) }
    }

    /// Opens the gate when it is dropped, on a panic too.
    pub fn opener(&self) -> Opener<'_> {
        Opener(self)
    }

    pub fn open(&self) {
        self.word.store(1, SeqCst);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
        // After a loss or a failed launch nothing runs either.
        let _ = self.svm.wait_idle();
    }
}

pub struct Opener<'g>(&'g Gate);

impl Opener<'_> {
    pub fn open(&self) {
        self.0.open();
    }
}

impl Drop for Opener<'_> {
    fn drop(&mut self) {
        self.open();
    }
}
