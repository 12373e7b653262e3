//! A shard: its table in the heap, the requests that wait for a launch, and the launches.
//!
//! # Safety
//! Loading a kernel vouches for its shader: in bounds, as declared and free of races for all arguments that the
//! argument struct accepts.

#![allow(unsafe_code)]

use super::{Get, Plan, Put};
use crate::{
    kernels,
    types::Pair,
    workloads::{Meter, parts::Blocks, row_of_groups},
};
use anyhow::Result;
use std::collections::HashMap;
use vksvm::{Kernel, Lent, Scope, Svm, SvmVec};

/// The most requests of a batch.
pub const MOST: usize = 4096;

/// Bytes of a shard's desk, a page: gets with room for their answers in its first half, puts in its second.
pub const DESK: usize = 2 * MOST * size_of::<Pair>();

/// What a shard has in the heap.
pub struct Table {
    pub slots: Blocks<Pair>,
    desk: SvmVec<Pair>,
    /// How many pairs found no slot.
    pub refused: SvmVec<u32>,
}

impl Table {
    pub fn new(svm: &Svm, plan: &Plan) -> vksvm::Result<Self> {
        let desk = svm.try_zeroed(DESK / size_of::<Pair>())?;
        let slots = Blocks::zeroed(svm, plan.slots)?;
        svm.name(&desk, "requests");
        svm.name(&slots[..], "table");
        Ok(Table { slots, desk, refused: svm.try_zeroed(1)? })
    }

    /// Tells reports what it is called.
    pub fn name(&self, svm: &Svm, number: usize) {
        svm.name(&self.slots, &format!("shard {number}"));
        svm.name(&self.desk, "requests");
    }

    /// Puts a new key in. There must be a free slot.
    pub fn insert(&mut self, key: u32, value: u32) {
        let slots = &mut self.slots[..];
        let mut slot = hash(key) as usize & (slots.len() - 1);
        while slots[slot].key != 0 {
            slot = (slot + 1) & (slots.len() - 1);
        }
        slots[slot] = Pair { key, value };
    }
}

/// As in `pairs.glsl`.
fn hash(mut key: u32) -> u32 {
    key ^= key >> 16;
    key = key.wrapping_mul(0x85eb_ca6b);
    key ^= key >> 13;
    key = key.wrapping_mul(0xc2b2_ae35);
    key ^ (key >> 16)
}

pub struct Kernels {
    get: Kernel<Get<'static>>,
    put: Kernel<Put<'static>>,
}

impl Kernels {
    pub fn load(svm: &Svm) -> vksvm::Result<Self> {
        // SAFETY: kv_get.comp reads the table below slots and changes wanted[i] for i < n, each by one invocation.
        let get = unsafe { svm.module(kernels::KV_GET).load::<Get>()? }.timed();
        // SAFETY: kv_put.comp reads pair[i] for i < n, and changes the table below slots and refused[0] by atomics only.
        let put = unsafe { svm.module(kernels::KV_PUT).load::<Put>()? }.timed();
        Ok(Kernels { get, put })
    }
}

/// A shard at work. A launch's gets run before its puts, and a get that comes behind a waiting put of its key is answered
/// by that: so every get sees what came before it, and nothing else.
pub struct Shard<'scope> {
    slots: Lent<'scope, Pair>,
    gets: Lent<'scope, Pair>,
    puts: Lent<'scope, Pair>,
    refused: Lent<'scope, u32>,
    /// Which request each waiting get is, and its key.
    waiting_gets: Vec<(usize, u32)>,
    /// Waiting puts, one a key: a later one takes an earlier one's place.
    waiting_puts: HashMap<u32, u32>,
    /// Which request each get of the batch is that was launched last, until its answers are collected.
    launched: Vec<usize>,
    pub batches: u64,
}

impl<'scope> Shard<'scope> {
    pub fn lend(s: &'scope Scope<'scope, '_>, table: &'scope mut Table) -> Self {
        let (gets, puts) = table.desk.split_at_mut(MOST);
        Shard {
            slots: s.lend(&mut table.slots),
            gets: s.lend(gets),
            puts: s.lend(puts),
            refused: s.lend(&mut table.refused),
            waiting_gets: vec![],
            waiting_puts: HashMap::new(),
            launched: vec![],
            batches: 0,
        }
    }

    /// Has a key looked up for request number `request`.
    pub fn get(&mut self, request: usize, key: u32, answers: &mut [u32]) {
        match self.waiting_puts.get(&key) {
            Some(&value) => answers[request] = value,
            None => self.waiting_gets.push((request, key)),
        }
    }

    pub fn put(&mut self, key: u32, value: u32) {
        self.waiting_puts.insert(key, value);
    }

    pub fn waiting(&self) -> usize {
        self.waiting_gets.len() + self.waiting_puts.len()
    }

    /// Launches what waits, at most [`MOST`] requests.
    pub fn launch(&mut self, kernels: &Kernels, answers: &mut [u32], meter: &mut Meter) -> Result<()> {
        if self.waiting() == 0 {
            return Ok(());
        }
        self.collect(answers)?;
        let (slots, gets, puts) = (self.slots.len() as u32, self.waiting_gets.len(), self.waiting_puts.len());
        if gets > 0 {
            for (pair, &(_, key)) in self.gets.host_mut()?.iter_mut().zip(&self.waiting_gets) {
                *pair = Pair { key, value: 0 };
            }
            let (table, wanted) = (self.slots.read(), self.gets.update());
            let args = Get { table, wanted, slots, n: gets as u32 };
            meter.add(kernels.get.launch(row_of_groups(gets, 64), args)?);
            self.launched.extend(self.waiting_gets.drain(..).map(|(request, _)| request));
        }
        if puts > 0 {
            for (pair, (key, value)) in self.puts.host_mut()?.iter_mut().zip(self.waiting_puts.drain()) {
                *pair = Pair { key, value };
            }
            let (table, refused) = (self.slots.update(), self.refused.update());
            let args = Put { table, pair: self.puts.read(), refused, slots, n: puts as u32 };
            meter.add(kernels.put.launch(row_of_groups(puts, 64), args)?);
        }
        self.batches += 1;
        Ok(())
    }

    /// Waits for the gets that were launched last, and takes their answers.
    pub fn collect(&mut self, answers: &mut [u32]) -> Result<()> {
        if !self.launched.is_empty() {
            for (request, pair) in self.launched.drain(..).zip(self.gets.host()?) {
                answers[request] = pair.value;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_murmurs() {
        // Values of the published finalizer.
        assert_eq!([0, 1, 2, 0xffff_ffff].map(hash), [0, 0x514e_28b7, 0x30f4_c306, 0x81f1_6f39]);
    }
}
