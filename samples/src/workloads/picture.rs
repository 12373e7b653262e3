//! Pictures: writing them, and the colours of heat.

use anyhow::{Context, Result};
use image::ExtendedColorType;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Writes a PNG; straight from the heap, where the pixels lie there. Four bytes a pixel: red, green, blue, alpha.
pub fn write(path: &Path, rgba: &[u8], width: u32, height: u32) -> Result<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("cannot create the directory {}", folder.display()))?;
    image::save_buffer(path, rgba, width, height, ExtendedColorType::Rgba8)
        .with_context(|| format!("cannot write the picture {}", path.display()))?;
    Ok(path.to_path_buf())
}

/// Nine colours at equal distances, from black over violet and orange to a light yellow, each lighter than the last to the
/// eye: samples of the map "inferno" by N. Smith and S. van der Walt (CC0, as shipped with matplotlib).
const GLOW: [[u8; 3]; 9] = [
    [0, 0, 4],
    [31, 12, 72],
    [85, 15, 109],
    [136, 34, 106],
    [186, 54, 85],
    [227, 89, 51],
    [249, 140, 10],
    [249, 201, 50],
    [252, 255, 164],
];

/// The colour of a number from 0 (cold) to 1 (hot), with alpha; what lies beyond is drawn as the end that it lies beyond.
pub fn glow(heat: f64) -> [u8; 4] {
    let at = heat.clamp(0.0, 1.0) * (GLOW.len() - 1) as f64;
    let below = (at as usize).min(GLOW.len() - 2);
    let share = at - below as f64;
    let mix =
        |c: usize| (f64::from(GLOW[below][c]) * (1.0 - share) + f64::from(GLOW[below + 1][c]) * share).round() as u8;
    [mix(0), mix(1), mix(2), 255]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_go_from_dark_to_light() {
        assert_eq!((glow(0.0), glow(1.0)), ([0, 0, 4, 255], [252, 255, 164, 255]));
        assert_eq!((glow(-1.0), glow(2.0)), (glow(0.0), glow(1.0)));
        assert_eq!(glow(0.5), [186, 54, 85, 255]);
        // Halfway between two samples.
        assert_eq!(glow(1.0 / 16.0), [16, 6, 38, 255]);
        let luminance = |c: [u8; 4]| 0.2126 * f64::from(c[0]) + 0.7152 * f64::from(c[1]) + 0.0722 * f64::from(c[2]);
        let steps: Vec<_> = (0..=64).map(|i| luminance(glow(f64::from(i) / 64.0))).collect();
        assert!(steps.windows(2).all(|pair| pair[0] <= pair[1] + 0.5), "{steps:?}");
    }
}
