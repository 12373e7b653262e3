//! Judges a job: lowers the case for each way, has spirv-val look, runs all, compares byte for byte.
//!
//! # Safety
//! Lowered words run only if spirv-val has passed them; the words of cases were passed when they were made, and are looked at
//! again where the plain way is among a job's.
#![allow(unsafe_code)]

use super::{
    case::{Case, HEAP},
    dump::Dump,
    job::{Job, Kind, Lowering, Outcome, Wrong},
    laws,
    range::POISON,
    runner::{Ran, Runner, Stuck, dump},
    validity,
    ways::{GAP, Way},
    words::{capabilities, leave_loops},
};
use rspirv::spirv::Capability;
use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};
use vksvm::seam::validation_messages;
use vksvm_spirv::Error;

/// A way, and the words that it runs.
struct Lowered {
    way: Way,
    words: Vec<u32>,
}

/// Judges. `started` is told what is about to run.
pub fn judge(runner: &mut Runner<'_>, job: &Job, mut started: impl FnMut(Way)) -> Outcome {
    let mut case = job.id.case();
    case.check();
    leave_loops(&mut case.words);
    if let Some(reason) = lacking(runner, &case.words) {
        return Outcome::Skipped(reason);
    }
    let mut wrongs = vec![];
    let mut lowered = vec![];
    for way in &job.ways {
        match lower(runner, job, &case, *way) {
            Ok(Some(words)) => lowered.push(Lowered { way: *way, words }),
            Ok(None) => {}
            Err(wrong) => wrongs.push(wrong),
        }
    }
    if lowered.is_empty() && wrongs.is_empty() {
        return Outcome::Unaffected;
    }
    wrongs.extend(laws(runner, job, &case, &lowered));
    let checks: Vec<_> = lowered.iter().map(|l| (l.way, validity::start(&l.words))).collect();
    let invalid: Vec<_> = checks.into_iter().filter_map(|(way, check)| Some((way, check.finish().err()?))).collect();
    lowered.retain(|l| !invalid.iter().any(|(way, _)| *way == l.way));
    wrongs.extend(invalid.into_iter().map(|(way, text)| Wrong { kind: Kind::Invalid, way, text }));
    if let Some(reason) = lowered.first().and_then(|l| lacking(runner, &l.words)) {
        return Outcome::Skipped(format!("lowered, it {reason}"));
    }
    let mut images = vec![];
    if job.run && (wrongs.is_empty() || !job.stop_early) {
        wrongs.extend(run_all(runner, job, &case, &lowered, &mut images, &mut started));
    }
    if job.dump || (job.lowering == Lowering::Right && !job.stop_early && !wrongs.is_empty()) {
        let words = lowered.iter().map(|l| (l.way, &l.words[..]));
        let place = Dump::new(&job.id).write(&case, words, &images);
        if let Some(wrong) = wrongs.last_mut() {
            wrong.text += &format!("\n    before and after: {place}");
        }
    }
    if wrongs.is_empty() { Outcome::Agrees } else { Outcome::Wrong(wrongs) }
}

/// Runs the case as it is, or knows what that would leave, then lowered, and compares. `images` gets what each way left.
fn run_all(
    runner: &mut Runner<'_>,
    job: &Job,
    case: &Case,
    lowered: &[Lowered],
    images: &mut Vec<(Way, Vec<u8>)>,
    started: &mut impl FnMut(Way),
) -> Vec<Wrong> {
    let plain = match job.id.expected(case) {
        Some(image) => image,
        None => {
            started(Way::Plain);
            match execute(runner, job, case, Way::Plain, &case.words) {
                Ok(image) => image,
                Err(wrong) => return vec![wrong],
            }
        }
    };
    let mut wrongs = vec![];
    if plain == case.image {
        let text = "the module changes nothing, so it tests nothing".into();
        wrongs.push(Wrong { kind: Kind::Failed, way: Way::Plain, text });
    }
    for l in lowered {
        let enough = |wrong: &Wrong| job.stop_early || wrong.kind == Kind::Stuck;
        if wrongs.iter().any(enough) {
            break;
        }
        started(l.way);
        match execute(runner, job, case, l.way, &l.words) {
            Err(wrong) => wrongs.push(wrong),
            Ok(image) => {
                wrongs.extend(compare(case, l.way, &plain, &image));
                images.push((l.way, image));
            }
        }
    }
    images.push((Way::Plain, plain));
    wrongs
}

/// The words for a way; none where what is broken makes no difference.
fn lower(runner: &mut Runner<'_>, job: &Job, case: &Case, way: Way) -> Result<Option<Vec<u32>>, Wrong> {
    let wrong = |kind, text: String| Wrong { kind, way, text };
    let translation = runner.translation(way, case.image.len()).map_err(|e| wrong(Kind::Failed, format!("{e:#}")))?;
    let Some(translation) = translation else { return Ok(Some(case.words.clone())) };
    let refused = |error: Error| wrong(Kind::Refused, error.to_string());
    let lowered = job.lowering.apply(&case.words, translation);
    // Also where both refuse the module: nobody can tell them apart.
    if let Lowering::Broken(_) = job.lowering
        && Lowering::Right.apply(&case.words, translation) == lowered
    {
        return Ok(None);
    }
    let words = lowered.map_err(refused)?;
    Ok(Some(words))
}

