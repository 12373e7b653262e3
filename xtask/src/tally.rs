//! How many tests ran, read from what `cargo test` printed.

use std::fmt;

/// Counts of tests.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Tally {
    /// Passed.
    pub passed: u64,
    /// Failed.
    pub failed: u64,
    /// Ignored.
    pub skipped: u64,
}

impl Tally {
    /// Sums the closing line of every test binary and doctest run in `output`.
    pub fn of(output: &str) -> Self {
        let mut sum = Tally::default();
        for line in output.lines() {
            // A line about a test binary starts at the margin; what a failing test printed is not counted unless it
            // looks exactly so.
            let line = uncoloured(line);
            let Some(counts) = line.strip_prefix("test result: ") else { continue };
            let counts = counts.split_once(". ").map_or("", |(_, counts)| counts);
            for count in counts.split(';') {
                let Some((number, what)) = count.trim().split_once(' ') else { continue };
                let number = number.parse().unwrap_or(0);
                match what {
                    "passed" => sum.passed += number,
                    "failed" => sum.failed += number,
                    "ignored" => sum.skipped += number,
                    _ => {}
                }
            }
        }
        sum
    }

    /// Adds another run's.
    pub fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// `N passed, N failed`, and `, N skipped` if any were.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 { write!(f, ", {} skipped", self.skipped) } else { Ok(()) }
    }
}

/// Without terminal colours, which `CARGO_TERM_COLOR=always` brings into pipes.
fn uncoloured(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain += part.split_once('m').map_or("", |(_, text)| text);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_unit_tests_doctests_and_failures() {
        let output = "\nrunning 3 tests\ntest a ... ok\n\n\
            test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n\
            test result: \u{1b}[31mFAILED\u{1b}[0m. 4 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.20s\n\
            \x20   test result: ok. 100 passed; 0 failed\n";
        let tally = Tally::of(output);
        assert_eq!(tally, Tally { passed: 7, failed: 2, skipped: 1 });
        assert_eq!(tally.to_string(), "7 passed, 2 failed, 1 skipped");
    }

    #[test]
    fn nothing_ran() {
        assert_eq!(Tally::of("error: could not compile\n"), Tally::default());
        assert_eq!(Tally::default().to_string(), "0 passed, 0 failed");
    }

    #[test]
    fn adds() {
        let mut sum = Tally { passed: 1, failed: 2, skipped: 3 };
        sum.add(Tally { passed: 10, failed: 20, skipped: 30 });
        assert_eq!(sum, Tally { passed: 11, failed: 22, skipped: 33 });
    }
}
