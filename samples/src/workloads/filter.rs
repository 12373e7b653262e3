//! The edges in a photograph: brightness, a Gaussian blur along rows and columns, the Sobel operator drawn in colour.
//!
//! # Safety
//! Loading a kernel vouches for its shader: in bounds, as declared and free of races for all arguments that the
//! argument struct accepts.

#![allow(unsafe_code)]

use super::{Job, Meter, Outcome, Workload, picture};
use crate::kernels;
use anyhow::{Context, Result, bail};
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, imageops::FilterType};
use std::path::Path;
use vksvm::{Grid, In, Kernel, KernelArgs, Out, Svm, SvmVec};

pub const WORKLOAD: Workload = Workload {
    name: "filter",
    about: "edges in a photograph: separable Gaussian, then Sobel; writes a PNG",
    unit: "pixels wide",
    sizes: [Some(128), None, Some(2048)],
    input: Some("a PNG or JPEG picture"),
    working_set: None,
    run,
};

#[derive(KernelArgs)]
struct BlurRows<'a> {
    #[len(width * height * channels)]
    pixels: In<'a, u8>,
    #[len(radius + 1)]
    weights: In<'a, f32>,
    #[len(width * height)]
    smooth_rows: Out<'a, f32>,
    width: u32,
    height: u32,
    channels: u32,
    radius: u32,
}

#[derive(KernelArgs)]
struct BlurColumns<'a> {
    #[len(width * height)]
    plane: In<'a, f32>,
    #[len(radius + 1)]
    weights: In<'a, f32>,
    #[len(width * height)]
    smooth_plane: Out<'a, f32>,
    width: u32,
    height: u32,
    radius: u32,
}

#[derive(KernelArgs)]
struct Sobel<'a> {
    #[len(width * height)]
    plane: In<'a, f32>,
    #[len(width * height)]
    picture: Out<'a, u32>,
    width: u32,
    height: u32,
    gain: f32,
}

struct Filter {
    rows: Kernel<BlurRows<'static>>,
    columns: Kernel<BlurColumns<'static>>,
    sobel: Kernel<Sobel<'static>>,
}

/// Standard deviation of the Gaussian, in pixels.
const SIGMA: f64 = 1.6;
/// Where it is cut off: three standard deviations.
const RADIUS: usize = 5;
/// Brings the steepest edges of a photograph near full brightness.
const GAIN: f32 = 1.1;

/// A picture in the heap: rows of pixels, each of `channels` bytes.
struct Picture {
    pixels: SvmVec<u8>,
    width: u32,
    height: u32,
    channels: u32,
}

