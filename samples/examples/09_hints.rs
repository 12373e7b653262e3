//! 09: what a program can say of its memory, and ask about it. Hints say where memory should be and how it will be used; they
//! never change a result. `VKSVM_PLACEMENT=discrete` shows pages that really move.
//!
//! # Safety
//! Loading a kernel vouches for its shader.

#![allow(unsafe_code)]

use anyhow::Result;
use vksvm::{
    In, InOut, KernelArgs, Svm,
    hints::{AccessHint, Location},
};

#[derive(KernelArgs)]
struct Saxpy<'a> {
    #[len(n)]
    x: In<'a, f32>,
    #[len(n)]
    y: InOut<'a, f32>,
    n: u32,
    a: f32,
}

fn main() -> Result<()> {
    let svm = Svm::open()?;
    // SAFETY: saxpy.comp reads x[i] and updates y[i] only for i < n, each by one invocation.
    let saxpy = unsafe { svm.module(include_bytes!("../../shaders/kernels/saxpy.spv")).load::<Saxpy>()? };

    let n = 1_000_000;
    let x = svm.vec((0..n).map(|i| i as f32));
    let mut y = svm.zeroed::<f32>(n as usize);
    // Both sides read x, and nobody writes it: each keeps a copy. y is what launches work on.
    svm.advise_read_mostly(&x)?;
    svm.prefer_location(&y, Location::Device)?;
    svm.access_hint(&y, AccessHint::hot())?;

    // Returns at once; the CPU could do something else meanwhile.
    let prefetch = svm.prefetch(&x, Location::Device)?;
    for _ in 0..10 {
        svm.scope(|s| saxpy.launch(n, Saxpy { x: s.read(&x), y: s.update(&mut y), n, a: 0.5 }))?;
    }
    let moved = prefetch.wait()?;
    println!("prefetched x: {} bytes moved, {} were there", moved.moved, moved.there);
    let there = svm.residency(&y)?;
    println!("y: {} bytes with the device alone, {} with the host alone", there.device, there.host);

    // The CPU will go through all of it: one request instead of many faults.
    svm.prefetch(&y, Location::Host)?.wait()?;
    assert!(y.iter().zip(&x).all(|(&y, &x)| y == 5.0 * x));

    // y's content is of no use any more: nothing of it is copied back for this.
    svm.discard(&mut y)?;
    println!("{:?}", svm.stats());
    Ok(())
}
