//! The lowering with one thing broken: every such mutant must come out as wrong in some case.

use super::{
    corpus, generated,
    job::{Id, Job, Lowering, Outcome, Wrong},
    needs, outside,
    ways::Way,
    worker::{Worker, spread},
};
use crate::harness::{Ignored, device, trial};
use libtest_mimic::Trial;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use vksvm_spirv::Broken;

pub fn tests() -> Vec<Trial> {
    vec![trial(module_path!(), "every_mutant_is_killed", every_mutant_is_killed)]
}

/// Generated modules of the battery.
const GENERATED: u64 = 60;

/// What became of a mutant.
#[derive(Default)]
struct Fate {
    /// Which case noticed, and how; none if the mutant survived.
    killed: Option<(Id, Wrong)>,
    /// Cases whose words it changed, and those that were looked at, up to the one that noticed.
    ran: usize,
    tried: usize,
}

/// The cases, in the order in which they are tried.
fn battery() -> Vec<Id> {
    let driver = device().as_ref().map(|c| c.driver.clone()).unwrap_or_default();
    let generated = (1..=GENERATED).map(|seed| Id::Generated(seed, generated::cuts_for(&driver, seed)));
    let corpus = corpus::names().into_iter().map(|name| Id::Corpus(name, 0));
    outside::ids().into_iter().chain(corpus).chain(generated).collect()
}

/// Whether the right lowering agrees, by case and way: where it does not, the case cannot tell that something is broken.
type Sound = Mutex<HashMap<(Id, Way), bool>>;

fn is_sound(worker: &mut Worker, id: &Id, way: Way, sound: &Sound) -> bool {
    let known = || sound.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (id.clone(), way);
    if let Some(is) = known().get(&key) {
        return *is;
    }
    let is = worker.judge(&Job { ways: vec![way], stop_early: true, ..Job::new(id.clone()) }) == Outcome::Agrees;
    known().insert(key, is);
    is
}

fn hunt(worker: &mut Worker, mutant: usize, battery: &[Id], sound: &Sound) -> Fate {
    let (first, others) = Way::LOWERED.split_first().expect("there are some");
    let mut fate = Fate::default();
    // Most are noticed at once with the smallest pages. What only other forms notice takes a second round.
    for ways in [&[*first], others] {
        for id in battery {
            let right = Job::new(id.clone());
            let ways = ways.iter().filter(|way| right.allows(**way)).copied().collect();
            let job = Job { lowering: Lowering::Broken(mutant), ways, stop_early: true, milliseconds: 5_000, ..right };
            fate.tried += 1;
            match worker.judge(&job) {
                Outcome::Unaffected | Outcome::Skipped(_) => {}
                Outcome::Agrees => fate.ran += 1,
                Outcome::Wrong(wrongs) => {
                    fate.ran += 1;
                    if is_sound(worker, id, wrongs[0].way, sound) {
                        fate.killed = Some((id.clone(), wrongs[0].clone()));
                        return fate;
                    }
                }
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
    println!("\n{:<24} {:<8} {:<14} {:>5} {:>5}  killed by", "mutant", "how", "way", "ran", "tried");
    for (mutant, Fate { killed, ran, tried }) in Broken::ALL.iter().zip(&fates) {
        let (how, way, by) = match killed {
            Some((id, wrong)) => (format!("{:?}", wrong.kind), wrong.way.to_string(), id.to_string()),
            None => ("SURVIVED".into(), String::new(), String::new()),
        };
        println!("{:<24} {how:<8} {way:<14} {ran:>5} {tried:>5}  {by}", format!("{mutant:?}"));
    }
    let alive: Vec<_> = Broken::ALL.iter().zip(&fates).filter(|(_, f)| f.killed.is_none()).map(|(m, _)| m).collect();
    assert!(alive.is_empty(), "no case notices {alive:?}");
    Ok(())
}
