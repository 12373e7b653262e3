//! What must hold of a recorded plan, told from the plan alone: nothing here knows how the queue decides.

use super::fake::{Fake, Recorded};
use vksvm::seam::Use;

/// Two uses of the same bytes, one of them a write.
fn conflict(a: &[Use], b: &[Use]) -> bool {
    a.iter().any(|a| b.iter().any(|b| a.span.overlaps(b.span) && (a.write || b.write)))
}

/// Every broken rule.
pub fn problems(fake: &Fake) -> Vec<String> {
    let mut problems = fake.problems();
    let steps = fake.steps();
    // Barriers up to and including each step's own, which stands before it.
    let barriers: Vec<usize> = steps
        .iter()
        .scan(0, |sum, step| {
            *sum += usize::from(step.barrier);
            Some(*sum)
        })
        .collect();
    for (later, step) in steps.iter().enumerate() {
        let unordered = |earlier: &usize| barriers[*earlier] == barriers[later];
        for earlier in (0..later).rev().take_while(unordered) {
            if conflict(&steps[earlier].uses, &step.uses) {
                problems.push(format!("no barrier between {} and {}", shown(&steps[earlier]), shown(step)));
            }
        }
    }
    problems
}

fn shown(step: &Recorded) -> String {
    format!("launch {} (point {}, batch {}) on {:?}", step.number, step.point, step.batch, step.uses)
}
