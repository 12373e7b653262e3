//! What k-means must come to, step by step in double precision.
//!
//! Where a point is as good as equally far from two centres, single precision may label it with either, and from then on
//! two runs may differ for good. So each step is checked by itself, from the centres that it began with.

use super::{CENTRES, GROUPS, Step, TILE};
use crate::workloads::{check::UNIT, parts::part_of};

/// What a step adds up, and how far off each sum may be.
struct Sums {
    /// For each centre the sum of its points in each dimension, their number last; as in the kernel's results.
    sum: Vec<f64>,
    /// How much of each may belong to another centre: points that may be labelled with several.
    loose: Vec<f64>,
    /// The magnitudes, added up: what rounding is in proportion to.
    size: Vec<f64>,
    /// The points' squared distances from the nearest centre.
    inertia: f64,
}

/// Checks each step's inertia, the centres that the next one began with, and the labels that the last one gave.
pub fn check(points: &[f32], dims: usize, labels: &[u32], steps: &[Step]) -> Result<(), String> {
    let mut guesses = vec![0; labels.len()];
    // Additions that a sum goes through: a workgroup's points, and a tile's. A sum over workgroups is in double precision.
    let part = part_of(labels.len(), dims * size_of::<f32>());
    let additions = part.div_ceil(TILE * GROUPS) * TILE + TILE;
    for (i, step) in steps.iter().enumerate() {
        let last = i + 1 == steps.len();
        let sums = sums(points, dims, &step.centres, &mut guesses, last.then_some(labels));
        let sums = sums.map_err(|e| format!("step {i}: {e}"))?;
        // Distances are sums of squares: their errors are relative, and so is what a loose label adds.
        let accepted = sums.inertia * (4.0 * tolerance(dims) + additions as f64 * UNIT);
        let off = (step.inertia - sums.inertia).abs();
        if off.is_nan() || off > accepted {
            let (got, want) = (step.inertia, sums.inertia);
            return Err(format!("step {i}: the inertia is {got}, should be {want} to within {accepted:.1e}"));
        }
        if let Some(next) = steps.get(i + 1) {
            moved(&step.centres, &next.centres, &sums, dims, additions).map_err(|e| format!("step {i}: {e}"))?;
        }
    }
    Ok(())
}

/// The largest relative error of a squared distance in single precision: a difference, its square (which doubles the
/// difference's error), and the sum over all dimensions.
fn tolerance(dims: usize) -> f64 {
    (dims + 3) as f64 * UNIT
}

/// Goes through all points with the centres. `guesses` are where the search for the nearest centre begins, and what it
/// comes to. With `labels`, each must be that of a nearest centre.
fn sums(
    points: &[f32],
    dims: usize,
    centres: &[f32],
    guesses: &mut [u8],
    labels: Option<&[u32]>,
) -> Result<Sums, String> {
    let zeros = || vec![0.0; CENTRES * (dims + 1)];
    let mut sums = Sums { sum: zeros(), loose: zeros(), size: zeros(), inertia: 0.0 };
    let centres: Vec<f64> = centres.iter().map(|&v| f64::from(v)).collect();
    // Twice the tolerance, once for each of the distances that are compared, and what products of the two leave.
    let near = 1.0 + 2.1 * tolerance(dims);
    let mut distances = [0.0; CENTRES];
    for (i, (point, guess)) in points.chunks_exact(dims).zip(guesses).enumerate() {
        // The guess first, so that most others are given up early: they are infinitely far then.
        let mut least = f64::INFINITY;
        for c in std::iter::once(*guess as usize).chain((0..CENTRES).filter(|c| c != &(*guess as usize))) {
            distances[c] = distance(point, &centres[c * dims..][..dims], least * near);
            least = least.min(distances[c]);
        }
        let nearest = |c: &usize| distances[*c] <= least * near;
        let count = (0..CENTRES).filter(nearest).count();
        for c in (0..CENTRES).filter(nearest) {
            let range = c * (dims + 1)..(c + 1) * (dims + 1);
            if count > 1 {
                add(&mut sums.loose[range], point, f64::abs);
            } else {
                add(&mut sums.sum[range.clone()], point, |v| v);
                add(&mut sums.size[range], point, f64::abs);
            }
            *guess = c as u8;
        }
        sums.inertia += least;
        if let Some(&label) = labels.and_then(|labels| labels.get(i))
            && (label as usize >= CENTRES || !nearest(&(label as usize)))
        {
            return Err(format!("point {i} is labelled {label}, should be {guess}"));
        }
    }
    Ok(sums)
}

/// The squared distance, or infinity where it is more than `limit`.
fn distance(point: &[f32], centre: &[f64], limit: f64) -> f64 {
    let mut sum = 0.0;
    for (point, centre) in point.chunks(8).zip(centre.chunks(8)) {
        sum += point.iter().zip(centre).map(|(&p, c)| (f64::from(p) - c) * (f64::from(p) - c)).sum::<f64>();
        if sum > limit {
            return f64::INFINITY;
        }
    }
    sum
}

