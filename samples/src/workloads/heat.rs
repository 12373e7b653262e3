//! Heat conduction on a plate with hot wires, in strips of rows; writes a picture of the plate.
//!
//! # Safety
//! Loading a kernel vouches for its shader: in bounds, as declared and free of races for all arguments that the
//! argument struct accepts.

#![allow(unsafe_code)]

use super::{
    Job, MOST_GROUPS, Meter, Outcome, Workload,
    check::{UNIT, close},
    parts::{Blocks, part_of},
    picture,
};
use crate::kernels;
use anyhow::Result;
use fastrand::Rng;
use std::f64::consts::TAU;
use vksvm::{Grid, In, Kernel, KernelArgs, Out};

pub const WORKLOAD: Workload = Workload {
    name: "heat",
    about: "heat conduction on a plate with hot wires, in strips; writes a PNG",
    unit: "points a side",
    sizes: [Some(768), Some(2048), Some(6144)],
    input: None,
    // The plate before and after a step.
    working_set: Some(|side| side.saturating_mul(side).saturating_mul(8)),
    run,
};

#[derive(KernelArgs)]
struct Strip<'a> {
    #[len(width * (above + rows + below))]
    from: In<'a, f32>,
    #[len(width * rows)]
    to: Out<'a, f32>,
    width: u32,
    rows: u32,
    above: u32,
    below: u32,
    rate: f32,
}

const STEPS: usize = 24;

/// What a cell takes over from each neighbour in a step, of their difference; exact in single precision. Beyond 1/4 the
/// steps would swing up, at 1/4 a chequerboard of warm and cold cells would never even out.
const RATE: f32 = 7.0 / 32.0;

/// Pixels of the picture's side, at most: of a larger plate, each pixel is the mean of some cells.
const PICTURE: usize = 1024;

fn run(job: &Job) -> Result<Outcome> {
    let side = job.size_up_to(1 << 14)?;
    job.step("laying the wires");
    let mut plate = Blocks::<f32>::zeroed(job.svm, side * side)?;
    lay_wires(&mut plate, side, &mut job.rng(0));
    let start: Vec<f32> = plate.to_vec();
    // SAFETY: heat.comp reads the rows that `from` has, halo included, and writes each element of `to` by one invocation.
    let kernel = unsafe { job.svm.module(kernels::HEAT).load::<Strip>()? }.timed();

    job.step("heating on the device");
    let mut meter = Meter::start();
    let plate = conduct(job, &kernel, plate, side, &mut meter)?;
    let measured = meter.stop()?;

    job.step("writing the picture");
    let (pixels, across) = draw(&plate, side);
    let written = picture::write(&job.out.join("heat.png"), &pixels, across, across)?;
    job.step("checking");
    let want = reference(&start, side);
    // A step computes with numbers up to 4, its result is at most 1: adding four neighbours up is wrong by 8 units at most,
    // taking four times the cell's own off by 4, of which a quarter comes in; that product and the sum, by 1 each. The mean
    // of temperatures that it takes makes no older error larger.
    let accepted = 5.0 * UNIT * STEPS as f64;
    let check = close("cell", plate.iter().zip(&want).map(|(&got, &want)| (got.abs(), want, accepted)));
    let mean = want.iter().sum::<f64>() / want.len() as f64;
    let before = start.iter().map(|v| f64::from(v.abs())).sum::<f64>() / want.len() as f64;
    let summary = format!("{side} x {side}, {STEPS} steps, mean temperature {before:.4} to {mean:.4}");
    Ok(Outcome { size: side as u64, measured, check, summary, picture: Some(written) })
}

/// [`STEPS`] steps, each a launch for every strip; returns the plate after them.
fn conduct(
    job: &Job,
    kernel: &Kernel<Strip<'static>>,
    plate: Blocks<f32>,
    side: usize,
    meter: &mut Meter,
) -> Result<Blocks<f32>> {
    let svm = job.svm;
    let (mut now, mut next) = (plate, Blocks::<f32>::zeroed(svm, side * side)?);
    job.names([((&now).into(), "plate"), ((&next).into(), "other plate")]);
    let strip = part_of(side, side * size_of::<f32>());
    for _ in 0..STEPS {
        for (i, to) in next.chunks_mut(strip * side).enumerate() {
            let (first, rows) = (i * strip, to.len() / side);
            let (above, below) = (usize::from(first > 0), usize::from(first + rows < side));
            svm.scope(|s| {
                let args = Strip {
                    from: s.read(&now[(first - above) * side..(first + rows + below) * side]),
                    to: s.write(to),
                    width: side as u32,
                    rows: rows as u32,
                    above: above as u32,
                    below: below as u32,
                    rate: RATE,
                };
                let groups = [side.div_ceil(64) as u32, rows.div_ceil(4).min(MOST_GROUPS) as u32, 1];
                meter.add(kernel.launch(Grid::groups(groups), args)?);
                Ok(())
            })?;
            // The next launch needs this strip's last row, and after it nobody what the rows before it were before the step.
            let (dead, end) = (first.saturating_sub(strip), if below == 1 { first } else { side });
            if let (Some(svm), true) = (job.hints(), dead < end) {
                svm.discard(&mut now[dead * side..end * side])?;
            }
        }
        std::mem::swap(&mut now, &mut next);
    }
    Ok(now)
}