fn run(job: &Job) -> Result<Outcome> {
    let path = match job.input {
        Some(path) => path.to_path_buf(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("data/astronaut.jpg"),
    };
    job.step("decoding the picture");
    let input =
        read(job.svm, &path, job.size).with_context(|| format!("cannot use {} as a picture", path.display()))?;
    let (width, height, pixels) = (input.width, input.height, input.width as usize * input.height as usize);
    let weights = job.svm.try_vec(gaussian().map(|w| w as f32))?;
    let (mut rows, mut plane) = (job.svm.try_zeroed::<f32>(pixels)?, job.svm.try_zeroed::<f32>(pixels)?);
    let mut picture = job.svm.try_zeroed::<u32>(pixels)?;
    job.names([
        ((&input.pixels).into(), "input"),
        ((&rows).into(), "rows"),
        ((&plane).into(), "plane"),
        ((&picture).into(), "picture"),
    ]);
    let filter = Filter::load(job.svm)?;

    job.step("filtering on the device");
    let mut meter = Meter::start();
    job.svm.scope(|s| {
        let (image, weights) = (s.read(&input.pixels), s.read(&weights));
        let (mut rows, mut plane) = (s.lend(&mut rows), s.lend(&mut plane));
        let (channels, radius) = (input.channels, RADIUS as u32);
        let tall = |rows: u32| height.div_ceil(rows).min(super::MOST_GROUPS as u32);
        let args = BlurRows { pixels: image, weights, smooth_rows: rows.write(), width, height, channels, radius };
        meter.add(filter.rows.launch(Grid::groups([width.div_ceil(256), tall(1), 1]), args)?);
        let args = BlurColumns { plane: rows.read(), weights, smooth_plane: plane.write(), width, height, radius };
        meter.add(filter.columns.launch(Grid::groups([width.div_ceil(32), tall(32), 1]), args)?);
        let args = Sobel { plane: plane.read(), picture: s.write(&mut picture), width, height, gain: GAIN };
        meter.add(filter.sobel.launch(Grid::groups([width.div_ceil(32), tall(8), 1]), args)?);
        Ok(())
    })?;
    let measured = meter.stop()?;

    job.step("writing the picture");
    let bytes: &[u8] = bytemuck::cast_slice(&picture);
    let written = picture::write(&job.out.join("filter.png"), bytes, width, height)?;
    job.step("checking");
    let check = compare(bytes, &reference(&input), width as usize);
    let summary = format!("{width} x {height}, sigma {SIGMA}");
    Ok(Outcome { size: width.into(), measured, check, summary, picture: Some(written) })
}

impl Filter {
    fn load(svm: &Svm) -> vksvm::Result<Self> {
        // SAFETY: blur_rows.comp reads pixels inside the picture and weights up to radius, and refuses a radius beyond
        // its shared memory; each element of smooth_rows is written by one invocation, whatever the grid.
        let rows = unsafe { svm.module(kernels::BLUR_ROWS).load::<BlurRows>()? }.timed();
        // SAFETY: as blur_rows.comp.
        let columns = unsafe { svm.module(kernels::BLUR_COLUMNS).load::<BlurColumns>()? }.timed();
        // SAFETY: sobel.comp reads inside the plane; each element of picture is written by one invocation.
        let sobel = unsafe { svm.module(kernels::SOBEL).load::<Sobel>()? }.timed();
        Ok(Filter { rows, columns, sobel })
    }
}

/// Decodes straight into the heap where the file's pixels are bytes, as those of nearly all pictures are.
fn read(svm: &Svm, path: &Path, wanted_width: Option<u64>) -> Result<Picture> {
    let reader = ImageReader::open(path)?.with_guessed_format()?;
    if !matches!(reader.format(), Some(ImageFormat::Png | ImageFormat::Jpeg)) {
        bail!("it is neither a PNG nor a JPEG");
    }
    let decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        bail!("it has no pixels");
    }
    let scaled = wanted_width.filter(|&w| w != u64::from(width));
    let channels = match decoder.color_type() {
        ColorType::L8 => Some(1),
        ColorType::La8 => Some(2),
        ColorType::Rgb8 => Some(3),
        ColorType::Rgba8 => Some(4),
        _ => None,
    };
    if let (None, Some(channels)) = (scaled, channels) {
        let mut pixels = svm.try_zeroed::<u8>(usize::try_from(decoder.total_bytes())?)?;
        decoder.read_image(&mut pixels)?;
        return Ok(Picture { pixels, width, height, channels });
    }
    let mut image = DynamicImage::from_decoder(decoder)?;
    if let Some(wanted) = scaled {
        if wanted > 1 << 15 {
            bail!("a width of {wanted} is too large: the filter takes up to {}", 1 << 15);
        }
        let height = (u64::from(height) * wanted).div_ceil(u64::from(width)).clamp(1, 1 << 16);
        image = image.resize_exact(wanted as u32, height as u32, FilterType::CatmullRom);
    }
    let image = image.into_rgb8();
    let (width, height) = image.dimensions();
    Ok(Picture { pixels: svm.try_vec(image.into_raw())?, width, height, channels: 3 })
}

/// The weights for distances 0 to `RADIUS`; over both sides they add up to 1.
fn gaussian() -> [f64; RADIUS + 1] {
    let bell: [f64; RADIUS + 1] = std::array::from_fn(|d| (-(d as f64 / SIGMA).powi(2) / 2.0).exp());
    let sum = bell[0] + 2.0 * bell[1..].iter().sum::<f64>();
    bell.map(|w| w / sum)
}

/// The same picture in double precision, columns first where the device blurs rows first; red, green and blue from 0 to
/// 255, not yet rounded.
fn reference(input: &Picture) -> Vec<[f64; 3]> {
    let (width, height) = (input.width as usize, input.height as usize);
    let plane: Vec<f64> = input.pixels.chunks_exact(input.channels as usize).map(brightness).collect();
    let smooth = blur(&blur(&plane, width, height, (0, 1)), width, height, (1, 0));
    colours(&smooth, width, height)
}

fn brightness(pixel: &[u8]) -> f64 {
    match *pixel {
        [r, g, b, ..] => (0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b)) / 255.0,
        _ => f64::from(pixel[0]) / 255.0,
    }
}

/// The pixel at a place that may lie outside, where the nearest inside counts.
fn at(plane: &[f64], width: usize, height: usize, x: isize, y: isize) -> f64 {
    plane[y.clamp(0, height as isize - 1) as usize * width + x.clamp(0, width as isize - 1) as usize]
}

fn blur(plane: &[f64], width: usize, height: usize, (dx, dy): (isize, isize)) -> Vec<f64> {
    let (weights, reach) = (gaussian(), RADIUS as isize);
    let pixel = |i: usize| {
        let (x, y) = ((i % width) as isize, (i / width) as isize);
        let near = |d: isize| weights[d.unsigned_abs()] * at(plane, width, height, x + d * dx, y + d * dy);
        (-reach..=reach).map(near).sum()
    };
    (0..plane.len()).map(pixel).collect()
}

