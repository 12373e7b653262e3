//! 08: a launch that outlives the function that made it. It owns its buffers while it runs and hands them back at the
//! end; it can be waited for, polled, awaited, or dropped without waiting.
//!
//! # Safety
//! Loading a kernel vouches for its shader.

#![allow(unsafe_code)]

use anyhow::Result;
use vksvm::{InOut, Kernel, KernelArgs, Running, Svm, SvmVec};

#[derive(KernelArgs)]
struct Square<'a> {
    #[len(n)]
    x: InOut<'a, u32>,
    n: u32,
}

/// Starts squaring and returns; the vector goes along.
fn start(square: &Kernel<Square<'static>>, x: SvmVec<u32>) -> vksvm::Result<Running<SvmVec<u32>>> {
    let n = x.len() as u32;
    square.launch_owned(n, x, |s, x| Square { x: s.update(x), n })
}

fn main() -> Result<()> {
    let svm = Svm::open()?;
    // SAFETY: square.comp touches x[i] only for i < n, each by one invocation.
    let square = unsafe { svm.module(include_bytes!("../../shaders/kernels/square.spv")).load::<Square>()? };

    let running: Vec<_> =
        (1..=3).map(|k| start(&square, svm.vec((0..1000).map(|i| i * k)))).collect::<Result<_, _>>()?;
    // The kernel and the Svm could go now: what runs keeps what it needs.
    drop((square, svm));

    for (k, running) in (1..=3).zip(running) {
        let x = running.wait()?;
        assert!(x.iter().zip(0u32..).all(|(&squared, i)| squared == (i * k).pow(2)));
        println!("(7 * {k}) squared is {}", x[7]);
    }
    Ok(())
}