/// Adds a point, and one to the count behind its numbers.
fn add(to: &mut [f64], point: &[f32], of: fn(f64) -> f64) {
    to.iter_mut().zip(point).for_each(|(to, &v)| *to += of(f64::from(v)));
    to[point.len()] += 1.0;
}

/// Whether each centre is the mean of its points, whatever became of the loose ones. A mean m of n points, of which some
/// may be others', satisfies m n = sum up to the rounding of the sum and of the mean, and to the loose points and |m| for
/// each of these.
fn moved(before: &[f32], after: &[f32], sums: &Sums, dims: usize, additions: usize) -> Result<(), String> {
    for c in 0..CENTRES {
        let at = c * (dims + 1);
        let (count, loose_count) = (sums.sum[at + dims], sums.loose[at + dims]);
        for d in 0..dims {
            let (got, sum, loose) = (f64::from(after[c * dims + d]), sums.sum[at + d], sums.loose[at + d]);
            // Without points it stays: as if it were the mean of one point where it is.
            let alone = count + loose_count == 0.0;
            let (count, sum) = if alone { (1.0, f64::from(before[c * dims + d])) } else { (count, sum) };
            let rounding = UNIT * (additions as f64 * (sums.size[at + d] + loose) + got.abs() * (count + loose_count));
            let accepted = 1.01 * (rounding + loose + got.abs() * loose_count);
            let off = (got * count - sum).abs();
            if off.is_nan() || off > accepted {
                return Err(format!(
                    "centre {c} is {got} in dimension {d} afterwards; its {count} points add up to {sum}, which it must \
                     come to within {accepted:.1e}"
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_is_given_up_beyond_the_limit() {
        assert_eq!(distance(&[1.0, 5.0], &[4.0, 1.0], 25.0), 25.0);
        assert_eq!(distance(&[1.0, 5.0], &[4.0, 1.0], 24.0), f64::INFINITY);
    }

    #[test]
    fn wrong_labels_and_inertias_are_found() {
        // In one dimension: 5 is as far from 0 as from 10.
        let (points, centres) = ([1.0, 11.0, 5.0], (0..10).map(|c| 10.0 * c as f32).collect::<Vec<_>>());
        let check = |labels: &[u32], inertia| {
            let steps = [Step { centres: centres.clone(), inertia }];
            super::check(&points, 1, labels, &steps)
        };
        assert_eq!(check(&[0, 1, 0], 27.0), Ok(()));
        assert_eq!(check(&[0, 1, 1], 27.0), Ok(()));
        assert!(check(&[1, 1, 0], 27.0).unwrap_err().contains("point 0"));
        assert!(check(&[0, 1, 2], 27.0).unwrap_err().contains("point 2"));
        assert!(check(&[0, 1, 10], 27.0).unwrap_err().contains("point 2"), "no centre has this number");
        assert!(check(&[0, 1, 0], 27.1).unwrap_err().contains("inertia"));
        assert!(check(&[0, 1, 0], f64::NAN).unwrap_err().contains("inertia"));
    }

    #[test]
    fn a_wrong_mean_is_found() {
        // One dimension: centre 0 has the points 1 and 2, centre 1 has 10, and 4 may be either's. The others have none.
        let mut sums = Sums { sum: vec![0.0; 20], loose: vec![0.0; 20], size: vec![0.0; 20], inertia: 0.0 };
        for (point, to) in [(1.0, 0), (2.0, 0), (10.0, 2)] {
            add(&mut sums.sum[to..to + 2], &[point], |v| v);
            add(&mut sums.size[to..to + 2], &[point], f64::abs);
        }
        let before = [0.0, 9.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0];
        let moved = |a: f32, b: f32, sums: &Sums| {
            let mut after = before;
            (after[0], after[1]) = (a, b);
            moved(&before, &after, sums, 1, 4).is_ok()
        };
        assert!(moved(1.5, 10.0, &sums));
        assert!(!moved(1.500001, 10.0, &sums) && !moved(1.5, 9.99, &sums) && !moved(f32::NAN, 10.0, &sums));
        assert!(!moved(7.0 / 3.0, 10.0, &sums), "4 is not the first's");
        for at in [0, 2] {
            add(&mut sums.loose[at..at + 2], &[4.0], f64::abs);
        }
        assert!(moved(1.5, 7.0, &sums) && moved((7.0f64 / 3.0) as f32, 10.0, &sums), "4 is either's");
        assert!(!moved(40.0, 7.0, &sums));
        let mut after = before;
        (after[0], after[1], after[5]) = (1.5, 10.0, 3.5);
        assert!(super::moved(&before, &after, &sums, 1, 4).is_err(), "a centre without points stays");
    }
}
