//! k-means clustering by Lloyd's algorithm: the device labels the points, part by part, and adds them up; the CPU moves
//! the centres.
//!
//! # Safety
//! Loading a kernel vouches for its shader: in bounds, as declared and free of races for all arguments that the
//! argument struct accepts.

#![allow(unsafe_code)]

mod reference;

use super::{
    Job, Meter, Outcome, Workload,
    advice::keep_first,
    grouped,
    parts::part_of,
    points::{Points, Rows},
    row_of_groups,
};
use crate::kernels;
use anyhow::{Context, Result, bail};
use fastrand::Rng;
use std::{collections::HashMap, path::Path};
use vksvm::{In, Kernel, KernelArgs, Out, SvmVec};

pub const WORKLOAD: Workload = Workload {
    name: "kmeans",
    about: "k-means with ten centres on handwritten digits, or on points drawn around them",
    unit: "points",
    sizes: [None, Some(1 << 17), Some(1 << 20)],
    input: Some("CSV rows of up to 64 numbers"),
    // The digits' 64 numbers and the label of each point.
    working_set: Some(|points| points.saturating_mul(4 * MOST_DIMS as u64 + 4)),
    run,
};

#[derive(KernelArgs)]
struct Assign<'a> {
    #[len(points * dims)]
    point: In<'a, f32>,
    #[len(CENTRES * dims)]
    centre: In<'a, f32>,
    #[len(points)]
    label: Out<'a, u32>,
    #[len(groups * (CENTRES * (dims + 1) + 1))]
    partial: Out<'a, f32>,
    points: u32,
    dims: u32,
    groups: u32,
}

/// Clusters: as many as there are digits, and as the kernel is written for.
const CENTRES: usize = 10;

/// The most numbers that a point may have: what the kernel has shared memory for.
const MOST_DIMS: usize = 64;

/// Fixed, so that runs compare. The digits' centres hardly move any more after ten steps.
const STEPS: usize = 10;

/// Points that a workgroup takes at a time, and workgroups of a launch, at most.
const TILE: usize = 32;
const GROUPS: usize = 16;

/// What a step began with and came to.
struct Step {
    /// [`CENTRES`] centres, one after the other.
    centres: Vec<f32>,
    /// The points' squared distances from their centres, added up.
    inertia: f64,
}

fn run(job: &Job) -> Result<Outcome> {
    let path = match job.input {
        Some(path) => path.to_path_buf(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("data/digits.csv"),
    };
    job.step("reading the points");
    let rows = Rows::read(&path, MOST_DIMS).with_context(|| format!("cannot use {} as points", path.display()))?;
    let mut rng = job.rng(0);
    let points = match job.size {
        None => rows.as_they_are(job.svm)?,
        Some(_) => rows.drawn_around(job.svm, job.size_up_to(1 << 25)?, &mut rng)?,
    };
    let count = points.rows.len();
    if count < CENTRES {
        bail!("{count} points cannot have {CENTRES} centres");
    }
    let centres = seeds(&points, &mut rng);
    // SAFETY: kmeans.comp reads point below points * dims and centre below 10 * dims, and refuses more dimensions than it
    // has shared memory for; each element of label and partial is written by one invocation.
    let kernel = unsafe { job.svm.module(kernels::KMEANS).load::<Assign>()? }.timed();

    job.step("clustering on the device");
    let mut meter = Meter::start();
    let (labels, steps) = cluster(job, &kernel, &points, centres, &mut meter)?;
    let measured = meter.stop()?;

    job.step("checking");
    let check = reference::check(&points.numbers, points.dims, &labels, &steps);
    let inertia = steps.last().map_or(0.0, |step| step.inertia) / count as f64;
    let agreement = agreement(&labels, &points, &rows);
    let agreement = agreement.map_or(String::new(), |share| format!(", {:.1} % agree with the classes", 100.0 * share));
    let summary = format!("{} points, inertia {inertia:.1} a point{agreement}", grouped(count as u64));
    Ok(Outcome { size: count as u64, measured, check, summary, picture: None })
}

/// Centres to begin with: points, each drawn in proportion to the squared distance from the nearest centre before it
/// ("k-means++": D. Arthur and S. Vassilvitskii, 2007), among the first few thousand.
fn seeds(points: &Points, rng: &mut Rng) -> Vec<f32> {
    let candidates: Vec<&[f32]> = points.numbers.chunks_exact(points.dims).take(4096).collect();
    let mut chosen = vec![rng.usize(..candidates.len())];
    let mut distances = vec![f64::INFINITY; candidates.len()];
    while chosen.len() < CENTRES {
        let last = candidates[chosen[chosen.len() - 1]];
        for (distance, candidate) in distances.iter_mut().zip(&candidates) {
            *distance = distance.min(squared_distance(candidate, last));
        }
        let mut draw = rng.f64() * distances.iter().sum::<f64>();
        let next = distances.iter().position(|distance| {
            draw -= distance;
            draw < 0.0
        });
        // None where all candidates are centres already.
        chosen.push(next.unwrap_or(0));
    }
    chosen.into_iter().flat_map(|c| candidates[c].iter().copied()).collect()
}

fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
}

