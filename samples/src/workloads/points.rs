//! Points for clustering: rows of numbers from a CSV file, or points drawn around such rows.

use super::parts::Blocks;
use anyhow::{Context, Result, bail};
use fastrand::Rng;
use std::path::Path;
use vksvm::Svm;

/// Rows of a CSV file: `dims` numbers each, and what class each is of, where the file says so.
pub struct Rows {
    pub dims: usize,
    pub numbers: Vec<f32>,
    pub classes: Vec<String>,
}

/// Points in the heap, and the number of the row that each is or was drawn around.
pub struct Points {
    pub dims: usize,
    pub numbers: Blocks<f32>,
    pub rows: Vec<u32>,
}

impl Rows {
    /// Reads a file. Its first line may name the columns; a last column that is called `class` is taken as such.
    pub fn read(path: &Path, most_dims: usize) -> Result<Self> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path)?;
        let mut rows = Rows { dims: 0, numbers: vec![], classes: vec![] };
        for record in reader.records() {
            let record = record?;
            let line = record.position().map_or(0, |position| position.line());
            if rows.dims == 0 {
                let classed = record.iter().next_back() == Some("class");
                rows.dims = record.len() - usize::from(classed);
                if rows.dims == 0 || rows.dims > most_dims {
                    bail!("it has {} columns of numbers: 1 to {most_dims} can be used", rows.dims);
                }
                // A first line of which nothing is a number names the columns.
                if record.iter().all(|field| field.trim().parse::<f32>().is_err()) {
                    continue;
                }
            }
            for (column, field) in record.iter().take(rows.dims).enumerate() {
                let number = field.trim().parse::<f32>().ok().filter(|number| number.is_finite());
                let wrong = || format!("line {line}, column {}: '{field}' is no number", column + 1);
                rows.numbers.push(number.with_context(wrong)?);
            }
            rows.classes.extend(record.get(rows.dims).map(str::to_string));
        }
        if rows.len() == 0 {
            bail!("it has no rows");
        }
        Ok(rows)
    }

    pub fn len(&self) -> usize {
        self.numbers.len() / self.dims.max(1)
    }

    pub fn row(&self, row: usize) -> &[f32] {
        &self.numbers[row * self.dims..][..self.dims]
    }

    /// The rows themselves.
    pub fn as_they_are(&self, svm: &Svm) -> Result<Points> {
        let mut numbers = Blocks::<f32>::zeroed(svm, self.numbers.len())?;
        numbers.copy_from_slice(&self.numbers);
        Ok(Points { dims: self.dims, numbers, rows: (0..self.len() as u32).collect() })
    }

    /// `count` points around rows that are drawn at random. Each of a point's numbers is off by at most an eighth of the
    /// range in which the rows' numbers lie.
    pub fn drawn_around(&self, svm: &Svm, count: usize, rng: &mut Rng) -> Result<Points> {
        let (least, most) =
            self.numbers.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
        let step = (most - least) / 8.0 / 128.0;
        let mut numbers = Blocks::<f32>::zeroed(svm, count.saturating_mul(self.dims))?;
        let rows: Vec<u32> = (0..count).map(|_| rng.u32(..self.len() as u32)).collect();
        for (point, &row) in numbers.chunks_exact_mut(self.dims).zip(&rows) {
            // Eight numbers of a byte a draw: there are millions of them.
            for (point, row) in point.chunks_mut(8).zip(self.row(row as usize).chunks(8)) {
                let noise = rng.u64(..).to_le_bytes().map(|byte| (f32::from(byte) - 127.5) * step);
                for ((number, centre), noise) in point.iter_mut().zip(row).zip(noise) {
                    *number = centre + noise;
                }
            }
        }
        Ok(Points { dims: self.dims, numbers, rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Rows> {
        let path = std::env::temp_dir().join(format!("vksvm-points-{name}-{}.csv", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let rows = Rows::read(&path, 3);
        std::fs::remove_file(&path).unwrap();
        rows
    }

    #[test]
    fn names_and_classes_are_told_from_numbers() {
        let rows = read("classed", "x,y,class\n1,2.5,one\n-3, 4,1\n").unwrap();
        assert_eq!((rows.dims, rows.len(), rows.row(1)), (2, 2, &[-3.0, 4.0][..]));
        assert_eq!((rows.numbers, rows.classes), (vec![1.0, 2.5, -3.0, 4.0], vec!["one".to_string(), "1".into()]));
        let rows = read("bare", "1,2,3\n4,5,6\n").unwrap();
        assert_eq!((rows.dims, rows.len(), rows.classes.len()), (3, 2, 0));
        assert_eq!(read("named", "a,b\n4,5\n").unwrap().numbers, [4.0, 5.0]);
    }

    #[test]
    fn what_is_no_table_of_numbers_is_refused() {
        for (name, text, what) in [
            ("empty", "", "no rows"),
            ("header", "a,b\n", "no rows"),
            ("wide", "1,2,3,4\n", "4 columns"),
            ("class", "class\none\n", "0 columns"),
            ("word", "1,2\n3,x\n", "line 2, column 2: 'x'"),
            ("infinite", "1,2\ninf,1\n", "line 2, column 1"),
            ("short", "1,2\n3\n", "line"),
        ] {
            let error = format!("{:#}", read(name, text).err().unwrap());
            assert!(error.contains(what), "{name}: {error}");
        }
    }

    #[test]
    fn the_digits_are_there() {
        let rows = Rows::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/digits.csv"), 64).unwrap();
        assert_eq!((rows.dims, rows.len(), rows.classes.len()), (64, 1797, 1797));
        assert!(rows.numbers.iter().all(|v| (0.0..=16.0).contains(v)));
    }
}
