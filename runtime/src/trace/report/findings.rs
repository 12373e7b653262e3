//! The diagnosis: what the numbers mean, in plain words, and which hint would help.

use super::{
    super::{
        Recording,
        ranges::{Naming, Ranges, Shown},
    },
    account::Tally,
    words::{amount, grouped, percent, time},
};
use crate::addr::PAGE;
use serde::Serialize;

/// Something that is worth saying about a run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    pub kind: Kind,
    /// What was seen.
    pub text: String,
    /// What to do about it; empty where nothing is to be done.
    pub advice: String,
    /// The range that it is about.
    pub range: Option<usize>,
    /// Bytes that went to and fro for it, by which findings are ordered.
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// CPU and launches take turns on the same pages.
    Bouncing,
    /// Evicted, and needed again.
    Refetched,
    /// Moved for a single launch, then evicted.
    UsedOnce,
    /// Prefetched, and not used.
    Unread,
    /// Used in place again and again.
    InPlace,
    /// The CPU fetches a result a page at a time.
    OneByOne,
    /// The recording is not complete.
    Incomplete,
    /// Nothing of the kind.
    Fine,
}

/// A finding is told if it is about this share of all that was moved, and so many bytes: less is not worth a hint.
const SHARE: f64 = 0.05;
const BYTES: u64 = 1 << 20;

/// Faults that are told: so many, of fewer pages each than this. A scan that fetches ahead has more.
const FAULTS: u64 = 16;
const FEW: f64 = 4.0;

/// And that took this share of the run.
const LONG: f64 = 0.01;

/// Findings that fit on a page.
const MOST: usize = 6;

/// What is to be said, the most important first.
pub(super) fn of(recording: &Recording, ranges: &Ranges, tallies: &[Tally]) -> Vec<Finding> {
    let total: u64 = tallies.iter().map(|tally| tally.to_device + tally.to_host).sum();
    let (capabilities, time) = (&recording.about.capabilities, recording.time());
    let all = Moved {
        pages: total,
        budget: capabilities.device_budget_bytes,
        in_place: capabilities.in_place,
        time: time.end - time.start,
    };

    let mut found: Vec<Finding> = groups(ranges, tallies).iter().flat_map(|group| judge(group, &all)).collect();
    found.sort_by_key(|finding| std::cmp::Reverse(finding.bytes));
    found.truncate(MOST);
    if found.is_empty() {
        found.push(fine(recording, tallies, &all));
    }
    if recording.lost() > 0 {
        found.push(Finding {
            kind: Kind::Incomplete,
            text: format!("The log was full: {} events are missing, from some moment on.", grouped(recording.lost())),
            advice: "SvmBuilder::trace_events makes room for more.".into(),
            range: None,
            bytes: 0,
        });
    }
    found
}

/// What was moved in all, and what there was room for.
struct Moved {
    pages: u64,
    budget: u64,
    /// Whether launches may use what is with the host.
    in_place: bool,
    /// Nanoseconds from the first event to the last.
    time: u64,
}

impl Moved {
    /// Whether so many pages are worth telling.
    fn matters(&self, pages: u64) -> bool {
        pages as f64 >= SHARE * self.pages as f64 && bytes(pages) >= BYTES
    }

    fn share(&self, pages: u64) -> String {
        percent(pages as f64 / self.pages.max(1) as f64)
    }
}

fn bytes(pages: u64) -> u64 {
    pages * PAGE as u64
}

/// Ranges of one name, which the program thinks of as one.
struct Group<'r> {
    /// The first.
    range: usize,
    shown: &'r Shown,
    pages: u64,
    tally: Tally,
}

fn groups<'r>(ranges: &'r Ranges, tallies: &[Tally]) -> Vec<Group<'r>> {
    let mut groups: Vec<Group<'r>> = vec![];
    for (range, (shown, tally)) in ranges.all().iter().zip(tallies).enumerate() {
        let same = |group: &&mut Group<'r>| shown.kind == Naming::Given && group.shown.name == shown.name;
        let pages = shown.pages.len() as u64;
        match groups.iter_mut().find(same) {
            Some(group) => {
                group.pages += pages;
                group.tally.add(tally);
            }
            None => groups.push(Group { range, shown, pages, tally: tally.clone() }),
        }
    }
    groups
}

