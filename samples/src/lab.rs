//! The policy lab: page traces are replayed with each policy on each device model, beside Belady's optimum.

use crate::{
    cli::{LabOptions, Switch},
    info::size,
};
use anyhow::{Context, Result};
use comfy_table::{CellAlignment, LineStyle, Table, presets};
use serde_json::{Value, json};
use std::{fs, path::Path};
use vksvm_pages::{Contender, DeviceModel, Outcome, Room, Trace, What, replay};
use vksvm_samples::workloads::grouped;

/// What one policy made of a trace on one device model.
struct Row {
    contender: Contender,
    model: DeviceModel,
    room: Room,
    outcome: Outcome,
    /// What the optimum made of it there.
    best: Outcome,
}

/// Replays each trace.
pub fn lab(options: &LabOptions) -> Result<()> {
    for file in &options.files {
        let trace = read(file)?;
        let rows = rows(&trace, options);
        if options.json {
            rows.iter().for_each(|row| println!("{}", row.json(file, trace.header.page_bytes)));
        } else {
            print!("{}", report(file, &trace, &rows));
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Trace> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Trace::decode(&bytes).with_context(|| format!("cannot use {}", file.display()))
}

/// Each policy on each device model. Costs that were measured are known where the trace was recorded with them.
fn rows(trace: &Trace, options: &LabOptions) -> Vec<Row> {
    let header = &trace.header;
    let budget = options.budget.map_or(header.budget, |bytes| (bytes / u64::from(header.page_bytes)) as usize);
    let in_place = options.in_place.map_or(header.in_place, |switch| matches!(switch, Switch::On));
    let measured = (header.model == DeviceModel::Measured).then_some(header.costs);
    let models = DeviceModel::ALL.into_iter().filter_map(|model| Some((model, model.costs().or(measured)?)));
    let on = |(model, costs)| {
        let room = Room { budget, in_place, costs };
        let best = replay(trace, Contender::Belady, &room);
        Contender::ALL.map(|contender| {
            let outcome = if contender == Contender::Belady { best } else { replay(trace, contender, &room) };
            Row { contender, model, room, outcome, best }
        })
    };
    models.flat_map(on).collect()
}

impl Row {
    /// Pages fetched over those that the optimum fetches, if it fetches any.
    fn over_best(&self) -> Option<f64> {
        (self.best.fetched > 0).then(|| self.outcome.fetched as f64 / self.best.fetched as f64)
    }

    fn json(&self, file: &Path, page: u32) -> Value {
        let (o, page) = (&self.outcome, u64::from(page));
        json!({
            "file": file.display().to_string(),
            "policy": self.contender.name(),
            "device_model": self.model.name(),
            "budget_bytes": self.room.budget as u64 * page,
            "in_place": self.room.in_place && self.contender != Contender::Belady,
            "launches": o.launches,
            "refused": o.refused,
            "misses": o.misses,
            "bytes_to_device": o.fetched * page,
            "bytes_to_host": o.written_back * page,
            "bytes_dropped": o.dropped * page,
            "in_place_uses": o.in_place,
            "prefetched_used": o.prefetched_used,
            "prefetched_wasted": o.prefetched_wasted,
            "pins": o.pins,
            "cpu_faults": o.faults,
            "modelled_us": o.modelled_ns / 1000,
            "bytes_over_belady": self.over_best(),
        })
    }

    fn cells(&self, page: u32) -> [String; 12] {
        let (o, page) = (&self.outcome, u64::from(page));
        [
            self.model.name().into(),
            self.contender.name().into(),
            grouped(o.misses),
            size(o.fetched * page),
            self.over_best().map_or("–".into(), |ratio| format!("{ratio:.2}")),
            size(o.written_back * page),
            size(o.dropped * page),
            grouped(o.in_place),
            format!("{} / {}", grouped(o.prefetched_used), grouped(o.prefetched_wasted)),
            grouped(o.pins),
            grouped(o.faults),
            format!("{:.2} ms", o.modelled_ns as f64 / 1e6),
        ]
    }
}

/// A trace's table, with what it was replayed in.
fn report(file: &Path, trace: &Trace, rows: &[Row]) -> String {
    let page = trace.header.page_bytes;
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    table.set_header([
        "device",
        "policy",
        "misses",
        "to device",
        "× belady",
        "to host",
        "dropped",
        "in place",
        "prefetched used / wasted",
        "pins",
        "faults",
        "modelled time",
    ]);
    for row in rows {
        table.add_row(row.cells(page));
    }
    for column in 2..12 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let launches = trace.events.iter().filter(|event| matches!(event.what, What::Launch { .. })).count() as u64;
    let bytes = |pages: usize| size(pages as u64 * u64::from(page));
    let mut text = format!("{}: {} launches", file.display(), grouped(launches));
    if let Some(room) = rows.first().map(|row| row.room) {
        let in_place = if room.in_place { "on (not for belady)" } else { "off" };
        text += &format!(", budget {}, in place {in_place}", bytes(room.budget));
    }
    let recorded = if trace.header.in_place { "on" } else { "off" };
    text += &format!("; recorded with {}, in place {recorded}\n{table}\n", bytes(trace.header.budget));
    let refused = rows.iter().map(|row| row.outcome.refused).max().unwrap_or_default();
    if refused > 0 {
        text += &format!("{} of the launches use more than the budget and count as nothing\n", grouped(refused));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use vksvm_pages::{Costs, Event, Header, Want};

    /// Three blocks in turn, in device memory for two of them.
    fn trace(model: DeviceModel) -> Trace {
        let costs = Costs { local: 1, ..Costs::PCIE3 };
        let header = Header { pages: 96, page_bytes: 65536, budget: 64, in_place: false, model, costs };
        let launch = |i: usize| What::Launch {
            signature: i as u64 % 3 + 1,
            wants: [Want { pages: i % 3 * 32..i % 3 * 32 + 32, write: false }].into(),
        };
        let events = (0..10).map(|i| Event { at: i as u64, what: launch(i) }).collect();
        Trace { header, events }
    }

    fn options() -> LabOptions {
        LabOptions { files: vec![], budget: None, in_place: None, json: false }
    }

    #[test]
    fn each_policy_is_tried_on_each_model() {
        let rows = rows(&trace(DeviceModel::Pcie4), &options());
        let of = |row: &Row| (row.model, row.contender);
        let tried: Vec<_> = rows.iter().map(of).collect();
        let models = [DeviceModel::Pcie3, DeviceModel::Pcie4];
        assert_eq!(tried, models.map(|model| Contender::ALL.map(|contender| (model, contender))).concat());
        // The optimum fetches each block once, and then one for every other launch.
        let value = rows[2].json(Path::new("x"), 65536);
        assert_eq!(value["bytes_to_device"], (3 + 3) * 32 * 65536);
        assert_eq!(value["bytes_over_belady"], 1.0);
        let value = rows[0].json(Path::new("x"), 65536);
        assert_eq!((&value["policy"], &value["misses"]), (&json!("lru"), &json!(320)));
        assert_eq!(super::rows(&trace(DeviceModel::Measured), &options()).len(), 9, "measured costs are known then");
    }

    /// The workloads' own traces: half of the working set, and a quarter.
    #[test]
    fn shipped_traces_tell_the_policies_apart() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/traces");
        for name in ["pagerank", "heat", "spmv", "kmeans", "kvstore"] {
            let bytes = std::fs::read(dir.join(format!("{name}.accesses"))).unwrap();
            let trace = Trace::decode(&bytes).unwrap();
            assert!(trace.events.len() > 90, "{name}");
            for share in [1, 2] {
                let budget = trace.header.budget / share;
                let room = Room { budget, in_place: false, costs: Costs::PCIE4 };
                let [lru, auto, least] = Contender::ALL.map(|contender| replay(&trace, contender, &room));
                assert_eq!((lru.refused, lru.launches), (0, auto.launches), "{name}: every launch fits {budget} pages");
                assert!(auto.fetched < lru.fetched, "{name} in {budget} pages: {auto:?}, {lru:?}");
                assert!(4 * auto.fetched < 5 * least.fetched, "{name} in {budget} pages: {auto:?}, {least:?}");
            }
        }
    }

    #[test]
    fn budgets_can_be_other_ones() {
        let options = LabOptions { budget: Some(3 << 20), in_place: Some(Switch::Off), ..options() };
        let trace = trace(DeviceModel::Pcie4);
        let text = report(Path::new("some.trace"), &trace, &rows(&trace, &options));
        assert!(text.starts_with("some.trace: 10 launches, budget 3 MiB, in place off; recorded with 4 MiB"), "{text}");
        let options = LabOptions { budget: Some(1 << 20), ..options };
        let text = report(Path::new("some.trace"), &trace, &rows(&trace, &options));
        assert!(text.contains("10 of the launches use more than the budget"), "{text}");
        let options = LabOptions { in_place: Some(Switch::On), ..options };
        let rows = rows(&trace, &options);
        assert!(rows.iter().all(|row| (row.outcome.refused > 0) == (row.contender == Contender::Belady)));
    }

    #[test]
    fn files_are_read_or_refused() -> Result<()> {
        let file = std::env::temp_dir().join(format!("vksvm-lab-{}.trace", std::process::id()));
        let written = trace(DeviceModel::Pcie3);
        fs::write(&file, written.encode())?;
        let read_back = read(&file);
        fs::write(&file, "something else")?;
        let refused = read(&file);
        fs::remove_file(&file)?;
        assert_eq!(read_back?, written);
        assert!(format!("{:#}", refused.unwrap_err()).contains("no page trace"));
        assert!(read(&file).is_err(), "it is gone");
        Ok(())
    }
}