/// Lays three wires on a cold plate, each held at a temperature up to 1: the curves that a pen draws whose wheel rolls
/// inside a larger wheel. Cells that are held have a negative sign.
fn lay_wires(plate: &mut [f32], side: usize, rng: &mut Rng) {
    // Teeth of the large wheel, and of small ones that give curves of 5 to 12 petals or so.
    const RING: f64 = 96.0;
    const WHEELS: [f64; 6] = [36.0, 40.0, 52.0, 56.0, 60.0, 64.0];
    // Half of a wire's width, in cells.
    let half = (side as f64 / 800.0).max(0.75);
    for (reach, temperature) in [(0.46, 0.35), (0.33, 0.6), (0.2, 1.0)] {
        let wheel = WHEELS[rng.usize(..WHEELS.len())];
        let (arm, pen) = (RING - wheel, wheel * (0.55 + 0.4 * rng.f64()));
        let (ratio, scale) = (arm / wheel, reach * side as f64 / (arm + pen));
        let turns = wheel / gcd(RING as u64, wheel as u64) as f64;
        // The pen goes at most this far in a turn: a sample for every half cell.
        let samples = (turns * TAU * 2.0 * scale * (arm + pen * ratio)).ceil();
        for i in 0..samples as u64 {
            let angle = turns * TAU * i as f64 / samples;
            let x = side as f64 / 2.0 + scale * (arm * angle.cos() + pen * (ratio * angle).cos());
            let y = side as f64 / 2.0 + scale * (arm * angle.sin() - pen * (ratio * angle).sin());
            let cell = |at: f64| (at.round().max(0.0) as usize).min(side - 1);
            let near = |at: f64| cell(at - half)..=cell(at + half);
            for row in near(y) {
                plate[row * side..][near(x)].fill(-temperature);
            }
        }
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The plate's picture, and its side: cold is dark. The square root brings out what is faintly warm.
fn draw(plate: &[f32], side: usize) -> (Vec<u8>, u32) {
    let cells = side.div_ceil(PICTURE);
    let across = side / cells;
    let mut pixels = Vec::with_capacity(across * across * 4);
    for y in 0..across {
        for x in 0..across {
            let rows = (0..cells).map(|row| &plate[(y * cells + row) * side + x * cells..][..cells]);
            let sum: f64 = rows.flatten().map(|cell| f64::from(cell.abs())).sum();
            pixels.extend(picture::glow((sum / (cells * cells) as f64).sqrt()));
        }
    }
    (pixels, across as u32)
}

/// The same in double precision: what flows across each border of two cells is taken from one and given to the other,
/// where the kernel computes each cell by itself. Temperatures, without signs.
fn reference(start: &[f32], side: usize) -> Vec<f64> {
    let mut now: Vec<f64> = start.iter().map(|v| f64::from(v.abs())).collect();
    let rate = f64::from(RATE);
    for _ in 0..STEPS {
        let mut next = now.clone();
        for (row, after) in now.chunks_exact(side).zip(next.chunks_exact_mut(side)) {
            for x in 1..side {
                let flow = rate * (row[x - 1] - row[x]);
                after[x - 1] -= flow;
                after[x] += flow;
            }
        }
        for y in 1..side {
            let (upper, lower) = now[(y - 1) * side..(y + 1) * side].split_at(side);
            let (to_upper, to_lower) = next[(y - 1) * side..(y + 1) * side].split_at_mut(side);
            for x in 0..side {
                let flow = rate * (upper[x] - lower[x]);
                to_upper[x] -= flow;
                to_lower[x] += flow;
            }
        }
        for (after, &cell) in next.iter_mut().zip(start) {
            if cell < 0.0 {
                *after = f64::from(-cell);
            }
        }
        now = next;
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_keeps_heat_and_held_cells() {
        // Nothing is held: what one cell has spreads, evenly to all sides, and none is lost at the plate's edges.
        let mut start = [0.0; 25];
        start[12] = 1.0;
        let after = reference(&start, 5);
        assert!((after.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        for (a, b) in [(7, 11), (7, 13), (7, 17), (0, 24), (0, 4), (6, 18)] {
            assert!((after[a] - after[b]).abs() < 1e-15, "{a} {b}: {after:?}");
        }
        assert!(after[12] > after[7] && after[7] > after[6] && after[6] > after[0]);
        // Two cells side by side, one held at 1: the other's distance from 1 shrinks by the rate at each step.
        let after = reference(&[-1.0, 0.0, -1.0, 0.0], 2);
        let want = 1.0 - (1.0 - f64::from(RATE)).powi(STEPS as i32);
        assert!(after[0] == 1.0 && after[2] == 1.0 && (after[1] - want).abs() < 1e-12, "{after:?} {want}");
    }

    #[test]
    fn wires_lie_on_the_plate_and_pictures_show_them() {
        for side in [1, 2, 30, 500] {
            let mut plate = vec![0.0; side * side];
            lay_wires(&mut plate, side, &mut Rng::with_seed(2));
            assert!(plate.iter().all(|v| [0.0, -0.35, -0.6, -1.0].contains(v)), "{side}");
            assert!(plate.contains(&-1.0), "{side}");
            let (pixels, across) = draw(&plate, side);
            assert_eq!((pixels.len(), across as usize), (side * side * 4, side));
        }
        // Pixels of 2 x 2 cells: a quarter held at 1 is drawn as a half is in the map, after the square root.
        let side = 2 * PICTURE;
        let mut plate = vec![0.0; side * side];
        plate[side + 2] = -1.0;
        let (pixels, across) = draw(&plate, side);
        assert_eq!((across as usize, &pixels[4..8]), (PICTURE, &picture::glow(0.5)[..]));
        assert_eq!(pixels[0..4], picture::glow(0.0));
    }
}