fn judge(group: &Group<'_>, all: &Moved) -> Vec<Finding> {
    let Group { range, shown, pages, tally } = group;
    let name = match shown.kind {
        Naming::Given => format!("'{}'", shown.name),
        Naming::Address => format!("the memory at {}", shown.name),
        Naming::Several => format!("what is in {}", shown.name),
    };
    let (size, whole) = (amount(bytes(*pages)), capitalised(&name));
    let mut found = vec![];
    let mut tell = |kind, pages, text: String, advice: String| {
        found.push(Finding { kind, text, advice, range: Some(*range), bytes: bytes(pages) });
    };
    let round_trips = 2 * tally.bounced;
    if all.matters(round_trips) {
        let text = format!(
            "{} of the bytes moved went to and fro: {name} ({size}) went to the device and came back for the CPU again and again, {} in all.",
            all.share(round_trips),
            amount(bytes(round_trips))
        );
        let allowed = if all.in_place { "" } else { "in place allowed, and " };
        let advice = format!(
            "{allowed}prefer_location(Host) on {name}: launches then use it where it is, and nothing is copied."
        );
        tell(Kind::Bouncing, round_trips, text, advice);
    }
    let again = tally.refetched + tally.written_back;
    if all.matters(again) {
        let how = if tally.written_back > 0 {
            "were written back, evicted and fetched again"
        } else {
            "were evicted and fetched again"
        };
        let text = format!(
            "{} of the bytes moved {how}: {name} ({size}) takes turns with other data in {} of device memory.",
            all.share(again),
            amount(all.budget)
        );
        let advice = match all.in_place {
            true => format!(
                "prefer_location(Host) on {name}, or access_hint(cold): launches then use it where it is, and what else they use stays on the \
                 device. Or a larger device budget."
            ),
            false => String::from(
                "A larger device budget, or in place allowed and prefer_location(Host); or launches that do more with each part.",
            ),
        };
        tell(Kind::Refetched, again, text, advice);
    } else if all.matters(tally.used_once) {
        let text = format!(
            "{} of the bytes moved were evicted after a single use: {name} ({size}).",
            all.share(tally.used_once)
        );
        let advice = match all.in_place {
            true => format!("prefer_location(Host) on {name}: using it where it is, once, costs less than copying it."),
            false => format!(
                "in place allowed, and prefer_location(Host) on {name}: using it where it is, once, costs less than copying it."
            ),
        };
        tell(Kind::UsedOnce, tally.used_once, text, advice);
    }
    if all.matters(tally.unread) {
        let text = format!(
            "{} of what was prefetched of {name} ({}) went back unread: no launch used it before it left the device.",
            percent(tally.unread as f64 / tally.prefetched.max(1) as f64),
            amount(bytes(tally.unread))
        );
        tell(Kind::Unread, tally.unread, text, format!("Prefetch less of {name}, or closer to its use."));
    }
    // Where the program has said what it thinks of that, it knows.
    if all.budget > 0 && bytes(tally.in_place_often) >= BYTES && !tally.advised {
        let text = format!(
            "{whole} ({size}) stayed with the host, and launches used its pages there up to {} times, {} in all.",
            grouped(tally.in_place_most),
            amount(bytes(tally.in_place_often_uses))
        );
        let advice = format!(
            "prefer_location(Device) on {name}, or access_hint(hot): one copy may replace many reads over the bus."
        );
        tell(Kind::InPlace, tally.in_place_often, text, advice);
    }
    let each = tally.fault_pages as f64 / tally.faults.max(1) as f64;
    // A few pages that are fetched again and again are not a result that could be fetched at once.
    let pages = tally.fault_pages.min(*pages);
    let long = tally.fault_ns as f64 >= LONG * all.time as f64;
    if long && tally.faults >= FAULTS && each < FEW && bytes(pages) >= BYTES && tally.bounced == 0 {
        let text = format!(
            "{whole} ({size}) came home by {} faults of {each:.1} pages each, which took {}.",
            grouped(tally.faults),
            time(tally.fault_ns)
        );
        let advice = format!("prefetch({name}, Host) before the CPU reads it fetches it in one go.");
        tell(Kind::OneByOne, tally.fault_pages, text, advice);
    }
    found
}

/// At the beginning of a sentence.
fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

fn fine(recording: &Recording, tallies: &[Tally], all: &Moved) -> Finding {
    let uses: u64 = recording.launches.iter().flat_map(|launch| &launch.uses).map(|used| used.pages.len() as u64).sum();
    let in_place: u64 = tallies.iter().map(|tally| tally.in_place).sum();
    let text = match (all.budget, all.pages) {
        (0, _) => "Nothing was moved: the device works on the heap's own memory.".into(),
        (_, 0) if uses == 0 => "Nothing was launched on the heap's memory.".into(),
        (_, 0) => "Nothing was moved: launches used all of it where it is.".into(),
        _ => format!(
            "Everything is where it should be: for each byte that was moved, launches used {:.1} on the device and {:.1} in place.",
            (uses - in_place.min(uses)) as f64 / all.pages as f64,
            in_place as f64 / all.pages as f64
        ),
    };
    Finding { kind: Kind::Fine, text, advice: String::new(), range: None, bytes: 0 }
}
