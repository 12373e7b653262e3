//! Ranges of one name, which the program thinks of as one.

use super::{
    super::{
        Recording,
        ranges::{Naming, Ranges, Shown},
    },
    account::Tally,
};

pub(super) struct Group<'r> {
    /// The first.
    pub range: usize,
    pub shown: &'r Shown,
    /// How many ranges it is.
    pub ranges: usize,
    pub pages: u64,
    /// Launches that used any of it.
    pub launches: u64,
    pub tally: Tally,
}

/// The ranges, those of one name together.
pub(super) fn of<'r>(recording: &Recording, ranges: &'r Ranges, tallies: &[Tally]) -> Vec<Group<'r>> {
    let mut groups: Vec<Group<'r>> = vec![];
    let mut group_of = vec![];
    for (range, (shown, tally)) in ranges.all().iter().zip(tallies).enumerate() {
        let same = |group: &Group<'r>| shown.kind == Naming::Given && group.shown.name == shown.name;
        let pages = shown.pages.len() as u64;
        let known = groups.iter().position(same);
        group_of.push(known.unwrap_or(groups.len()));
        match known {
            Some(known) => {
                let group = &mut groups[known];
                group.pages += pages;
                group.ranges += 1;
                group.tally.add(tally);
            }
            None => groups.push(Group { range, shown, ranges: 1, pages, launches: 0, tally: tally.clone() }),
        }
    }
    for launch in &recording.launches {
        let used = launch.uses.iter().flat_map(|used| ranges.of_pages(&used.pages));
        let mut used: Vec<usize> = used.map(|range| group_of[range]).collect();
        used.sort_unstable();
        used.dedup();
        used.into_iter().for_each(|group| groups[group].launches += 1);
    }
    groups
}