fn colours(plane: &[f64], width: usize, height: usize) -> Vec<[f64; 3]> {
    const SOBEL: [(isize, isize, f64, f64); 8] = [
        (-1, -1, -1.0, -1.0),
        (0, -1, 0.0, -2.0),
        (1, -1, 1.0, -1.0),
        (-1, 0, -2.0, 0.0),
        (1, 0, 2.0, 0.0),
        (-1, 1, -1.0, 1.0),
        (0, 1, 0.0, 2.0),
        (1, 1, 1.0, 1.0),
    ];
    let pixel = |i: usize| {
        let (x, y) = ((i % width) as isize, (i / width) as isize);
        let (mut gx, mut gy) = (0.0, 0.0);
        for (dx, dy, wx, wy) in SOBEL {
            let value = at(plane, width, height, x + dx, y + dy);
            gx += wx * value;
            gy += wy * value;
        }
        let (steep, angle) = (gx.hypot(gy), gy.atan2(gx));
        [0.0, 120.0, 240.0].map(|hue: f64| {
            let share = 0.5 + 0.5 * (angle - hue.to_radians()).cos();
            255.0 * (f64::from(GAIN) * steep * share).clamp(0.0, 1.0)
        })
    };
    (0..plane.len()).map(pixel).collect()
}

/// A channel may differ by the half step that rounding to a byte takes, plus what single precision leaves open: colours
/// are sums of some dozens of numbers up to 1, so that 0.01 of 255 steps is ample.
fn compare(got: &[u8], want: &[[f64; 3]], width: usize) -> Result<(), String> {
    let mut wrong = vec![];
    for (i, (got, want)) in got.chunks_exact(4).zip(want).enumerate() {
        let near = got.iter().zip(want).all(|(&got, &want)| (f64::from(got) - want).abs() <= 0.51);
        if !near || got[3] != 255 {
            wrong.push(i);
        }
    }
    if got.len() != want.len() * 4 {
        return Err(format!("{} bytes for {} pixels", got.len(), want.len()));
    }
    match wrong.first() {
        None => Ok(()),
        Some(&i) => Err(format!(
            "{} of {} pixels differ; at ({}, {}): {:?}, should be {:.2?}",
            wrong.len(),
            want.len(),
            i % width,
            i / width,
            &got[4 * i..4 * i + 4],
            want[i]
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blur_is_the_two_dimensional_gaussian() {
        // One bright pixel in a corner: what lies outside repeats it, so its weights gather at the border.
        let (width, height) = (9, 7);
        let mut plane = vec![0.0; width * height];
        plane[0] = 1.0;
        let smooth = blur(&blur(&plane, width, height, (0, 1)), width, height, (1, 0));
        let w = gaussian();
        let tail = |from: usize| -> f64 { w[from.min(RADIUS + 1)..].iter().sum() };
        for y in 0..height {
            for x in 0..width {
                assert!((smooth[y * width + x] - tail(x) * tail(y)).abs() < 1e-12, "({x}, {y})");
            }
        }
        let flat = blur(&[0.25; 6], 3, 2, (1, 0));
        assert!(flat.iter().all(|v| (v - 0.25).abs() < 1e-12));
    }

    #[test]
    fn slopes_have_the_colours_of_their_directions() {
        let gain = f64::from(GAIN);
        // Rises by 0.05 a column: gx = 8 * 0.05, gy = 0. Along red, half against green and blue.
        let plane: Vec<f64> = (0..25).map(|i| 0.05 * (i % 5) as f64).collect();
        let [r, g, b] = colours(&plane, 5, 5)[12];
        let steep = 0.4 * gain * 255.0;
        assert!((r - steep.min(255.0)).abs() < 1e-9 && (g - steep / 4.0).abs() < 1e-9 && (b - g).abs() < 1e-9);
        // Nothing rises on a plain.
        assert!(colours(&[0.5; 9], 3, 3).iter().all(|c| *c == [0.0; 3]));
    }

    #[test]
    fn comparison_takes_rounding_and_nothing_more() {
        let want = [[10.4, 0.0, 255.0], [1.0, 2.0, 3.0]];
        assert_eq!(compare(&[10, 0, 255, 255, 1, 2, 3, 255], &want, 2), Ok(()));
        assert!(compare(&[11, 0, 255, 255, 1, 2, 3, 255], &want, 2).is_err());
        assert!(compare(&[10, 0, 255, 254, 1, 2, 3, 255], &want, 2).is_err(), "alpha");
        assert!(compare(&[10, 0, 255, 255], &want, 2).is_err(), "short");
    }
}
