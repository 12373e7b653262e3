//! Checks what `svm-samples run … --json` printed: every workload is there, and its result was verified.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The fields of a line that are checked; it has more.
#[derive(Deserialize)]
struct Line {
    workload: String,
    placement: String,
    translation: String,
    faults: String,
    verified: bool,
    cpu_faults: u64,
    bytes_to_device: u64,
    bytes_to_host: u64,
    evictions: u64,
    in_place_pages: u64,
}

/// How workloads are run, and what their lines must say about that.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// For the step's name.
    pub name: &'static str,
    pub placement: &'static str,
    /// `auto` where any will do.
    pub translation: &'static str,
    pub faults: &'static str,
    /// More options.
    pub options: &'static [&'static str],
    /// Counters that must not be zero for all workloads together.
    pub counts: &'static [&'static str],
}

/// An error unless `output` has one verified line in this setting for each of `expected`, and no other line, and what must be
/// counted was. Returns how many lines there are.
pub fn check(output: &str, setting: &Setting, expected: &BTreeSet<String>) -> Result<usize> {
    let Setting { placement, translation, faults, .. } = *setting;
    if expected.is_empty() {
        bail!("no workload is listed, so nothing was verified");
    }
    let (mut seen, mut sums) = (BTreeSet::new(), BTreeMap::<&str, u64>::new());
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
        if line.faults != faults {
            bail!("workload {} had its faults served by {}, not {faults}", line.workload, line.faults);
        }
        for (name, count) in line.counts() {
            *sums.entry(name).or_default() += count;
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
    if let Some(count) = setting.counts.iter().find(|count| sums.get(*count).copied().unwrap_or(0) == 0) {
        bail!("no workload has any {count}, which this setting is to provoke");
    }
    Ok(seen.len())
}

impl Line {
    fn counts(&self) -> [(&'static str, u64); 5] {
        [
            ("cpu_faults", self.cpu_faults),
            ("bytes_to_device", self.bytes_to_device),
            ("bytes_to_host", self.bytes_to_host),
            ("evictions", self.evictions),
            ("in_place_pages", self.in_place_pages),
        ]
    }
}

/// The names that `svm-samples list` prints: the first word of each line that is not indented.
pub fn listed(output: &str) -> BTreeSet<String> {
    let entries = output.lines().filter(|line| !line.starts_with(char::is_whitespace));
    entries.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: &str =
        "\"cpu_faults\":1,\"bytes_to_device\":2,\"bytes_to_host\":3,\"evictions\":0,\"in_place_pages\":5,\"wall_us\":3";

    fn good() -> String {
        let line = |name| {
            format!(
                "{{\"workload\":\"{name}\",\"placement\":\"unified\",\"translation\":\"table\",\"faults\":\"none\",\"verified\":true,{COUNTS}}}\n"
            )
        };
        [line("saxpy"), line("cg")].concat()
    }

    const LIST: &str = "saxpy      y = a x + y\n           sizes in elements: 1 / 2\n\ncg\n";

    const SETTING: Setting =
        Setting { name: "s", placement: "unified", translation: "table", faults: "none", options: &[], counts: &[] };

    fn fails(output: &str) -> String {
        check(output, &SETTING, &listed(LIST)).unwrap_err().to_string()
    }

    #[test]
    fn all_verified() {
        assert_eq!(check(&good(), &SETTING, &listed(LIST)).unwrap(), 2);
        assert_eq!(check(&good(), &Setting { translation: "auto", ..SETTING }, &listed(LIST)).unwrap(), 2);
        let counted = Setting { counts: &["cpu_faults", "in_place_pages"], ..SETTING };
        assert_eq!(check(&good(), &counted, &listed(LIST)).unwrap(), 2);
    }

    #[test]
    fn whatever_is_wrong_is_named() {
        let good = good();
        assert!(fails(&good.replacen("true", "false", 1)).contains("saxpy was not verified"));
        assert!(fails(&good.replacen("\"verified\"", "\"x\"", 1)).contains("not a line of results"));
        assert!(fails(&good.replace("unified", "discrete")).contains("discrete"));
        assert!(fails(&good.replace("\"table\"", "\"identity\"")).contains("identity, not table"));
        assert!(fails(&good.replace("none", "signal")).contains("signal, not none"));
        assert!(fails(&format!("{good}{good}")).contains("twice"));
        assert!(fails(good.lines().next().unwrap()).contains("not reported: [cg]"));
        assert!(fails(&good.replace("cg", "new")).contains("not listed: [new]"));
        assert!(fails(&format!("{good}panicked at\n")).contains("panicked at"));
        assert!(fails("").contains("[cg, saxpy]"));
        assert!(check("", &SETTING, &BTreeSet::new()).is_err());
        let evicting = Setting { counts: &["cpu_faults", "evictions"], ..SETTING };
        let error = check(&good, &evicting, &listed(LIST)).unwrap_err().to_string();
        assert!(error.contains("any evictions"), "{error}");
    }
}
