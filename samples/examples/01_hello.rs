//! 01: a first kernel. Build a vector, let the device square it, read it in place.
//!
//! Run it with `cargo run -p vksvm-samples --example 01_hello`.
//!
//! # Safety
//! Loading a kernel is the one unsafe step: whoever loads it vouches for the shader.

#![allow(unsafe_code)]

use anyhow::Result;
use vksvm::{InOut, KernelArgs, Svm};

// The kernel's arguments. The shader (shaders/kernels/square.comp) has a push-constant block with the same members in
// the same order; a slice arrives there as a pointer.
#[derive(KernelArgs)]
struct Square<'a> {
    // Read and written by the kernel. It needs n elements: every launch checks that.
    #[len(n)]
    x: InOut<'a, u32>,
    n: u32,
}

fn main() -> Result<()> {
    // A heap that this process and the device share.
    let svm = Svm::open()?;
    println!("running on {}", svm.capabilities().device);

    // An ordinary vector, only that it lives in the heap. No buffer object, no upload.
    let mut x = svm.vec(0..1000u32);

    // SAFETY: square.comp touches x[i] only for i < n, each by one invocation.
    let square = unsafe { svm.module(include_bytes!("../../shaders/kernels/square.spv")).load::<Square>()? };

    // A scope lends memory to the device and ends when the launches inside have ended.
    svm.scope(|s| {
        let args = Square { x: s.update(&mut x), n: 1000 };
        square.launch(1000u32, args)?; // 1000 invocations; returns at once
        Ok(())
    })?;

    // The result is where the data was. No download.
    assert!(x.iter().zip(0u32..).all(|(&squared, i)| squared == i * i));
    println!("999 squared is {}", x[999]);
    Ok(())
}
