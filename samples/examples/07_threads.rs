//! 07: several threads, one shared input. An `In` is copied freely, kernels and scopes are shared by reference, and
//! each thread writes its own result.
//!
//! # Safety
//! Loading a kernel vouches for its shader.

#![allow(unsafe_code)]

use anyhow::Result;
use std::thread;
use vksvm::{In, KernelArgs, Out, Svm};

#[derive(KernelArgs)]
struct Dot<'a> {
    #[len(n)]
    a: In<'a, f32>,
    #[len(n)]
    b: In<'a, f32>,
    #[len(1)]
    result: Out<'a, f32>,
    n: u32,
}

fn main() -> Result<()> {
    let svm = Svm::open()?;
    let dot = svm.module(include_bytes!("../../shaders/kernels/dot.spv")).constant(0, 128u32);
    // SAFETY: dot.comp reads below n; one invocation of one workgroup writes result[0].
    let dot = unsafe { dot.load::<Dot>()? };

    let n = 10_000u32;
    let input = svm.vec((0..n).map(|i| (i % 4) as f32));
    let weights: Vec<_> = (0..4).map(|t| svm.vec((0..n).map(|i| if i % 4 == t { 1.0f32 } else { 0.0 }))).collect();
    let mut results = svm.zeroed::<f32>(4);

    svm.try_scope(|s| {
        let input = s.read(&input); // one lending for all threads
        thread::scope(|t| {
            // Each thread gets an element of its own to write: chunks_mut proves that they are apart.
            let launches: Vec<_> = results
                .chunks_mut(1)
                .zip(&weights)
                .map(|(result, weights)| {
                    let (dot, b, result) = (&dot, s.read(weights), s.write(result));
                    t.spawn(move || dot.launch(128u32, Dot { a: input, b, result, n }))
                })
                .collect();
            for launch in launches {
                launch.join().expect("a thread panicked")?;
            }
            anyhow::Ok(())
        })
    })?;

    // Thread t added up the elements t, t + 4, …, each of which is t.
    assert_eq!(results[..], [0.0, 2500.0, 5000.0, 7500.0]);
    println!("{:?}", &results[..]);
    Ok(())
}
