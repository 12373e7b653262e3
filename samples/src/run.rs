//! Running workloads one after the other.

use crate::{
    cli::RunOptions,
    display::{Display, Row},
    record::Record,
    seen::Seen,
};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use std::io::Write;
use vksvm_samples::workloads::{ALL, Job, Size, Workload};

/// Runs what the options name; whether every result was right.
pub fn run(options: &RunOptions) -> Result<bool> {
    let chosen = choose(&options.names)?;
    check_input(options, &chosen)?;
    let seen = Seen::create(options)?;
    let svm = seen.trace(options.open.builder(options.advice.policy())).open()?;
    let display = Display::new(options.json, chosen.len());
    let (mut rows, mut all_right) = (vec![], true);

    for workload in chosen {
        display.start(workload.name);
        let job = Job {
            svm: &svm,
            size: size(workload, options),
            seed: options.seed,
            advice: options.advice,
            input: options.input.as_deref().filter(|_| workload.input.is_some()),
            out: &options.out,
            step: &|what| display.step(workload.name, what),
        };
        // An error ends this workload, not the others.
        let before = svm.stats();
        let outcome = workload.run(&job);
        let row = match &outcome {
            Ok(outcome) => Row::of(workload, outcome),
            Err(error) => Row::failed(workload, error),
        };
        all_right &= row.problem().is_none();
        display.finish(&row);
        if options.json
            && let Ok(outcome) = &outcome
        {
            let line = serde_json::to_string(&Record::new(workload, &svm, &before, outcome))?;
            // Not println: a reader that has gone away is an error to report, not a panic.
            writeln!(std::io::stdout().lock(), "{line}").context("cannot write to standard output")?;
        }
        rows.push(row);
    }
    display.close();
    seen.write(&svm, title(options, &rows))?;
    if options.json {
        for row in &rows {
            if let Some(problem) = row.problem() {
                eprintln!("error: {}: {problem}", row.workload());
            }
        }
    } else {
        print!("{}", crate::display::report(&rows, svm.capabilities()));
    }
    Ok(all_right)
}

fn choose(names: &[String]) -> Result<Vec<&'static Workload>> {
    let mut chosen: Vec<&'static Workload> = vec![];
    for name in names {
        let more = match Workload::named(name) {
            Some(workload) => vec![workload],
            None if name == "all" => ALL.iter().filter_map(|w| Workload::named(w.name)).collect(),
            None => bail!("there is no workload '{name}'; there are {} and all", ALL.map(|w| w.name).join(", ")),
        };
        for workload in more {
            // Named twice, or by name and by `all`: run once.
            if chosen.iter().all(|c| c.name != workload.name) {
                chosen.push(workload);
            }
        }
    }
    Ok(chosen)
}

/// An input that nothing would read is a mistake; one that cannot be read is told before anything runs.
fn check_input(options: &RunOptions, chosen: &[&Workload]) -> Result<()> {
    let Some(path) = &options.input else { return Ok(()) };
    if chosen.iter().all(|w| w.input.is_none()) {
        bail!("--input is of no use: none of the chosen workloads takes a file");
    }
    std::fs::File::open(path).with_context(|| format!("cannot read --input {}", path.display()))?;
    Ok(())
}

/// What was run, as a trace and a report call it.
fn title(options: &RunOptions, rows: &[Row]) -> String {
    let names: Vec<_> = rows.iter().map(Row::workload).collect();
    let size = options.size.map_or(String::new(), |size| format!(", size {size}"));
    let advice =
        options.advice.to_possible_value().map_or(String::new(), |advice| format!(", advice {}", advice.get_name()));
    format!("{}{size}{advice}", names.join(", "))
}

/// In the workload's unit. A file given without a size is taken as it is.
fn size(workload: &Workload, options: &RunOptions) -> Option<u64> {
    match options.size {
        Some(size) => workload.units(size),
        None if options.input.is_some() && workload.input.is_some() => None,
        None => workload.units(Size::Medium),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| s.to_string()).collect()
    }

    #[test]
    fn names_are_resolved_once_each() {
        let chosen = choose(&names(&["bfs", "saxpy", "bfs"])).unwrap();
        assert_eq!(chosen.iter().map(|w| w.name).collect::<Vec<_>>(), ["bfs", "saxpy"]);
        assert_eq!(choose(&names(&["bfs", "all"])).unwrap().len(), ALL.len());
        let error = choose(&names(&["sort"])).err().unwrap().to_string();
        assert!(error.contains("'sort'") && error.contains("wordcount"), "{error}");
    }
}
