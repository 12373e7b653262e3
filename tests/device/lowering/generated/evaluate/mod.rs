//! Evaluates a module on the CPU, instruction by instruction: what a driver should do with it.
//!
//! It knows what generated modules are made of and no more; invocations run one after the other, which is one of the orders
//! that a device may take. Written from the specification, apart from the lowering, so that the two do not share a mistake.

mod atomics;
mod memory;
mod module;
mod run;

use crate::lowering::case::Case;
pub use memory::{Memory, PAGES};
use module::Module;

/// The image that a case leaves, or why it cannot be told.
pub fn evaluate(case: &Case) -> Result<Vec<u8>, String> {
    Ok(watch(case)?.image)
}

/// What a case leaves, and what was seen on the way.
pub fn watch(case: &Case) -> Result<Memory, String> {
    let module = Module::new(&case.words)?;
    let mut memory = Memory { image: case.image.clone(), ..Memory::default() };
    let invocations = case.groups[0] * module.local_size;
    for invocation in 0..invocations {
        run::invocation(&module, &mut memory, &case.arguments, invocation)
            .map_err(|error| format!("invocation {invocation}: {error}"))?;
    }
    Ok(memory)
}
