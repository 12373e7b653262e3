//! How often each byte value occurs, by atomics in shared memory.
//!
//! # Safety
//! Loading a kernel vouches for its shader: in bounds, as declared and free of races for all arguments that the
//! argument struct accepts.

#![allow(unsafe_code)]

use super::{Job, Meter, Outcome, Workload, check};
use crate::kernels;
use anyhow::Result;
use vksvm::{Grid, In, InOut, KernelArgs};

pub const WORKLOAD: Workload = Workload {
    name: "histogram",
    about: "how often each byte occurs, by atomics in shared memory",
    unit: "bytes",
    sizes: [Some(1 << 18), Some(16 << 20), Some(128 << 20)],
    input: None,
    working_set: None,
    run,
};

#[derive(KernelArgs)]
struct Histogram<'a> {
    #[len(n)]
    x: In<'a, u8>,
    #[len(256)]
    bins: InOut<'a, u32>,
    n: u32,
}

/// Workgroups: each adds its own histogram to the result, so not more than fill a large device.
const GROUPS: usize = 1024;

fn run(job: &Job) -> Result<Outcome> {
    let n = job.size_up_to(u32::MAX.into())?;
    job.step("filling x");
    let mut rng = job.rng(0);
    // The lesser of three: small values are frequent, so that many invocations want the same counter.
    let x = job.svm.try_vec(std::iter::repeat_with(|| rng.u8(..).min(rng.u8(..)).min(rng.u8(..))).take(n))?;
    let mut bins = job.svm.try_zeroed::<u32>(256)?;
    job.names([((&x).into(), "x"), ((&bins).into(), "bins")]);
    // SAFETY: histogram.comp reads x[i] for i < n and adds to the 256 bins by atomics.
    let kernel = unsafe { job.svm.module(kernels::HISTOGRAM).load::<Histogram>()? }.timed();

    job.step("counting on the device");
    let groups = n.div_ceil(256 * 16).min(GROUPS);
    let mut meter = Meter::start();
    job.svm.scope(|s| {
        let args = Histogram { x: s.read(&x), bins: s.update(&mut bins), n: n as u32 };
        meter.add(kernel.launch(Grid::groups([groups as u32, 1, 1]), args)?);
        Ok(())
    })?;
    let measured = meter.stop()?;

    job.step("checking");
    let check = check::equal("bins", bins.iter().copied().zip(reference(&x)));
    let most = (0..256).max_by_key(|&i| bins[i]).unwrap_or(0);
    let summary = format!("most frequent: {most}, {:.2} %", 100.0 * f64::from(bins[most]) / n as f64);
    Ok(Outcome { size: n as u64, measured, check, summary, picture: None })
}

/// By sorting: the count of a value is the distance between where it starts and where the next one does.
fn reference(x: &[u8]) -> [u32; 256] {
    let mut sorted = x.to_vec();
    sorted.sort_unstable();
    std::array::from_fn(|value| {
        let below = sorted.partition_point(|&v| usize::from(v) < value);
        let up_to = sorted.partition_point(|&v| usize::from(v) <= value);
        (up_to - below) as u32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_right_by_hand() {
        let bins = reference(&[3, 0, 255, 3, 3, 254]);
        let filled: Vec<_> = (0..256).filter(|&i| bins[i] > 0).map(|i| (i, bins[i])).collect();
        assert_eq!(filled, [(0, 1), (3, 3), (254, 1), (255, 1)]);
        assert_eq!(reference(&[]), [0; 256]);
    }
}
