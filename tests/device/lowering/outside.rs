//! Addresses outside the heap lead to a page of zeros, however wild.

use super::{
    case::HEAP,
    job::{Id, Job, Outcome},
    needs,
    probes::Probe,
    ways::Way,
    worker::Worker,
};
use crate::harness::{Ignored, tests};

tests![a_wild_address_reads_zeros];

fn a_wild_address_reads_zeros() -> Result<(), Ignored> {
    needs()?;
    let mut worker = Worker::default();
    let end = HEAP + Probe::Outside(0).case().image.len() as u64;
    let before = [8, HEAP - 8, HEAP & 0xffff_ffff, HEAP - (1 << 32)];
    let after = [end, end + (1 << 32), 1 << 47, (1 << 48) - 8, 1 << 48, HEAP | 1 << 48, HEAP | 1 << 63, u64::MAX - 7];
    let forms: Vec<_> = Way::LOWERED.iter().filter(|way| !matches!(way, Way::Offset)).copied().collect();
    for address in before.into_iter().chain(after) {
        let outcome = worker.judge(&Job { ways: forms.clone(), ..Job::new(Id::Probe(Probe::Outside(address))) });
        assert_eq!(outcome, Outcome::Agrees, "{address:#x}");
    }
    Ok(())
}
