//! y += a x: the smallest workload, bound by memory.
//!
//! # Safety
//! Loading a kernel vouches for its shader: in bounds, as declared and free of races for all arguments that the
//! argument struct accepts.

#![allow(unsafe_code)]

use super::{
    Job, Meter, Outcome, Workload,
    check::{self, UNIT},
    row_of_groups,
};
use crate::kernels;
use anyhow::Result;
use vksvm::{In, InOut, KernelArgs};

pub const WORKLOAD: Workload = Workload {
    name: "saxpy",
    about: "y = a x + y on vectors of f32",
    unit: "elements",
    sizes: [Some(1 << 16), Some(4 << 20), Some(32 << 20)],
    input: None,
    working_set: None,
    run,
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

const A: f32 = 1.7;

fn run(job: &Job) -> Result<Outcome> {
    let n = job.size_up_to(u32::MAX.into())?;
    job.step("filling x and y");
    let mut rng = job.rng(0);
    let (xs, ys) = (vector(rng.fork()), vector(rng.fork()));
    let x = job.svm.try_vec(xs.clone().take(n))?;
    let mut y = job.svm.try_vec(ys.clone().take(n))?;
    job.names([((&x).into(), "x"), ((&y).into(), "y")]);
    // SAFETY: saxpy.comp reads x[i] and updates y[i] for i < n, each by one invocation, whatever the grid.
    let kernel = unsafe { job.svm.module(kernels::SAXPY).load::<Saxpy>()? }.timed();

    job.step("adding on the device");
    let mut meter = Meter::start();
    job.svm.scope(|s| {
        let args = Saxpy { x: s.read(&x), y: s.update(&mut y), n: n as u32, a: A };
        meter.add(kernel.launch(row_of_groups(n, 1024), args)?);
        Ok(())
    })?;
    let measured = meter.stop()?;

    job.step("checking");
    let check = check::close("y", y.iter().zip(xs.zip(ys)).map(|(&got, (x, y))| reference(got, x, y)));
    Ok(Outcome { size: n as u64, measured, check, summary: format!("a = {A}"), picture: None })
}

/// Numbers between -1 and 1; the same again from a clone.
fn vector(mut rng: fastrand::Rng) -> impl Iterator<Item = f32> + Clone {
    std::iter::repeat_with(move || rng.f32() * 2.0 - 1.0)
}

/// In double precision, where the product is exact and the sum nearly so. The device rounds the product and the sum, or
/// the sum alone.
fn reference(got: f32, x: f32, y: f32) -> (f32, f64, f64) {
    let product = f64::from(A) * f64::from(x);
    let sum = product + f64::from(y);
    (got, sum, UNIT * (product.abs() * (1.0 + UNIT) + sum.abs()) + f64::EPSILON)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_takes_either_rounding_and_nothing_else() {
        for (x, y) in vector(fastrand::Rng::with_seed(1)).zip(vector(fastrand::Rng::with_seed(2))).take(1000) {
            for got in [A * x + y, A.mul_add(x, y)] {
                assert!(check::close("y", [reference(got, x, y)]).is_ok(), "{x} {y}");
            }
            assert!(check::close("y", [reference(A * x + y + 1e-5, x, y)]).is_err(), "{x} {y}");
        }
    }
}
