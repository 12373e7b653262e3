//! Conjugate gradients on the Laplacian of a square grid: five launches a step, all scalars on the device.
//!
//! # Safety
//! Loading a kernel vouches for its shader: in bounds, as declared and free of races for all arguments that the
//! argument struct accepts.

#![allow(unsafe_code)]

use super::{Job, Meter, Outcome, Workload, check::UNIT};
use crate::kernels;
use anyhow::{Result, anyhow};
use vksvm::{Grid, In, InOut, Kernel, KernelArgs, Lent, Out, Svm};

pub const WORKLOAD: Workload = Workload {
    name: "cg",
    about: "conjugate gradients on the Laplacian of a square grid",
    unit: "points a side",
    sizes: [Some(32), Some(160), Some(512)],
    input: None,
    working_set: None,
    run,
};

#[derive(KernelArgs)]
struct Laplace<'a> {
    #[len(n)]
    p: In<'a, f32>,
    #[len(n)]
    q: Out<'a, f32>,
    #[len(groups)]
    partial: Out<'a, f32>,
    n: u32,
    width: u32,
    groups: u32,
}

#[derive(KernelArgs)]
struct Fold<'a> {
    #[len(n)]
    partial: In<'a, f32>,
    #[len(1)]
    total: Out<'a, f32>,
    n: u32,
}

#[derive(KernelArgs)]
struct Step<'a> {
    #[len(1)]
    rr: In<'a, f32>,
    #[len(1)]
    pq: In<'a, f32>,
    #[len(n)]
    p: In<'a, f32>,
    #[len(n)]
    q: In<'a, f32>,
    #[len(n)]
    x: InOut<'a, f32>,
    #[len(n)]
    r: InOut<'a, f32>,
    #[len(groups)]
    partial: Out<'a, f32>,
    n: u32,
    groups: u32,
}

#[derive(KernelArgs)]
struct Direction<'a> {
    #[len(1)]
    after: In<'a, f32>,
    #[len(1)]
    before: In<'a, f32>,
    #[len(n)]
    r: In<'a, f32>,
    #[len(n)]
    p: InOut<'a, f32>,
    n: u32,
}

struct Solver {
    laplace: Kernel<Laplace<'static>>,
    fold: Kernel<Fold<'static>>,
    step: Kernel<Step<'static>>,
    direction: Kernel<Direction<'static>>,
}

/// The residual's norm, relative to the right-hand side's, at which the device stops.
const GOAL: f64 = 1e-5;

/// The largest eigenvalue of the Laplacian, at most.
const NORM: f64 = 8.0;

/// Steps between the CPU's looks at the residual: a look waits for the device, steps in between queue up.
const LOOK: usize = 16;

/// Workgroups of the launches that leave partial sums, so that one workgroup can fold them.
const GROUPS: usize = 256;

fn run(job: &Job) -> Result<Outcome> {
    let side = job.size_up_to(1 << 15)?;
    let n = side * side;
    job.step("filling the right-hand side");
    let mut rng = job.rng(0);
    let b = job.svm.try_vec(std::iter::repeat_with(|| rng.f32() * 2.0 - 1.0).take(n))?;
    let mut x = job.svm.try_zeroed::<f32>(n)?;
    job.names([((&b).into(), "b"), ((&x).into(), "x")]);
    let solver = Solver::load(job.svm)?;

    job.step("solving on the device");
    let mut meter = Meter::start();
    let steps = solver.solve(job.svm, &b, &mut x, side, &mut meter)?;
    let measured = meter.stop()?;

    job.step("checking");
    let check = check_solution(&x, &b, side);
    let residual = relative_residual(&x, &b, side);
    let summary = format!("{steps} steps, residual {residual:.1e}");
    Ok(Outcome { size: side as u64, measured, check, summary, picture: None })
}

impl Solver {
    fn load(svm: &Svm) -> vksvm::Result<Self> {
        // SAFETY: laplace.comp reads p[i] and writes q[i] for i < n; workgroup g of a row writes partial[g], g < groups.
        let laplace = unsafe { svm.module(kernels::LAPLACE).load::<Laplace>()? }.timed();
        // SAFETY: fold.comp reads partial[i] for i < n; one invocation of one workgroup writes total[0].
        let fold = unsafe { svm.module(kernels::FOLD).load::<Fold>()? }.timed();
        // SAFETY: cg_step.comp touches p, q, x, r below n, each element by one invocation, partial as laplace.comp does.
        let step = unsafe { svm.module(kernels::CG_STEP).load::<Step>()? }.timed();
        // SAFETY: cg_direction.comp reads r[i] and updates p[i] for i < n, each by one invocation.
        let direction = unsafe { svm.module(kernels::CG_DIRECTION).load::<Direction>()? }.timed();
        Ok(Solver { laplace, fold, step, direction })
    }