/// [`STEPS`] steps; returns the labels that the last gave, and what each began with and came to.
fn cluster(
    job: &Job,
    kernel: &Kernel<Assign<'static>>,
    points: &Points,
    centres: Vec<f32>,
    meter: &mut Meter,
) -> Result<(SvmVec<u32>, Vec<Step>)> {
    let (svm, dims, count) = (job.svm, points.dims, points.rows.len());
    let each = part_of(count, dims * size_of::<f32>());
    let sums = CENTRES * (dims + 1) + 1;
    let mut centre = svm.try_vec(centres)?;
    let mut labels = svm.try_zeroed::<u32>(count)?;
    let mut partial = svm.try_zeroed::<f32>(count.div_ceil(each) * GROUPS * sums)?;
    svm.name(&points.numbers[..], "points");
    svm.name(&centre, "centres");
    svm.name(&labels, "labels");
    svm.name(&partial, "partial sums");
    let mut steps: Vec<Step> = vec![];
    job.names([((&points.numbers).into(), "points"), ((&centre).into(), "centres")]);
    job.names([((&labels).into(), "labels"), ((&partial).into(), "sums")]);
    if let Some(svm) = job.hints() {
        let results = size_of_val(&labels[..]) + size_of_val(&partial[..]);
        keep_first(svm, points.numbers.chunks(each * dims).map(|part| [part.into()]), results)?;
    }
    for step in 0..STEPS {
        if let Some(svm) = job.hints() {
            // The step writes all of them.
            svm.discard(&mut labels[..])?;
            svm.discard(&mut partial[..])?;
        }
        svm.scope(|s| {
            let centre = s.read(&centre);
            let parts = points.numbers.chunks(each * dims).zip(labels.chunks_mut(each));
            for ((point, label), partial) in parts.zip(partial.chunks_mut(GROUPS * sums)) {
                let (points, groups) = (label.len(), label.len().div_ceil(TILE).min(GROUPS));
                let args = Assign {
                    point: s.read(point),
                    centre,
                    label: s.write(label),
                    partial: s.write(partial),
                    points: points as u32,
                    dims: dims as u32,
                    groups: groups as u32,
                };
                meter.add_and_wait(kernel.launch(row_of_groups(groups, 1), args)?)?;
            }
            Ok(())
        })?;
        // Of groups that no launch had all numbers are zero.
        let mut total = vec![0.0; sums];
        for partial in partial.chunks_exact(sums) {
            total.iter_mut().zip(partial).for_each(|(total, &partial)| *total += f64::from(partial));
        }
        steps.push(Step { centres: centre.to_vec(), inertia: total[sums - 1] });
        if step + 1 < STEPS {
            move_centres(&mut centre, &total, dims);
        }
    }
    Ok((labels, steps))
}

/// Moves each centre to the mean of its points; one that has none stays.
fn move_centres(centres: &mut [f32], total: &[f64], dims: usize) {
    for (centre, sums) in centres.chunks_exact_mut(dims).zip(total.chunks_exact(dims + 1)) {
        let count = sums[dims];
        if count > 0.0 {
            centre.iter_mut().zip(sums).for_each(|(centre, sum)| *centre = (sum / count) as f32);
        }
    }
}

/// The share of points that are of the class that is the most frequent among the points of their label.
fn agreement(labels: &[u32], points: &Points, rows: &Rows) -> Option<f64> {
    if rows.classes.is_empty() {
        return None;
    }
    let mut counts: Vec<HashMap<&str, u64>> = vec![HashMap::new(); CENTRES];
    for (&label, &row) in labels.iter().zip(&points.rows) {
        *counts.get_mut(label as usize)?.entry(&rows.classes[row as usize]).or_default() += 1;
    }
    let most: u64 = counts.iter().filter_map(|counts| counts.values().max()).sum();
    Some(most as f64 / labels.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centres_move_to_the_means_of_their_points() {
        let mut centres = [0.0; 4];
        centres[2..].fill(7.0);
        // Two dimensions: sums and count of the first centre's points, then of the second's, which has none.
        move_centres(&mut centres, &[3.0, -6.0, 4.0, 0.0, 0.0, 0.0, 99.0], 2);
        assert_eq!(centres, [0.75, -1.5, 7.0, 7.0]);
    }
}
