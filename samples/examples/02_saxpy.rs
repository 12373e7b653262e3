//! 02: y = a x + y, with the CPU at work meanwhile. What the device only reads, the CPU may read at the same time; what
//! the device writes is out of reach until the scope ends, and the compiler sees to it.
//!
//! # Safety
//! Loading a kernel vouches for its shader.

#![allow(unsafe_code)]

use anyhow::Result;
use vksvm::{Error, In, InOut, KernelArgs, Svm};

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

    let n = 100_000;
    let x = svm.vec((0..n).map(|i| i as f32));
    let mut y = svm.vec(std::iter::repeat_n(1.0f32, n as usize));

    let total = svm.scope(|s| {
        let args = Saxpy { x: s.read(&x), y: s.update(&mut y), n, a: 2.0 };
        let launch = saxpy.launch(n, args)?;
        // The kernel may be running now. Adding x up meanwhile is fine; `y[0]` here would not compile.
        let total: f64 = x.iter().map(|&v| f64::from(v)).sum();
        println!("added x up on the CPU; the launch has {}", if launch.is_done() { "ended" } else { "not ended yet" });
        Ok(total)
    })?;

    assert!(y.iter().zip(&x).all(|(&y, &x)| y == 2.0 * x + 1.0));
    assert_eq!(total, 4_999_950_000.0);

    // Slices that are too short are refused, since n is checked against their lengths.
    let refused = svm.scope(|s| saxpy.launch(2 * n, Saxpy { x: s.read(&x), y: s.update(&mut y), n: 2 * n, a: 2.0 }));
    let error = refused.err();
    assert!(matches!(error, Some(Error::ShortSlice { .. })), "{error:?}");
    println!("y[10] = {}; twice the length: {}", y[10], error.map_or(String::new(), |e| e.to_string()));
    Ok(())
}
