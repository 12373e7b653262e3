//! Checks what `svm-samples run … --json` printed: every workload is there, and its result was verified.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The fields of a line that are checked; it has more.
#[derive(Deserialize)]
struct Line {
    workload: String,
    placement: String,
    translation: String,
    verified: bool,
}

/// An error unless `output` has one verified line in `placement`, with `translation` unless that is `auto`, for each of
/// `expected`, and no other line. Returns how many there are.
pub fn check(output: &str, placement: &str, translation: &str, expected: &BTreeSet<String>) -> Result<usize> {
    if expected.is_empty() {
        bail!("no workload is listed, so nothing was verified");
    }
    let mut seen = BTreeSet::new();
    for text in output.lines().filter(|line| !line.trim().is_empty()) {
        let line: Line = serde_json::from_str(text).with_context(|| format!("not a line of results: {text}"))?;
        if !line.verified {
            bail!("workload {} was not verified: {text}", line.workload);
        }
        if line.placement != placement {
            bail!("workload {} ran in placement {}, not {placement}", line.workload, line.placement);
        }
        if translation != "auto" && line.translation != translation {
            bail!("workload {} ran with translation {}, not {translation}", line.workload, line.translation);
        }
        if !seen.insert(line.workload.clone()) {
            bail!("workload {} is reported twice", line.workload);
        }
    }
    let list = |names: Vec<&String>| names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let (missing, unlisted) = (expected.difference(&seen).collect(), seen.difference(expected).collect::<Vec<_>>());
    if seen != *expected {
        bail!("listed but not reported: [{}]; reported but not listed: [{}]", list(missing), list(unlisted));
    }
    Ok(seen.len())
}

/// The names that `svm-samples list` prints: the first word of each line that is not indented.
pub fn listed(output: &str) -> BTreeSet<String> {
    let entries = output.lines().filter(|line| !line.starts_with(char::is_whitespace));
    entries.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "{\"workload\":\"saxpy\",\"placement\":\"unified\",\"translation\":\"table\",\"verified\":true,\"wall_us\":3}\n\
                        {\"workload\":\"cg\",\"placement\":\"unified\",\"translation\":\"table\",\"verified\":true}\n";

    const LIST: &str = "saxpy      y = a x + y\n           sizes in elements: 1 / 2\n\ncg\n";

    fn fails(output: &str) -> String {
        check(output, "unified", "table", &listed(LIST)).unwrap_err().to_string()
    }

    #[test]
    fn all_verified() {
        assert_eq!(check(GOOD, "unified", "table", &listed(LIST)).unwrap(), 2);
        assert_eq!(check(GOOD, "unified", "auto", &listed(LIST)).unwrap(), 2);
    }

    #[test]
    fn whatever_is_wrong_is_named() {
        assert!(fails(&GOOD.replace("true,\"wall", "false,\"wall")).contains("saxpy was not verified"));
        assert!(fails(&GOOD.replace("\"verified\":true}", "\"x\":1}")).contains("not a line of results"));
        assert!(
            fails(&GOOD.replace(
                "\"unified\",\"translation\":\"table\",\"verified\":true}",
                "\"discrete\",\"translation\":\"table\",\"verified\":true}"
            ))
            .contains("discrete")
        );
        assert!(fails(&GOOD.replace("\"table\"", "\"identity\"")).contains("identity, not table"));
        assert!(fails(&format!("{GOOD}{GOOD}")).contains("twice"));
        assert!(fails(GOOD.lines().next().unwrap()).contains("not reported: [cg]"));
        assert!(fails(&GOOD.replace("cg", "new")).contains("not listed: [new]"));
        assert!(fails(&format!("{GOOD}panicked at\n")).contains("panicked at"));
        assert!(fails("").contains("[cg, saxpy]"));
        assert!(check("", "unified", "auto", &BTreeSet::new()).is_err());
    }
}