/// Which promises the words break.
fn laws(runner: &mut Runner<'_>, job: &Job, case: &Case, lowered: &[Lowered]) -> Vec<Wrong> {
    let mut wrongs = vec![];
    for Lowered { way, words } in lowered.iter().filter(|l| l.way != Way::Plain) {
        let by_lower = || match runner.translation(*way, case.image.len()) {
            Ok(Some(translation)) if job.lowering == Lowering::Right => laws::broken_by_lower(&case.words, translation),
            _ => None,
        };
        let text = match job.lowering {
            Lowering::Nothing => None,
            _ => laws::broken(&case.words, *way, words).or_else(by_lower),
        };
        wrongs.extend(text.map(|text| Wrong { kind: Kind::Law, way: *way, text }));
    }
    wrongs
}

/// What the device lacks for these words.
fn lacking(runner: &Runner<'_>, words: &[u32]) -> Option<String> {
    let version = words.get(1).copied().unwrap_or_default();
    if version > runner.device.spirv_version() {
        return Some(format!("needs SPIR-V {}.{}", version >> 16 & 0xff, version >> 8 & 0xff));
    }
    let missing: BTreeSet<String> = capabilities(words)
        .filter(|number| !Capability::from_u32(*number).is_some_and(|c| runner.device.allows(c)))
        .map(|number| Capability::from_u32(number).map_or(number.to_string(), |c| format!("{c:?}")))
        .collect();
    (!missing.is_empty()).then(|| format!("needs {}", Vec::from_iter(missing).join(", ")))
}

fn execute(runner: &mut Runner<'_>, job: &Job, case: &Case, way: Way, words: &[u32]) -> Result<Vec<u8>, Wrong> {
    let wrong = |kind, text: String| Wrong { kind, way, text };
    let mut hasher = DefaultHasher::new();
    (&case.name, way).hash(&mut hasher);
    let before = validation_messages().len();
    let limit = Duration::from_millis(job.milliseconds);
    // SAFETY: this module's promise.
    let ran = unsafe { runner.run(case, way, words, hasher.finish(), limit) };
    let Ran { image, mut strays, null } = ran.map_err(|error| {
        let kind = if error.is::<Stuck>() { Kind::Stuck } else { Kind::Failed };
        wrong(kind, format!("{error:#}"))
    })?;
    if let Some(said) = validation_messages().get(before) {
        return Err(wrong(Kind::Layer, said.clone()));
    }
    strays.extend(null.filter(|_| !job.id.may_write_null()));
    if !strays.is_empty() {
        return Err(wrong(Kind::Stray, format!("written: {}", strays.join("; "))));
    }
    Ok(image)
}

/// The first byte that differs, in words.
fn compare(case: &Case, way: Way, plain: &[u8], image: &[u8]) -> Option<Wrong> {
    if plain == image {
        return None;
    }
    let differing: Vec<_> = (0..plain.len()).filter(|at| plain[*at] != image[*at]).collect();
    let first = differing[0];
    let page_shift = match way {
        Way::Table { page_shift } | Way::Mirrored { page_shift } => page_shift,
        _ => 16,
    };
    let pages: BTreeSet<_> = differing.iter().map(|at| at >> page_shift).collect();
    let text = format!(
        "byte {:#x} (heap + {first:#x}, page {:#x} + {:#x}) holds {}, plain {}, before {}; {} bytes in {} pages differ{}",
        HEAP + first as u64,
        first >> page_shift,
        first & ((1 << page_shift) - 1),
        dump(&image[first..]),
        dump(&plain[first..]),
        dump(&case.image[first..]),
        differing.len(),
        pages.len(),
        hint(first, &image[first & !7..], &case.image[first & !7..]),
    );
    Some(Wrong { kind: Kind::Differs, way, text })
}

/// Where a wrong value may come from.
fn hint(at: usize, found: &[u8], before: &[u8]) -> &'static str {
    let (found, before) = (&found[..8.min(found.len())], &before[..8.min(before.len())]);
    let poison = POISON.to_le_bytes();
    if at.is_multiple_of(4) && (found[at & 4..].starts_with(&poison[..4]) || found[at & 4..].starts_with(&poison[4..]))
    {
        ": the heap's own poison, so a load was not translated"
    } else if found.windows(3).any(|window| window == [GAP; 3]) {
        ": the filler between pages, so a load straddles or was translated wrongly"
    } else if found == before {
        ": never written, so a store went elsewhere"
    } else {
        ""
    }
}
