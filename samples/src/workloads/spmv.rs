//! Power iteration with a sparse matrix: a product with the matrix, which is read once a step, from a vector that every
//! launch needs.
//!
//! # Safety
//! Loading a kernel vouches for its shader: in bounds, as declared and free of races for all arguments that the
//! argument struct accepts.

#![allow(unsafe_code)]

use super::{
    Job, Meter, Outcome, Workload,
    advice::keep_first,
    check::{UNIT, close},
    grouped,
    parts::{Blocks, part_of},
    row_of_groups,
};
use crate::kernels;
use anyhow::Result;
use fastrand::Rng;
use vksvm::{In, Kernel, KernelArgs, Out, Svm, SvmVec, hints::AccessHint};

pub const WORKLOAD: Workload = Workload {
    name: "spmv",
    about: "power iteration: a sparse matrix, in parts, times a vector, again and again",
    unit: "rows",
    sizes: [Some(1 << 15), Some(1 << 18), Some(1 << 21)],
    input: None,
    // Values and columns, where rows start, and the vector twice.
    working_set: Some(|rows| rows.saturating_mul(8 * MEAN as u64 + 4 + 8)),
    run,
};

#[derive(KernelArgs)]
struct Rows<'a> {
    #[len(rows + 1)]
    row: In<'a, u32>,
    #[len(entries)]
    col: In<'a, u32>,
    #[len(entries)]
    val: In<'a, f32>,
    #[len(n)]
    x: In<'a, f32>,
    #[len(rows)]
    y: Out<'a, f32>,
    #[len(groups)]
    partial: Out<'a, f32>,
    rows: u32,
    entries: u32,
    n: u32,
    groups: u32,
    scale: f32,
}

/// Entries of a row, on average and at most.
const MEAN: usize = 16;
const MOST: usize = 23;

/// How far from the diagonal the entries of the matrix's band may lie.
const BAND: usize = 512;

const STEPS: usize = 12;

/// Invocations of a workgroup, and workgroups of a launch, at most.
const LOCAL: usize = 128;
const GROUPS: usize = 64;

/// Some consecutive rows of the matrix, in compressed form.
struct Part {
    row: SvmVec<u32>,
    col: Blocks<u32>,
    val: Blocks<f32>,
}

fn run(job: &Job) -> Result<Outcome> {
    let n = job.size_up_to(1 << 25)?;
    job.step("filling the matrix");
    let matrix = Diagonals::random(n, &mut job.rng(0));
    let parts = matrix.in_heap(job.svm)?;
    // SAFETY: spmv_rows.comp reads row up to rows, col and val below entries and x below n, whatever these hold; each
    // element of y and partial is written by one invocation.
    let kernel = unsafe { job.svm.module(kernels::SPMV_ROWS).load::<Rows>()? }.timed();

    job.step("multiplying on the device");
    let mut meter = Meter::start();
    let (x, growth) = iterate(job, &kernel, &parts, n, &mut meter)?;
    let measured = meter.stop()?;

    job.step("checking");
    let (want, want_growth) = matrix.iterate();
    let accepted = accepted(n);
    let values = x.iter().zip(want).map(|(&got, want)| (got, want, want * accepted));
    let growths = [(growth as f32, want_growth, want_growth * (accepted + UNIT))];
    let check = close("x", values).and_then(|()| close("eigenvalue", growths));
    let summary = format!("{} entries, eigenvalue {growth:.4} after {STEPS} steps", grouped(matrix.entries() as u64));
    Ok(Outcome { size: n as u64, measured, check, summary, picture: None })
}

/// How many entries row i has: 16 over every eight rows.
fn length(row: usize) -> usize {
    MEAN - 7 + 2 * (row % 8)
}

/// A square matrix of positive numbers as lists: number k has the kth entry of each row that has so many.
struct Diagonals {
    n: usize,
    lists: Vec<Vec<(u32, f32)>>,
}

impl Diagonals {
    /// Every other entry lies in a band around the diagonal, the others anywhere. A column may come twice in a row; such
    /// entries count together.
    fn random(n: usize, rng: &mut Rng) -> Self {
        let lists = (0..MOST).map(|k| {
            let rows = (0..n).filter(|&row| k < length(row));
            let entry = |row: usize| {
                let column = match k % 2 {
                    0 => rng.usize(row.saturating_sub(BAND)..(row + BAND).min(n)),
                    _ => rng.usize(..n),
                };
                (column as u32, 0.5 + rng.f32())
            };
            rows.map(entry).collect()
        });
        Diagonals { n, lists: lists.collect() }
    }

    fn entries(&self) -> usize {
        self.lists.iter().map(Vec::len).sum()
    }

    fn in_heap(&self, svm: &Svm) -> Result<Vec<Part>> {
        let each = part_of(self.n, MEAN * size_of::<f32>());
        // How many entries of each list were used.
        let mut used = vec![0; self.lists.len()];
        (0..self.n)
            .step_by(each)
            .map(|start| {
                let rows = start..(start + each).min(self.n);
                let entries = rows.clone().map(length).sum();
                let mut row = svm.try_with_capacity::<u32>(rows.len() + 1)?;
                let (mut col, mut val) = (Blocks::<u32>::zeroed(svm, entries)?, Blocks::<f32>::zeroed(svm, entries)?);
                svm.name(&col[..], "columns");
                svm.name(&val[..], "values");
                let (cols, vals) = (&mut col[..], &mut val[..]);
                let mut at = 0;
                for i in rows {
                    row.push(at as u32);
                    for (list, used) in self.lists.iter().zip(&mut used).take(length(i)) {
                        (cols[at], vals[at]) = list[*used];
                        *used += 1;
                        at += 1;
                    }
                }
                row.push(at as u32);
                Ok(Part { row, col, val })
            })
            .collect()
    }

