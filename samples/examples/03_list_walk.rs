//! 03: the CPU builds linked lists, the device walks them. A pointer is the same number on both sides, so data
//! structures need no translation to indices, and none to "device pointers".
//!
//! # Safety
//! A kernel that follows pointers is launched by `unsafe`: safe code can write any address into a `Ptr`, so whoever
//! launches vouches for those that are there.

#![allow(unsafe_code)]

use anyhow::Result;
use vksvm::{In, KernelArgs, Out, Ptr, Reach, Svm};
use vksvm_samples::types::Item; // { next: Ptr<Item>, value: u32 }, also known to the shaders

#[derive(KernelArgs)]
struct ListSum<'a> {
    #[len(n)]
    heads: In<'a, Ptr<Item>>,
    #[len(n)]
    sums: Out<'a, u32>,
    n: u32,
    // Not a member of the shader's block: it says what the kernel reaches by following pointers.
    reach: Reach<'a>,
}

fn main() -> Result<()> {
    let svm = Svm::open()?;
    // SAFETY: list_sum.comp reads heads[i] and writes sums[i] for i < n; the pointers are the launch's matter.
    let list_sum = unsafe { svm.module(include_bytes!("../../shaders/kernels/list_sum.spv")).load::<ListSum>()? };

    // Numbers 0 to 9999, each linked in front of the list that its last digit chooses.
    let lists = 10;
    let mut items = svm.vec((0..10_000).map(|value| Item { next: Ptr::NULL, value }));
    let mut heads = svm.vec(std::iter::repeat_n(Ptr::NULL, lists));
    for i in 0..items.len() {
        items[i].next = heads[i % lists];
        heads[i % lists] = Ptr::to(&items[i]);
    }

    let mut sums = svm.zeroed::<u32>(lists);
    svm.scope(|s| {
        let reach = Reach::new().read(s.read(&items));
        let args = ListSum { heads: s.read(&heads), sums: s.write(&mut sums), n: lists as u32, reach };
        // SAFETY: every pointer in heads and items points into items or is null, and the lists end.
        unsafe { list_sum.launch_reaching(lists, args)? };
        Ok(())
    })?;

    for (digit, &sum) in sums.iter().enumerate() {
        assert_eq!(sum, (0..10_000).filter(|v| v % 10 == digit as u32).sum::<u32>());
    }
    println!("sums by last digit: {:?}", &sums[..]);
    Ok(())
}
