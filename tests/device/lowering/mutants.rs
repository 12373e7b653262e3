//! The lowering with one thing broken: every such mutant must come out as wrong in some case.

use super::{
    corpus,
    job::{Id, Job, Kind, Lowering, Outcome},
    needs,
    worker::{Worker, spread},
};
use crate::harness::{Ignored, trial};
use libtest_mimic::Trial;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
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

fn job(id: &Id) -> Job {
    match id {
        Id::Corpus(name, seed) => corpus::job(name, *seed),
        _ => Job::new(id.clone()),
    }
}

/// Whether the right lowering agrees, by case: one with which it does not cannot tell that something is broken.
type Sound = Mutex<HashMap<Id, bool>>;

fn is_sound(worker: &mut Worker, id: &Id, sound: &Sound) -> bool {
    let known = || sound.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(is) = known().get(id) {
        return *is;
    }
    let is = worker.judge(&Job { stop_early: true, ..job(id) }) == Outcome::Agrees;
    known().insert(id.clone(), is);
    is
}

fn hunt(worker: &mut Worker, mutant: usize, battery: &[Id], sound: &Sound) -> Fate {
    let mut fate = Fate { killed: None, ran: 0, tried: 0 };
    for id in battery {
        fate.tried += 1;
        let job = Job { lowering: Lowering::Broken(mutant), stop_early: true, milliseconds: 5_000, ..job(id) };
        match worker.judge(&job) {
            Outcome::Unaffected | Outcome::Skipped(_) => {}
            Outcome::Agrees => fate.ran += 1,
            Outcome::Wrong(_) if !is_sound(worker, id, sound) => {}
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
    let sound = Sound::default();
    let fates = spread(Broken::ALL.len(), |worker, mutant| hunt(worker, mutant, &battery, &sound));
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