    /// Solves A x = b from x = 0; returns the number of steps.
    fn solve(&self, svm: &Svm, b: &[f32], x: &mut [f32], width: usize, meter: &mut Meter) -> Result<usize> {
        let n = b.len() as u32;
        let groups = b.len().div_ceil(1024).min(GROUPS) as u32;
        let (row, one) = (Grid::groups([groups, 1, 1]), Grid::groups([1, 1, 1]));
        // x is zero, so the residual and the first direction are b.
        let (mut r, mut p) = (svm.try_vec(b.iter().copied())?, svm.try_vec(b.iter().copied())?);
        let (mut q, mut partial) = (svm.try_zeroed::<f32>(b.len())?, svm.try_zeroed::<f32>(groups as usize)?);
        [(&r, "r"), (&p, "p"), (&q, "q")].into_iter().for_each(|(vector, name)| svm.name(vector, name));
        // r . r before and after the step, p . q: a vector of its own for each, since they are lent one by one.
        let square: f64 = b.iter().map(|&v| f64::from(v).powi(2)).sum();
        let (mut before, mut after, mut pq) =
            (svm.try_vec([square as f32])?, svm.try_zeroed::<f32>(1)?, svm.try_zeroed::<f32>(1)?);
        // CG ends within n steps in exact arithmetic, on this matrix within a few times the grid's width.
        let limit = 10 * width + 100;

        svm.try_scope(|s| {
            let (mut x, mut r, mut p, mut q) = (s.lend(x), s.lend(&mut r), s.lend(&mut p), s.lend(&mut q));
            let mut partial = s.lend(&mut partial);
            let (mut before, mut after, mut pq) = (s.lend(&mut before), s.lend(&mut after), s.lend(&mut pq));
            for steps in 1..=limit {
                let (q_out, sums) = (q.write(), partial.write());
                let args = Laplace { p: p.read(), q: q_out, partial: sums, n, width: width as u32, groups };
                meter.add(self.laplace.launch(row, args)?);
                self.fold(&partial, &mut pq, one, meter)?;
                let args = Step {
                    rr: before.read(),
                    pq: pq.read(),
                    p: p.read(),
                    q: q.read(),
                    x: x.update(),
                    r: r.update(),
                    partial: partial.write(),
                    n,
                    groups,
                };
                meter.add(self.step.launch(row, args)?);
                self.fold(&partial, &mut after, one, meter)?;
                if steps % LOOK == 0 && f64::from(after.host()?[0]) <= GOAL * GOAL * square {
                    return Ok(steps);
                }
                let args = Direction { after: after.read(), before: before.read(), r: r.read(), p: p.update(), n };
                meter.add(self.direction.launch(row, args)?);
                std::mem::swap(&mut before, &mut after);
            }
            Err(anyhow!("conjugate gradients did not converge within {limit} steps"))
        })
    }

    fn fold(&self, partial: &Lent<f32>, total: &mut Lent<f32>, grid: Grid, meter: &mut Meter) -> vksvm::Result<()> {
        let args = Fold { n: partial.len() as u32, partial: partial.read(), total: total.write() };
        meter.add(self.fold.launch(grid, args)?);
        Ok(())
    }
}

/// Whether x solves A x = b. The residual that the device carries along, and stops by, drifts from the true one by the
/// rounding of x's steps, each of which is relative to |A| |x|.
fn check_solution(x: &[f32], b: &[f32], side: usize) -> Result<(), String> {
    let residual = relative_residual(x, b, side);
    let accepted = 2.0 * GOAL + 8.0 * UNIT * NORM * norm(x) / norm(b);
    // Written so that a NaN fails.
    if residual <= accepted {
        return Ok(());
    }
    Err(format!("the residual is {residual:.2e} of the right-hand side, accepted is {accepted:.2e}"))
}

fn norm(v: &[f32]) -> f64 {
    v.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt()
}

/// |b - A x| / |b| in double precision. A is applied point by point: what a point gives to its neighbours, where the
/// kernel gathers what it gets from them.
fn relative_residual(x: &[f32], b: &[f32], side: usize) -> f64 {
    let mut residual: Vec<f64> = b.iter().map(|&v| f64::from(v)).collect();
    for (i, &value) in x.iter().enumerate() {
        let (row, column) = (i / side, i % side);
        residual[i] -= 4.0 * f64::from(value);
        for (row, column) in
            [(row.wrapping_sub(1), column), (row + 1, column), (row, column.wrapping_sub(1)), (row, column + 1)]
        {
            if row < side && column < side {
                residual[row * side + column] += f64::from(value);
            }
        }
    }
    residual.iter().map(|v| v * v).sum::<f64>().sqrt() / norm(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_residual_is_right_by_hand() {
        // On 3 x 3 points: A x for x = 1 in the middle is 4 there and -1 beside it.
        let mut x = [0.0; 9];
        x[4] = 1.0;
        let b = [0.0, -1.0, 0.0, -1.0, 4.0, -1.0, 0.0, -1.0, 0.0];
        assert_eq!(relative_residual(&x, &b, 3), 0.0);
        // In a corner only two neighbours exist.
        let mut corner = [0.0; 9];
        corner[2] = 2.0;
        let b = [0.0, -2.0, 8.0, 0.0, 0.0, -2.0, 0.0, 0.0, 0.0];
        assert_eq!(relative_residual(&corner, &b, 3), 0.0);
        // x = 0 leaves all of b.
        assert_eq!(relative_residual(&[0.0; 9], &b, 3), 1.0);
        assert!(relative_residual(&[f32::NAN; 9], &b, 3).is_nan());
        assert_eq!(check_solution(&corner, &b, 3), Ok(()));
        corner[2] += 1e-3;
        assert!(check_solution(&corner, &b, 3).is_err());
        assert!(check_solution(&[f32::NAN; 9], &b, 3).is_err());
    }
}
