//! Sum, minimum and maximum in two launches: partial results for each workgroup, then one.
//!
//! # Safety
//! Loading a kernel vouches for its shader: in bounds, as declared and free of races for all arguments that the
//! argument struct accepts.

#![allow(unsafe_code)]

use super::{Job, Meter, Outcome, Workload, check};
use crate::{kernels, types::Extent};
use anyhow::Result;
use vksvm::{Grid, In, KernelArgs, Out};

pub const WORKLOAD: Workload = Workload {
    name: "reduce",
    about: "sum, minimum and maximum of a vector of f32",
    unit: "elements",
    sizes: [Some(1 << 16), Some(8 << 20), Some(64 << 20)],
    input: None,
    working_set: None,
    run,
};

#[derive(KernelArgs)]
struct Reduce<'a> {
    #[len(n)]
    x: In<'a, f32>,
    #[len(groups)]
    partial: Out<'a, Extent>,
    n: u32,
    groups: u32,
}

#[derive(KernelArgs)]
struct Join<'a> {
    #[len(n)]
    partial: In<'a, Extent>,
    #[len(1)]
    total: Out<'a, Extent>,
    n: u32,
}

/// Workgroups of the first launch: enough to fill a large device, few enough for one workgroup to join.
const GROUPS: usize = 1024;

fn run(job: &Job) -> Result<Outcome> {
    let n = job.size_up_to(u32::MAX.into())?;
    job.step("filling x");
    let mut rng = job.rng(0);
    // Small whole numbers around zero: their sums stay far below 2^24, up to which f32 holds every whole number, so
    // that the device's sum is exact in whatever order it adds. One number stands out at each end.
    let mut x = job.svm.try_vec(std::iter::repeat_with(|| rng.i32(-8..=8) as f32).take(n))?;
    x[rng.usize(..n)] = rng.i32(100..1000) as f32;
    x[rng.usize(..n)] = rng.i32(-1000..-100) as f32;
    let groups = n.div_ceil(1024).min(GROUPS);
    let mut partial = job.svm.try_zeroed::<Extent>(groups)?;
    let mut total = job.svm.try_zeroed::<Extent>(1)?;
    job.names([((&x).into(), "x"), ((&partial).into(), "partial results")]);
    // SAFETY: reduce.comp reads x[i] for i < n; workgroup g of a row writes partial[g] if g < groups.
    let reduce = unsafe { job.svm.module(kernels::REDUCE).load::<Reduce>()? }.timed();
    // SAFETY: reduce_partials.comp reads partial[i] for i < n; one invocation of one workgroup writes total[0].
    let join = unsafe { job.svm.module(kernels::REDUCE_PARTIALS).load::<Join>()? }.timed();

    job.step("reducing on the device");
    let grid = Grid::groups([groups as u32, 1, 1]);
    let mut meter = Meter::start();
    job.svm.scope(|s| {
        let x = s.read(&x);
        let mut partial = s.lend(&mut partial);
        let args = Reduce { x, partial: partial.write(), n: n as u32, groups: groups as u32 };
        meter.add(reduce.launch(grid, args)?);
        let args = Join { partial: partial.read(), total: s.write(&mut total), n: groups as u32 };
        meter.add(join.launch(Grid::groups([1, 1, 1]), args)?);
        Ok(())
    })?;
    let measured = meter.stop()?;

    job.step("checking");
    let Extent { sum, min, max } = total[0];
    let check = reference(&x).and_then(|want| check::equal("result", [(total[0], want)]));
    let summary = format!("sum {sum}, min {min}, max {max}");
    Ok(Outcome { size: n as u64, measured, check, summary, picture: None })
}

/// The sum in whole numbers, the extremes by sorting.
fn reference(x: &[f32]) -> Result<Extent, String> {
    let mut sorted: Vec<i32> = x.iter().map(|&v| v as i32).collect();
    sorted.sort_unstable();
    let sum: i64 = sorted.iter().map(|&v| i64::from(v)).sum();
    match (sorted.first(), sorted.last()) {
        (Some(&min), Some(&max)) if sum.abs() < 1 << 24 => {
            Ok(Extent { sum: sum as f32, min: min as f32, max: max as f32 })
        }
        _ => Err(format!("the data is no test: {} numbers whose sum is {sum}", x.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_right_by_hand() {
        assert_eq!(reference(&[3.0, -1.0, 0.0, 8.0, -4.0]), Ok(Extent { sum: 6.0, min: -4.0, max: 8.0 }));
        assert_eq!(reference(&[5.0]), Ok(Extent { sum: 5.0, min: 5.0, max: 5.0 }));
    }

    #[test]
    fn what_f32_cannot_add_up_exactly_is_no_test() {
        assert!(reference(&[1e7, 1e7]).is_err());
        assert!(reference(&[]).is_err());
    }
}
