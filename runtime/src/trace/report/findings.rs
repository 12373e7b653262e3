//! The diagnosis: what the numbers mean, in plain words, and which hint would help.

use super::{
    super::{Recording, ranges::Naming},
    groups::Group,
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

/// What is used so many times as often as pages are on average should stay on the device, whatever goes to and fro.
const HOT: f64 = 2.0;

/// Findings that fit on a page.
const MOST: usize = 6;

/// What is to be said, the most important first.
pub(super) fn of(recording: &Recording, groups: &[Group<'_>]) -> Vec<Finding> {
    let sum = |of: fn(&Group<'_>) -> u64| groups.iter().map(of).sum::<u64>();
    let (capabilities, time) = (&recording.about.capabilities, recording.time());
    let all = Moved {
        pages: sum(|group| group.tally.to_device + group.tally.to_host),
        used: sum(|group| group.tally.used),
        in_place_used: sum(|group| group.tally.in_place),
        size: sum(|group| group.pages),
        budget: capabilities.device_budget_bytes,
        room: capabilities.device_budget_bytes.saturating_sub(recording.about.stats.device_peak_bytes),
        in_place: capabilities.in_place,
        time: time.end - time.start,
    };

    let mut found: Vec<Finding> = groups.iter().flat_map(|group| judge(group, &all)).collect();
    found.sort_by_key(|finding| std::cmp::Reverse(finding.bytes));
    found.truncate(MOST);
    if found.is_empty() {
        found.push(fine(&all));
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

/// What was moved in all, in pages, for how much use, and what there was room for.
struct Moved {
    pages: u64,
    /// Uses by launches, in device memory.
    used: u64,
    /// Uses in place.
    in_place_used: u64,
    /// Pages that anything happened to.
    size: u64,
    /// Bytes of device memory.
    budget: u64,
    /// Of those, what was never used.
    room: u64,
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

    /// Whether launches use a page of this group far more often than others.
    fn is_hot(&self, group: &Group<'_>) -> bool {
        let uses = (group.tally.used + group.tally.in_place) as f64 / group.pages.max(1) as f64;
        uses > HOT * (self.used + self.in_place_used) as f64 / self.size.max(1) as f64
    }

    fn share(&self, pages: u64) -> String {
        percent(pages as f64 / self.pages.max(1) as f64)
    }
}

fn bytes(pages: u64) -> u64 {
    pages * PAGE as u64
}

fn judge(group: &Group<'_>, all: &Moved) -> Vec<Finding> {
    let Group { range, shown, pages, tally, .. } = group;
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
    let round_trips = tally.bounced + tally.bounced_home;
    if all.matters(round_trips) {
        let text = format!(
            "{} of the bytes moved went to and fro: {name} ({size}) went to the device and came back for the CPU again and again, {} in all.",
            all.share(round_trips),
            amount(bytes(round_trips))
        );
        let allowed = if all.in_place { "" } else { "In place allowed, and " };
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
            _ if all.is_hot(group) => format!(
                "prefer_location(Device) on {name}, or access_hint(hot): launches use it more often than the rest, so others should leave first. Or a \
                 larger device budget."
            ),
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
                "In place allowed, and prefer_location(Host) on {name}: using it where it is, once, costs less than copying it."
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
    let fits = all.room >= bytes(tally.in_place_often);
    if fits && bytes(tally.in_place_often) >= BYTES && !tally.advised {
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

fn fine(all: &Moved) -> Finding {
    let text = match (all.budget, all.pages) {
        (0, _) => "Nothing was moved: the device works on the heap's own memory.".into(),
        (_, 0) if all.used + all.in_place_used == 0 => "Nothing was launched on the heap's memory.".into(),
        (_, 0) => "Nothing was moved: launches used all of it where it is.".into(),
        _ => format!(
            "Everything is where it should be: for each byte that was moved, launches used {:.1} on the device and {:.1} in place.",
            all.used as f64 / all.pages as f64,
            all.in_place_used as f64 / all.pages as f64
        ),
    };
    Finding { kind: Kind::Fine, text, advice: String::new(), range: None, bytes: 0 }
}
