//! Tests of the test: with each law broken in turn, some life notices, by bytes that are wrong.

use super::{BROKEN, DONE, IGNORED, MODE, PART, SECONDS, SEED};
use crate::{
    child::{command, said},
    discrete::{MODES, Mode},
    harness::Ignored,
};
use vksvm::seam::BrokenPages;

/// Each law has so long, divided between the modes, of which one must notice.
const MINUTE: u64 = 60;

/// The law that the environment says is broken.
pub fn broken() -> Option<BrokenPages> {
    let name = std::env::var(BROKEN).ok()?;
    let all = BrokenPages::ALL.iter().copied();
    Some(
        all.into_iter()
            .find(|law| format!("{law:?}") == name)
            .unwrap_or_else(|| panic!("{BROKEN}={name}: no such law")),
    )
}

pub fn each_broken_law_is_noticed() -> Result<(), Ignored> {
    let modes: Vec<&Mode> = MODES.iter().filter(|mode| mode.is_discrete()).collect();
    let mut missed = vec![];
    for law in BrokenPages::ALL {
        let noticed = modes.iter().enumerate().find_map(|(at, mode)| {
            let output = command(PART)
                .env(MODE, mode.name)
                .env(SEED, (1000 * (at + 1)).to_string())
                .env(SECONDS, (MINUTE / modes.len() as u64).to_string())
                .env(BROKEN, format!("{law:?}"))
                .output()
                .expect("the test program can be started again");
            let said = said(&output);
            // Anything but a difference, a crash for instance, is no evidence.
            let difference = said.contains("are wrong") || said.contains("have changed") || said.contains("differed");
            match output.status.success() {
                false if difference => Some(Ok(mode.name)),
                true if said.contains(IGNORED) || said.contains(DONE) => None,
                _ => Some(Err(format!("{law:?} in mode {}: {said}", mode.name))),
            }
        });
        match noticed {
            Some(Ok(mode)) => println!("  {law:?}: noticed in mode {mode}"),
            Some(Err(other)) => panic!("{other}"),
            None => missed.push(format!("{law:?}")),
        }
    }
    if missed.len() == BrokenPages::ALL.len()
        && let Err(why) = modes[0].open(8 << 20, 2 << 20)
    {
        return Err(why);
    }
    assert!(missed.is_empty(), "nobody noticed {}", missed.join(", "));
    Ok(())
}
