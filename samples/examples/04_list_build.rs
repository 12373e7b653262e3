//! 04: the other way round: the device links lists, the CPU walks them. Items are pushed by many invocations at once;
//! the CPU then follows the pointers that the device wrote, without `unsafe`: `Ptr::get` checks each against its owner.
//!
//! # Safety
//! Loading a kernel vouches for its shader. This one writes pointers but follows none, so its launch is safe.

#![allow(unsafe_code)]

use anyhow::Result;
use vksvm::{InOut, KernelArgs, Ptr, Svm};
use vksvm_samples::types::Item;

#[derive(KernelArgs)]
struct ListBuild<'a> {
    #[len(n)]
    items: InOut<'a, Item>,
    // Index + 1 of each bucket's first item, 0 while it is empty.
    #[len(buckets)]
    heads: InOut<'a, u32>,
    n: u32,
    buckets: u32,
}

fn main() -> Result<()> {
    let svm = Svm::open()?;
    // SAFETY: list_build.comp updates items[i] for i < n, each by one invocation, and heads[b] for b < buckets by atomics.
    let build = unsafe { svm.module(include_bytes!("../../shaders/kernels/list_build.spv")).load::<ListBuild>()? };

    let (n, buckets) = (5000u32, 7u32);
    let mut items = svm.vec((0..n).map(|i| Item { next: Ptr::NULL, value: i * i }));
    let mut heads = svm.zeroed::<u32>(buckets as usize);
    svm.scope(|s| {
        build.launch(n, ListBuild { items: s.update(&mut items), heads: s.update(&mut heads), n, buckets })?;
        Ok(())
    })?;

    // Every item is in the list of its bucket, and in no other.
    let mut lengths = vec![0; buckets as usize];
    for (bucket, &head) in heads.iter().enumerate() {
        let mut at = head.checked_sub(1).map(|first| &items[first as usize]);
        while let Some(item) = at {
            assert_eq!(item.value % buckets, bucket as u32);
            lengths[bucket] += 1;
            assert!(lengths[bucket] <= n, "a list that has more items than there are runs in a circle");
            at = item.next.get(&items); // None at the end, where the pointer is null
        }
    }
    assert_eq!(lengths.iter().sum::<u32>(), n);
    println!("squares by remainder modulo {buckets}: {lengths:?}");
    Ok(())
}
