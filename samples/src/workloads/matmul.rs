//! Product of two matrices, in tiles that go through shared memory.
//!
//! # Safety
//! Loading a kernel vouches for its shader: in bounds, as declared and free of races for all arguments that the
//! argument struct accepts.

#![allow(unsafe_code)]

use super::{
    Job, Meter, Outcome, Workload,
    check::{self, UNIT},
};
use crate::kernels;
use anyhow::Result;
use std::thread;
use vksvm::{Grid, In, KernelArgs, Out};

pub const WORKLOAD: Workload = Workload {
    name: "matmul",
    about: "product of two square matrices of f32, tiled in shared memory",
    unit: "rows",
    sizes: [Some(96), Some(512), Some(1024)],
    input: None,
    working_set: None,
    run,
};

#[derive(KernelArgs)]
struct Matmul<'a> {
    #[len(rows * depth)]
    a: In<'a, f32>,
    #[len(depth * columns)]
    b: In<'a, f32>,
    #[len(rows * columns)]
    c: Out<'a, f32>,
    rows: u32,
    depth: u32,
    columns: u32,
}

fn run(job: &Job) -> Result<Outcome> {
    let side = job.size_up_to(1 << 16)?;
    job.step("filling the matrices");
    let mut rng = job.rng(0);
    let mut matrix = || job.svm.try_vec(std::iter::repeat_with(|| rng.f32() * 2.0 - 1.0).take(side * side));
    let (a, b) = (matrix()?, matrix()?);
    let mut c = job.svm.try_zeroed::<f32>(side * side)?;
    job.names([((&a).into(), "a"), ((&b).into(), "b"), ((&c).into(), "c")]);
    // SAFETY: matmul.comp reads a and b inside rows x depth and depth x columns; each element of c is written by one
    // invocation, whatever the grid.
    let kernel = unsafe { job.svm.module(kernels::MATMUL).load::<Matmul>()? }.timed();

    job.step("multiplying on the device");
    let tiles = side.div_ceil(64) as u32;
    let mut meter = Meter::start();
    job.svm.scope(|s| {
        let [rows, depth, columns] = [side as u32; 3];
        let args = Matmul { a: s.read(&a), b: s.read(&b), c: s.write(&mut c), rows, depth, columns };
        meter.add(kernel.launch(Grid::groups([tiles, tiles, 1]), args)?);
        Ok(())
    })?;
    let measured = meter.stop()?;

    job.step("checking");
    let check = check_product(&a, &b, &c, side);
    let rate = 2.0 * (side as f64).powi(3) / measured.kernel.as_secs_f64().max(1e-9) / 1e9;
    let summary = format!("{rate:.1} GFlop/s");
    Ok(Outcome { size: side as u64, measured, check, summary, picture: None })
}

/// Rows that a thread of the reference takes at a time.
const BAND: usize = 16;

/// Compares c with the product in double precision, on all processors.
fn check_product(a: &[f32], b: &[f32], c: &[f32], side: usize) -> Result<(), String> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let bands: Vec<usize> = (0..side.div_ceil(BAND)).collect();
    let shares: Vec<_> = bands.chunks(bands.len().div_ceil(threads)).collect();
    thread::scope(|t| {
        let check = |share: &[usize]| share.iter().try_for_each(|&band| check_band(a, b, c, side, band));
        let running: Vec<_> = shares.into_iter().map(|share| t.spawn(move || check(share))).collect();
        running.into_iter().try_for_each(|r| r.join().unwrap_or_else(|_| Err("the reference panicked".into())))
    })
}

fn check_band(a: &[f32], b: &[f32], c: &[f32], side: usize, band: usize) -> Result<(), String> {
    for row in band * BAND..side.min((band + 1) * BAND) {
        let (sums, weights) = reference_row(&a[row * side..][..side], b, side);
        let got = &c[row * side..][..side];
        // Each product and each addition rounds once at most: `depth` roundings for what an addend goes through.
        let bound = |weight: f64| (side as f64 + 1.0) * UNIT * weight;
        let values = got.iter().zip(sums.iter().zip(&weights)).map(|(&got, (&sum, &weight))| (got, sum, bound(weight)));
        check::close("c", values).map_err(|text| format!("row {row}: {text}"))?;
    }
    Ok(())
}

/// A row of the product, and the same of absolute values. Row of a times all of b, one row of b after the other.
fn reference_row(a: &[f32], b: &[f32], columns: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut sums, mut weights) = (vec![0.0; columns], vec![0.0; columns]);
    for (&left, row) in a.iter().zip(b.chunks_exact(columns)) {
        let left = f64::from(left);
        for ((sum, weight), &right) in sums.iter_mut().zip(&mut weights).zip(row) {
            let product = left * f64::from(right);
            *sum += product;
            *weight += product.abs();
        }
    }
    (sums, weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_right_by_hand() {
        let b = [1.0, 2.0, 3.0, -4.0, 5.0, 6.0];
        let (sums, weights) = reference_row(&[10.0, -1.0], &b, 3);
        assert_eq!(sums, [14.0, 15.0, 24.0]);
        assert_eq!(weights, [14.0, 25.0, 36.0]);
    }

    #[test]
    fn a_wrong_element_is_found() {
        let side = 40;
        let a: Vec<f32> = (0..side * side).map(|i| (i % 7) as f32 - 3.0).collect();
        let b: Vec<f32> = (0..side * side).map(|i| (i % 5) as f32 - 2.0).collect();
        // Small whole numbers: the product is exact.
        let mut c = vec![0.0; side * side];
        for (i, c) in c.iter_mut().enumerate() {
            *c = (0..side).map(|k| a[i / side * side + k] * b[k * side + i % side]).sum();
        }
        assert_eq!(check_product(&a, &b, &c, side), Ok(()));
        c[37 * side + 2] += 0.01;
        assert!(check_product(&a, &b, &c, side).unwrap_err().starts_with("row 37: c[2] is"));
    }
}
