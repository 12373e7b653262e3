//! What a program asked of its pages, for the policy lab: see [`vksvm_pages::Trace`].

use super::Recording;
use crate::addr::PAGE;
use std::hash::{DefaultHasher, Hash, Hasher};
use vksvm_pages::{Event, Header, Trace, Want, What};

impl Recording {
    /// The launches with what they used, the CPU's faults, the hints and the frees, in order, in the form that the policy lab reads
    /// (`vksvm_pages::Trace`). `None` in unified placement, where no page moves.
    ///
    /// CPU accesses are known by their faults: of memory that was with the host there are none. A recording of a run that used nothing in
    /// place has the most of them.
    pub fn accesses(&self) -> Option<Vec<u8>> {
        let (model, costs) = self.about.costs?;
        let found = &self.about.capabilities;
        let header = Header {
            pages: (self.about.heap.len() / PAGE as u64) as usize,
            page_bytes: PAGE as u32,
            budget: (found.device_budget_bytes / PAGE as u64) as usize,
            in_place: found.in_place,
            model,
            costs,
        };
        let launches = self.launches.iter().filter(|launch| !launch.uses.is_empty()).map(|launch| {
            let wants: Vec<Want> =
                launch.uses.iter().map(|used| Want { pages: used.pages.clone(), write: used.write }).collect();
            let mut signature = DefaultHasher::new();
            launch.kernel.hash(&mut signature);
            wants.iter().for_each(|want| (want.pages.start, want.pages.end, want.write).hash(&mut signature));
            (launch.issued, What::Launch { signature: signature.finish(), wants: wants.into() })
        });
        let faults = self.faults.iter().map(|fault| {
            (fault.since, What::Touch { page: fault.page, pages: fault.pages.max(1), write: fault.write })
        });
        let hints = self.hints.iter().map(|hint| (hint.at, hint.hint.what(hint.pages.clone())));
        let freed = self.allocations.iter().filter(|allocation| allocation.touched.is_some());
        let frees = freed.filter_map(|one| Some((one.until?, What::Free { pages: one.pages.clone() })));
        let mut all: Vec<(u64, What)> = launches.chain(faults).chain(hints).chain(frees).collect();
        all.sort_by_key(|(at, _)| *at);
        let start = all.first().map_or(0, |(at, _)| *at);
        let events = all.into_iter().map(|(at, what)| Event { at: (at - start) / 1000, what }).collect();
        Some(Trace { header, events }.encode())
    }
}
