//! One page for people: where memory was and why, drawn from a recording. It holds all that it shows and asks no network for anything.
//!
//! `map` draws memory, `account` counts what became of it, `groups` puts together what has one name, `findings` says what that means, `data` is what the page's
//! script draws. What needs no drawing is written here as HTML, so that it is there without the script, too.

mod account;
mod data;
mod findings;
mod groups;
mod map;
mod words;

use super::Recording;
use data::Data;
use findings::{Finding, Kind};
use std::fmt::Write;
use words::{amount, grouped, percent, time};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page.
pub(super) fn page(recording: &Recording) -> serde_json::Result<String> {
    let data = Data::of(recording);
    let json = serde_json::to_string(&data)?;
    Ok(fill(
        TEMPLATE,
        &[
            ("title", &escaped(&data.title)),
            ("subtitle", &escaped(&subtitle(recording))),
            ("style", STYLE),
            ("figures", &figures(&data)),
            ("findings", &data.findings.iter().map(finding).collect::<String>()),
            ("kernels", &kernels(&data)),
            ("ranges", &ranges(&data)),
            ("counters", &counters(&data)),
            ("footnote", &escaped(&footnote(&data))),
            // What would end the script's element is written so that it does not.
            ("data", &json.replace('<', "\\u003c")),
            ("script", SCRIPT),
        ],
    ))
}

/// Puts values in the place of `{{name}}`. What values hold is left alone.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut page = String::with_capacity(template.len() + values.iter().map(|(_, value)| value.len()).sum::<usize>());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        page += before;
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        page += values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        rest = after;
    }
    page + rest
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            _ => escaped.push(c),
        }
    }
    escaped
}

fn subtitle(recording: &Recording) -> String {
    let c = &recording.about.capabilities;
    let mut text = format!("{} ({}), placement {}", c.device, c.driver, c.placement.name());
    if c.device_budget_bytes > 0 {
        let in_place = if c.in_place { "in place allowed" } else { "in place off" };
        _ = write!(text, ", {} of device memory, {in_place}, faults by {}", amount(c.device_budget_bytes), c.faults);
    }
    text
}

/// What is told first.
fn figures(data: &Data) -> String {
    let stats = &data.stats;
    let kernel: u64 = data.kernels.iter().map(|kernel| kernel.ns).sum();
    let launches: u64 = data.kernels.iter().map(|kernel| kernel.launches).sum();
    let share = |part: u64, of: u64| percent(part as f64 / of.max(1) as f64);
    let mut figures = vec![
        ("from first to last event", time(data.duration_ns), String::new()),
        (
            "launches",
            grouped(launches),
            format!("kernels ran for {}, {} of it", time(kernel), share(kernel, data.duration_ns)),
        ),
    ];
    if data.budget_bytes > 0 {
        let peak = share(stats.device_peak_bytes, data.budget_bytes);
        figures.extend([
            ("copied to the device", amount(stats.bytes_to_device), String::new()),
            ("copied to the host", amount(stats.bytes_to_host), String::new()),
            ("CPU faults", grouped(stats.cpu_faults), String::new()),
            ("pages evicted", grouped(stats.evictions), String::new()),
            ("pages used in place", grouped(stats.in_place_pages), "counted once a launch".into()),
            ("device memory at most", amount(stats.device_peak_bytes), format!("{peak} of the budget")),
        ]);
    }
    let figure = |(name, value, more): (&str, String, String)| {
        let more = if more.is_empty() { String::new() } else { format!("<small>{}</small>", escaped(&more)) };
        format!("<div class=\"figure\"><b>{}</b><span>{name}</span>{more}</div>\n", escaped(&value))
    };
    figures.into_iter().map(figure).collect()
}

fn finding(finding: &Finding) -> String {
    let class = match finding.kind {
        Kind::Fine => "good",
        Kind::Incomplete => "note",
        _ => "bad",
    };
    let advice = match finding.advice.is_empty() {
        true => String::new(),
        false => format!(" <em>{}</em>", escaped(&finding.advice)),
    };
    format!("<li class=\"{class}\">{}{advice}</li>\n", escaped(&finding.text))
}

fn kernels(data: &Data) -> String {
    let row = |kernel: &data::KernelData| {
        let mean = kernel.ns.checked_div(kernel.timed).map_or("–".into(), time);
        let all = if kernel.timed > 0 { time(kernel.ns) } else { "–".into() };
        let name = escaped(&kernel.name);
        format!("<tr><td>{name}</td><td>{}</td><td>{all}</td><td>{mean}</td></tr>\n", grouped(kernel.launches))
    };
    data.kernels.iter().filter(|kernel| kernel.launches > 0).map(row).collect()
}

fn ranges(data: &Data) -> String {
    let row = |group: &data::GroupData| {
        let cells = [
            amount(group.bytes),
            grouped(group.launches),
            amount(group.to_device_bytes),
            amount(group.to_host_bytes),
            grouped(group.faults),
            grouped(group.in_place_pages),
        ];
        let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        let pieces = if group.ranges > 1 { format!(" <small>{} pieces</small>", group.ranges) } else { String::new() };
        format!("<tr><td>{}{pieces}</td>{cells}</tr>\n", escaped(&group.name))
    };
    data.groups.iter().map(row).collect()
}

/// Every counter, under its name in `Stats`.
fn counters(data: &Data) -> String {
    let value = serde_json::to_value(data.stats).unwrap_or_default();
    let mut rows = String::new();
    counter(&mut rows, "", &value);
    rows
}

fn counter(rows: &mut String, name: &str, value: &serde_json::Value) {
    match value {
        serde_json::Value::Object(fields) => {
            for (field, value) in fields {
                let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
                counter(rows, &name, value);
            }
        }
        _ => {
            let number = value.as_u64().unwrap_or(0);
            // Most causes have moved nothing.
            if number == 0 && name.contains('.') {
                return;
            }
            let shown = if name.contains("bytes") { amount(number) } else { grouped(number) };
            _ = writeln!(
                rows,
                "<tr data-counter=\"{name}\" data-value=\"{number}\"><td>{name}</td><td>{shown}</td></tr>"
            );
        }
    }
}

fn footnote(data: &Data) -> String {
    let mut text = String::from(
        "Pages have 64 KiB. What the CPU does with pages that it has is not seen, only its first touch of those that it has not.",
    );
    if data.clock_within_ns > 0 {
        _ = write!(text, " Kernels' times are the device's, to within {} of the system's.", time(data.clock_within_ns));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_filled_in_once() {
        assert_eq!(fill("a {{x}} b {{y}}{{z}}.", &[("x", "{{y}}"), ("y", "2")]), "a {{y}} b 2.");
        assert_eq!(escaped("<b> & \"c\""), "&lt;b&gt; &amp; &quot;c&quot;");
    }

    #[test]
    fn every_place_in_the_template_has_a_value() {
        let names = [
            "title", "subtitle", "style", "figures", "findings", "kernels", "ranges", "counters", "footnote", "data",
            "script",
        ];
        let mut found: Vec<&str> = TEMPLATE.split("{{").skip(1).filter_map(|part| part.split("}}").next()).collect();
        found.sort_unstable();
        found.dedup();
        let mut names = names.to_vec();
        names.sort_unstable();
        assert_eq!(found, names);
    }
}
