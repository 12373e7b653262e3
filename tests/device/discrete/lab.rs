//! What the runtime records is what the policy lab replays: both move the same pages.

use super::{
    Mode,
    rig::{HEAP, Rig, in_discrete_modes, pattern},
};
use crate::harness::Ignored;
use libtest_mimic::Trial;
use vksvm::{BLOCK, PAGE, Policy, SvmVec};
use vksvm_pages::{Contender, Room, Trace, replay};

pub fn tests() -> Vec<Trial> {
    in_discrete_modes![the_lab_moves_what_the_runtime_moved].into()
}

/// Blocks of data, and of device memory.
const DATA: usize = 6;
const ROOM: usize = 3;

/// Launches that go round through data that does not fit, under both policies. Where nothing is used in place nothing is left to
/// chance but when the CPU's touches come, of which there are none in between.
fn the_lab_moves_what_the_runtime_moved(mode: &'static Mode) -> Result<(), Ignored> {
    if mode.in_place {
        // The other modes are those in which all must move.
        return Ok(());
    }
    for (policy, contender) in [(Policy::Lru, Contender::Lru), (Policy::Auto, Contender::Auto)] {
        let builder = mode.builder(HEAP, (ROOM * BLOCK) as u64).detect_untranslated(false);
        let rig = Rig::of(mode, builder.policy(policy).trace(true))?;
        let words = BLOCK / 4;
        let mut model = pattern(1, (DATA + 1) * words);
        let mut v: SvmVec<u32> = rig.svm.vec(model.iter().copied());
        let first = v.as_ptr().addr().next_multiple_of(BLOCK).abs_diff(v.as_ptr().addr()) / 4;
        for round in 0..6 {
            for i in 0..DATA {
                let block = first + i * words..first + (i + 1) * words;
                rig.put(&mut v[block.clone()], &mut model[block], [round, 7], round);
            }
        }
        let stats = rig.stats();
        let recording = rig.svm.recording().expect("it is traced");
        assert_eq!(recording.lost(), 0);
        let trace = Trace::decode(&recording.accesses().expect("pages move")).expect("it was just written");
        assert_eq!((trace.header.budget, trace.header.in_place), (ROOM * BLOCK / PAGE, false));
        let room = Room { budget: trace.header.budget, in_place: false, costs: trace.header.costs };
        let replayed = replay(&trace, contender, &room);
        assert_eq!(replayed.launches, stats.launches, "{}, {policy:?}", mode.name);
        let moved = stats.bytes_to_device / PAGE as u64;
        assert_eq!(replayed.fetched, moved, "{}, {policy:?}: the lab has {replayed:?}", mode.name);
        let least = replay(&trace, Contender::Belady, &room).fetched;
        assert!(least <= moved, "{}, {policy:?}: nobody does with less than {least}", mode.name);
        if policy == Policy::Lru {
            assert_eq!(moved as usize, 6 * DATA * BLOCK / PAGE, "{}: in rounds, LRU always misses", mode.name);
        } else {
            assert!(4 * moved < 5 * least, "{}: {moved} pages, and {least} would have done", mode.name);
        }
        rig.program_sees(&v, &model, "at the end");
    }
    Ok(())
}
