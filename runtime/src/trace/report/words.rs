//! Numbers as people read them.

/// `1.5 MiB`.
pub(super) fn amount(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let step = (0..units.len() - 1).take_while(|step| bytes >> (10 * step) >= 1024).count();
    let value = bytes as f64 / (1_u64 << (10 * step)) as f64;
    // Three figures.
    match value {
        v if v.fract() == 0.0 || v >= 100.0 => format!("{v:.0} {}", units[step]),
        v if v >= 10.0 => format!("{v:.1} {}", units[step]),
        v => format!("{v:.2} {}", units[step]),
    }
}

/// `1.23 ms`.
pub(super) fn time(ns: u64) -> String {
    let (value, unit) = match ns {
        0..1_000 => (ns as f64, "ns"),
        1_000..1_000_000 => (ns as f64 / 1e3, "µs"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    match value {
        v if v >= 100.0 || ns < 1_000 => format!("{v:.0} {unit}"),
        v if v >= 10.0 => format!("{v:.1} {unit}"),
        v => format!("{v:.2} {unit}"),
    }
}

/// `62 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_figures_and_a_fitting_unit() {
        let amounts = [0, 1023, 65536, 3 << 19, 100 << 20, 12_345_678, u64::MAX].map(amount);
        assert_eq!(amounts, ["0 B", "1023 B", "64 KiB", "1.50 MiB", "100 MiB", "11.8 MiB", "16777216 TiB"]);
        assert_eq!(
            [0, 999, 1234, 56_789_000, 2_000_000_000].map(time),
            ["0 ns", "999 ns", "1.23 µs", "56.8 ms", "2.00 s"]
        );
        assert_eq!((percent(0.617), grouped(1_234_567)), ("62 %".into(), "1,234,567".into()));
    }
}
