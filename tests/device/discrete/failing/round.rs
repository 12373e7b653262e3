//! A round of a program's life on one heap: memory is written by both sides, moves, is evicted, freed and had again. Each launch may fail, and then it
//! has done all or nothing; nothing else may change.

use crate::discrete::{
    kernels::{Fold, Kernels, Put, mixed, mixed_often},
    rig::{WORDS, pattern, same},
};
use vksvm::{BLOCK, Error, Result, Svm, SvmVec};

/// Bytes of address space, and of device memory: half of what a round uses.
pub const HEAP: u64 = 16 << 20;
pub const BUDGET: u64 = BLOCK as u64;

/// Pages in each of the vectors, not a multiple of a block's.
const PAGES: usize = 23;

/// Every so many words a launch writes one, so that it changes pages in part.
const STEP: u32 = 61;

/// Lists that are made of what is read.
const LISTS: usize = 16;

/// What a round meets.
pub struct Round<'r> {
    svm: &'r Svm,
    kernels: &'r Kernels,
    /// In the order in which they came.
    pub errors: Vec<Error>,
}

impl<'r> Round<'r> {
    pub fn new(svm: &'r Svm, kernels: &'r Kernels) -> Self {
        Round { svm, kernels, errors: vec![] }
    }

    /// Everything once. Wrong memory panics.
    pub fn run(&mut self, seed: u32) {
        let mut a_model = pattern(seed, PAGES * WORDS);
        let mut a: SvmVec<u32> = self.svm.vec(a_model.iter().copied());
        let mut b_model = vec![0; PAGES * WORDS];
        let mut b = self.svm.zeroed::<u32>(PAGES * WORDS);
        self.put(&mut a, &mut a_model, seed, "what the CPU has written");
        // The device is the first to touch it, and it does not fit beside the other.
        self.put(&mut b, &mut b_model, seed + 1, "fresh memory");
        self.sum(&a, &a_model);
        same(&a, &a_model, "read by both");
        a[7 * WORDS + 3] = 5;
        a_model[7 * WORDS + 3] = 5;
        self.put(&mut a, &mut a_model, seed + 2, "what both have");
        // A part of it, while the rest stays where it is.
        same(&b[3 * WORDS..9 * WORDS], &b_model[3 * WORDS..9 * WORDS], "a part");
        self.put(&mut b, &mut b_model, seed + 3, "what is on both sides");
        drop(a);
        let mut c_model = vec![0; PAGES * WORDS];
        let mut c = self.svm.zeroed::<u32>(PAGES * WORDS);
        same(&c[..2 * WORDS], &c_model[..2 * WORDS], "freed memory, had again");
        self.put(&mut c, &mut c_model, seed + 4, "freed memory, had again");
        let evicted = self.svm.evict_idle();
        self.note(evicted);
        same(&c, &c_model, "evicted");
        same(&b, &b_model, "to the end");
    }

    fn note<T>(&mut self, result: Result<T>) -> bool {
        result.map_err(|error| self.errors.push(error)).is_ok()
    }

    /// The device changes some words, or nothing.
    fn put(&mut self, to: &mut [u32], model: &mut [u32], seed: u32, when: &str) {
        let n = (to.len() as u32).div_ceil(STEP);
        let done = self.svm.scope(|s| {
            let args = Put { to: s.write(to), n, first: 0, step: STEP, seed, rounds: 1 };
            self.kernels.put.launch(n, args).map(drop)
        });
        let before = model.to_vec();
        for i in 0..n {
            model[(i * STEP) as usize] = mixed_often(seed, i, i * STEP, 1);
        }
        // Of a launch that was submitted and could not be waited for nobody knows; but it ran in whole or not at all.
        if !self.note(done) && to[0] == before[0] {
            model.copy_from_slice(&before);
        }
        same(&to[WORDS - 100..WORDS + 100], &model[WORDS - 100..WORDS + 100], when);
    }

    /// The device reads all of it.
    fn sum(&mut self, words: &[u32], model: &[u32]) {
        let mut lists = self.svm.zeroed::<u32>(LISTS);
        let done = self.svm.scope(|s| {
            let (n, of) = (LISTS as u32, words.len() as u32);
            self.kernels.fold.launch(n, Fold { from: s.read(words), to: s.write(&mut lists), n, of, seed: 1 }).map(drop)
        });
        let ran = self.note(done) || lists[0] != 0;
        for (i, list) in lists.iter().enumerate() {
            let all = (i..model.len()).step_by(LISTS).fold(1, |x, at| mixed(x, model[at], at as u32));
            assert_eq!(*list, if ran { all } else { 0 }, "list {i} of what the device read; it ran: {ran}");
        }
    }
}