    /// The same in double precision, list by list, where the kernel goes row by row.
    fn iterate(&self) -> (Vec<f64>, f64) {
        let (mut x, mut growth) = (vec![1.0; self.n], 1.0);
        for _ in 0..STEPS {
            let mut y = vec![0.0; self.n];
            for (k, list) in self.lists.iter().enumerate() {
                let rows = y.iter_mut().enumerate().filter(|(row, _)| k < length(*row));
                for ((_, y), &(column, value)) in rows.zip(list) {
                    *y += f64::from(value) * x[column as usize];
                }
            }
            y.iter_mut().for_each(|y| *y /= growth);
            growth = y.iter().sum::<f64>() / self.n as f64;
            x = y;
        }
        (x, growth)
    }
}

/// Multiplies [`STEPS`] times, beginning with ones, each time with a vector that is scaled to a mean of 1. Returns the last
/// product and its mean, which is how much the last step made the vector grow: in the end the largest eigenvalue.
fn iterate(
    job: &Job,
    kernel: &Kernel<Rows<'static>>,
    parts: &[Part],
    n: usize,
    meter: &mut Meter,
) -> Result<(Blocks<f32>, f64)> {
    let svm = job.svm;
    let (mut x, mut y) = (Blocks::<f32>::zeroed(svm, n)?, Blocks::<f32>::zeroed(svm, n)?);
    [(&x, "x"), (&y, "y")].into_iter().for_each(|(vector, name)| svm.name(&vector[..], name));
    x.fill(1.0);
    let mut partial = svm.try_zeroed::<f32>(parts.len() * GROUPS)?;
    let mut growth = 1.0;
    job.names([((&x).into(), "x"), ((&y).into(), "y")]);
    for part in parts {
        job.names([((&part.row).into(), "rows"), ((&part.col).into(), "columns"), ((&part.val).into(), "values")]);
    }
    if let Some(svm) = job.hints() {
        let pieces = |part: &Part| [part.row[..].into(), part.col[..].into(), part.val[..].into()];
        keep_first(svm, parts.iter().map(pieces), size_of_val(&x[..]) * 2)?;
        svm.access_hint(&x, AccessHint::hot())?;
        svm.access_hint(&y, AccessHint::hot())?;
    }
    for _ in 0..STEPS {
        if let Some(svm) = job.hints() {
            // The step writes all of it.
            svm.discard(&mut y[..])?;
        }
        svm.scope(|s| {
            let whole = s.read(&x);
            let mut rest = &mut y[..];
            for (part, partial) in parts.iter().zip(partial.chunks_mut(GROUPS)) {
                let rows = part.row.len() - 1;
                let (mine, others) = std::mem::take(&mut rest).split_at_mut(rows);
                rest = others;
                let groups = rows.div_ceil(LOCAL).min(GROUPS);
                let args = Rows {
                    row: s.read(&part.row),
                    col: s.read(&part.col),
                    val: s.read(&part.val),
                    x: whole,
                    y: s.write(mine),
                    partial: s.write(partial),
                    rows: rows as u32,
                    entries: part.col.len() as u32,
                    n: n as u32,
                    groups: groups as u32,
                    scale: (1.0 / growth) as f32,
                };
                meter.add_and_wait(kernel.launch(row_of_groups(groups, 1), args)?)?;
            }
            Ok(())
        })?;
        growth = partial.iter().map(|&sum| f64::from(sum)).sum::<f64>() / n as f64;
        std::mem::swap(&mut x, &mut y);
    }
    Ok((x, growth))
}

/// The largest relative error of an element. All numbers are positive, so relative errors grow by one unit with each
/// rounded operation on the longest way through the arithmetic, and by nothing else. The way through a step: a product and
/// the sum of a row; the mean, which is an invocation's rows and the sum over the workgroup; not more than 8 for others.
fn accepted(n: usize) -> f64 {
    let sums = MOST + n.div_ceil(LOCAL * GROUPS) + 2 * LOCAL + 8;
    (1.0 + UNIT).powi((sums * STEPS) as i32) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_sixteen_entries_on_average() {
        assert_eq!((0..8).map(length).sum::<usize>(), 8 * MEAN);
        assert_eq!((0..8).map(length).max(), Some(MOST));
        let matrix = Diagonals::random(64, &mut Rng::with_seed(1));
        assert_eq!(matrix.entries(), 64 * MEAN);
        assert!(matrix.lists.iter().flatten().all(|&(column, value)| column < 64 && (0.5..1.5).contains(&value)));
    }

    #[test]
    fn the_reference_is_right_by_hand() {
        // Every entry of row i is 0.5 and in column 0: y[i] = length(i) / 2 * x[0].
        let lists = (0..MOST).map(|k| (0..8).filter(|&row| k < length(row)).map(|_| (0, 0.5)).collect());
        let matrix = Diagonals { n: 8, lists: lists.collect() };
        let (x, growth) = matrix.iterate();
        // After the first step x is in proportion to the lengths; row 0 has 9 entries, the eigenvalue is 4.5.
        assert!((growth - 4.5).abs() < 1e-12, "{growth}");
        for (i, value) in x.iter().enumerate() {
            assert!((value / x[0] - length(i) as f64 / 9.0).abs() < 1e-12, "{x:?}");
        }
    }
}
