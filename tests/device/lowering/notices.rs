//! That the harness notices: cases that go wrong on purpose come out as wrong, each in its own way.

use super::{
    job::{Id, Job, Kind, Lowering, Outcome},
    needs,
    probes::Probe,
    ways::Way,
    worker::Worker,
};
use crate::harness::{Ignored, tests};

tests![
    a_module_that_is_left_alone,
    a_translation_that_is_off,
    a_module_that_does_not_end,
    a_module_that_crashes,
    a_module_that_changes_nothing,
    a_module_that_the_device_cannot_run,
];

const TABLE: Way = Way::Table { page_shift: 8 };

fn judged(worker: &mut Worker, probe: Probe, lowering: Lowering, way: Way, milliseconds: u64) -> Outcome {
    worker.judge(&Job { lowering, ways: vec![way], milliseconds, stop_early: true, ..Job::new(Id::Probe(probe)) })
}

/// The one thing that is wrong.
#[track_caller]
fn wrong(outcome: &Outcome, kind: Kind, parts: &[&str]) {
    let Outcome::Wrong(wrongs) = outcome else { panic!("{kind:?} expected: {outcome:?}") };
    assert!(wrongs.len() == 1 && wrongs[0].kind == kind, "{kind:?} expected: {wrongs:?}");
    for part in parts {
        assert!(wrongs[0].text.contains(part), "'{}' does not say '{part}'", wrongs[0].text);
    }
}

fn a_module_that_is_left_alone() -> Result<(), Ignored> {
    needs()?;
    let mut worker = Worker::default();
    assert_eq!(judged(&mut worker, Probe::Walk, Lowering::Nothing, Way::Plain, 20_000), Outcome::Agrees);
    for way in Way::LOWERED {
        // It reads poison at the list's start, doubles it, and writes its sum, too.
        let outcome = judged(&mut worker, Probe::Walk, Lowering::Nothing, *way, 20_000);
        wrong(&outcome, Kind::Stray, &["the poison at 0x2a5cfff8", "a write that was not translated"]);
    }
    Ok(())
}

fn a_translation_that_is_off() -> Result<(), Ignored> {
    needs()?;
    let mut worker = Worker::default();
    for way in Way::LOWERED {
        let outcome = judged(&mut worker, Probe::Walk, Lowering::Beside, *way, 20_000);
        assert!(matches!(outcome, Outcome::Wrong(_)), "{way}: {outcome:?}");
    }
    Ok(())
}

fn a_module_that_does_not_end() -> Result<(), Ignored> {
    needs()?;
    let mut worker = Worker::default();
    wrong(&judged(&mut worker, Probe::Circle, Lowering::Nothing, Way::Plain, 500), Kind::Stuck, &["500ms"]);
    assert_eq!(judged(&mut worker, Probe::Walk, Lowering::Nothing, Way::Plain, 20_000), Outcome::Agrees);
    Ok(())
}

fn a_module_that_crashes() -> Result<(), Ignored> {
    needs()?;
    let mut worker = Worker::default();
    wrong(&judged(&mut worker, Probe::Wild, Lowering::Nothing, Way::Plain, 20_000), Kind::Crashed, &["signal: 11"]);
    assert_eq!(judged(&mut worker, Probe::Walk, Lowering::Nothing, Way::Plain, 20_000), Outcome::Agrees);
    Ok(())
}

fn a_module_that_changes_nothing() -> Result<(), Ignored> {
    needs()?;
    let outcome = judged(&mut Worker::default(), Probe::Idle, Lowering::Nothing, TABLE, 20_000);
    wrong(&outcome, Kind::Failed, &["tests nothing"]);
    Ok(())
}

fn a_module_that_the_device_cannot_run() -> Result<(), Ignored> {
    needs()?;
    let outcome = judged(&mut Worker::default(), Probe::Incapable, Lowering::Nothing, TABLE, 20_000);
    assert_eq!(outcome, Outcome::Skipped("needs Kernel".into()));
    Ok(())
}
