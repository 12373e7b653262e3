//! The lowering with one thing broken: every such mutant must come out as wrong in some case.

use super::{
    corpus,
    job::{Id, Job, Kind, Lowering, Outcome},
    needs,
    worker::{Worker, spread},
};
use crate::harness::{Ignored, trial};
use libtest_mimic::Trial;
use vksvm_spirv::Broken;

pub fn tests() -> Vec<Trial> {
    vec![trial(module_path!(), "every_mutant_is_killed", every_mutant_is_killed)]
}

/// What became of a mutant.
struct Fate {
    /// Which case noticed, and how; none if the mutant survived.
    killed: Option<(Id, Kind, String)>,
    /// Cases whose words it changed, up to the one that noticed.
    ran: usize,
    /// Cases that were looked at.
    tried: usize,
}

/// The cases, in the order in which they are tried.
fn battery() -> Vec<Id> {
    corpus::names().into_iter().map(|name| Id::Corpus(name, 0)).collect()
}

fn hunt(worker: &mut Worker, mutant: usize, battery: &[Id]) -> Fate {
    let mut fate = Fate { killed: None, ran: 0, tried: 0 };
    for id in battery {
        fate.tried += 1;
        let job =
            Job { lowering: Lowering::Broken(mutant), stop_early: true, milliseconds: 5_000, ..Job::new(id.clone()) };
        match worker.judge(&job) {
            Outcome::Unaffected | Outcome::Skipped(_) => {}
            Outcome::Agrees => fate.ran += 1,
            Outcome::Wrong(wrongs) => {
                fate.ran += 1;
                let wrong = &wrongs[0];
                fate.killed = Some((id.clone(), wrong.kind, wrong.way.to_string()));
                break;
            }
        }
    }
    fate
}

fn every_mutant_is_killed() -> Result<(), Ignored> {
    needs()?;
    let battery = battery();
    let fates = spread(Broken::ALL.len(), |worker, mutant| hunt(worker, mutant, &battery));
    println!("\n{:<32} {:<10} {:<14} {:>6} {:>6}  killed by", "mutant", "how", "way", "ran", "tried");
    for (mutant, fate) in Broken::ALL.iter().zip(&fates) {
        let Fate { killed, ran, tried } = fate;
        match killed {
            Some((id, kind, way)) => println!("{mutant:<32?} {kind:<10?} {way:<14} {ran:>6} {tried:>6}  {id}"),
            None => println!("{mutant:<32?} SURVIVED   {:<14} {ran:>6} {tried:>6}", ""),
        }
    }
    let alive: Vec<_> = Broken::ALL.iter().zip(&fates).filter(|(_, f)| f.killed.is_none()).map(|(m, _)| m).collect();
    assert!(alive.is_empty(), "no case notices {alive:?}");
    Ok(())
}
