//! Law 1: pages are revoked or protected before they are copied, so that no write falls between.

use crate::{
    discrete::{
        Mode,
        kernels::Fold,
        rig::{Rig, Stop, WORDS, in_modes, pattern},
    },
    harness::Ignored,
};
use libtest_mimic::Trial;
use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    thread,
};
use vksvm::SvmVec;

pub fn tests() -> Vec<Trial> {
    in_modes![writes_beside_a_launch_that_writes, writes_beside_a_launch_that_reads].into()
}

/// Places of the program's words in its half of the page.
const STEP: usize = 97;

/// Half of each page is a launch's, the other half is written by the program all the time.
fn writes_beside_a_launch_that_writes(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let mut v = rig.svm.zeroed::<u32>(4 * WORDS);
    let mut model = vec![0; 2 * WORDS];
    let stop = AtomicBool::new(false);
    // The border lies in a page's middle.
    let (launched, mine) = v.split_at_mut(2 * WORDS + WORDS / 2);
    let launched = &mut launched[WORDS / 2..];
    thread::scope(|t| {
        let own: &[AtomicU32] = atomics(mine);
        for first in 0..2 {
            let stop = &stop;
            t.spawn(move || {
                let places = || (first * STEP / 2..WORDS / 2).step_by(STEP);
                for round in 0.. {
                    for at in places() {
                        let seen = own[at].load(SeqCst);
                        assert_eq!(seen, round, "{}: word {at}, the last write is gone", mode.name);
                        own[at].store(round + 1, SeqCst);
                    }
                    if stop.load(SeqCst) {
                        break;
                    }
                }
            });
        }
        let _stop = Stop(&stop);
        for seed in 0..60 {
            rig.put(launched, &mut model, [seed % 5, 3], seed);
        }
    });
    rig.program_sees(launched, &model, "the launches' half");
    Ok(())
}

/// The program writes beside what a launch reads; a later launch reads what the program wrote.
fn writes_beside_a_launch_that_reads(mode: &'static Mode) -> Result<(), Ignored> {
    let rig = Rig::open(mode)?;
    let model = pattern(1, WORDS / 2);
    let mut v: SvmVec<u32> = rig.svm.vec(model.iter().copied());
    v.resize(WORDS, 0);
    let mut of_mine = vec![0; WORDS / 2];
    let mut to = rig.svm.zeroed::<u32>(64);
    for round in 0..60u32 {
        let (read, mine) = v.split_at_mut(WORDS / 2);
        let times = (round as usize * 37) % 500;
        rig.svm
            .scope(|s| {
                let from = s.read(&*read);
                thread::scope(|t| {
                    t.spawn(|| {
                        let own = atomics(mine);
                        for i in 0..times {
                            own[i * 13 % own.len()].store(round << 16 | i as u32, SeqCst);
                        }
                    });
                    let args = Fold { from, to: s.write(&mut to), n: 64, of: WORDS as u32 / 2, seed: 1 };
                    rig.kernels.fold.launch(64u32, args).map(drop)
                })
            })
            .unwrap_or_else(|error| panic!("{}: {error}", mode.name));
        let len = of_mine.len();
        (0..times).for_each(|i| of_mine[i * 13 % len] = round << 16 | i as u32);
        rig.device_sees(&v[WORDS / 2..], &of_mine, "what the program wrote beside a reading launch");
        rig.device_sees(&v[..WORDS / 2], &model, "what was only read");
    }
    Ok(())
}

/// So that each touch is one.
fn atomics(words: &mut [u32]) -> &[AtomicU32] {
    super::content::atomics(words)
}
