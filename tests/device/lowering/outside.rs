//! The edges of the heap: its last bytes are inside, addresses outside lead to a page of zeros, however wild, and a misaligned
//! address never reaches into the next page.

use super::{
    case::HEAP,
    job::{Id, Job, Outcome},
    needs,
    probes::Probe,
    worker::spread,
};
use crate::harness::{Ignored, tests};

tests![every_edge];

/// The cases.
pub fn ids() -> Vec<Id> {
    let end = HEAP + Probe::Walk.case().image.len() as u64;
    let before = [8, HEAP - 16, HEAP & 0xffff_ffff, HEAP - (1 << 32)];
    let after = [end, end + (1 << 32), 1 << 47, (1 << 48) - 8, 1 << 48, HEAP | 1 << 48, HEAP | 1 << 63, u64::MAX - 7];
    let outside = before.into_iter().chain(after).map(Probe::Outside);
    [Probe::Walk, Probe::Misaligned].into_iter().chain(outside).map(Id::Probe).collect()
}

fn every_edge() -> Result<(), Ignored> {
    needs()?;
    let ids = ids();
    let outcomes = spread(ids.len(), |worker, index| worker.judge(&Job::new(ids[index].clone())));
    let wrong: Vec<_> = ids.iter().zip(&outcomes).filter(|(_, outcome)| **outcome != Outcome::Agrees).collect();
    assert!(wrong.is_empty(), "{wrong:#x?}");
    Ok(())
}
