//! Looking at a module's words without parsing it.

use rspirv::spirv::{LoopControl, Op};

/// Words before the first instruction.
const HEADER: usize = 5;

/// Where each instruction starts, and its opcode. Ends where the words are no instructions.
fn instructions(words: &[u32]) -> impl Iterator<Item = (usize, u32)> + '_ {
    let mut at = HEADER;
    std::iter::from_fn(move || {
        let (start, first) = (at, *words.get(at)?);
        at += (first >> 16).max(1) as usize;
        (at <= words.len()).then_some((start, first & 0xffff))
    })
}

/// The capabilities that a module declares, as numbers.
pub fn capabilities(words: &[u32]) -> impl Iterator<Item = u32> + '_ {
    instructions(words).filter(|(_, op)| *op == Op::Capability as u32).map(|(at, _)| words[at + 1])
}

/// Asks the driver to leave every loop as it is. It makes no difference to what a module means, but Mesa 25.0.7 is wrong about
/// loops that it unrolls (what is used after the loop has its value from before: the corpus' `loop_alternating`,
/// unlowered), and compiling is quicker.
pub fn leave_loops(words: &mut [u32]) {
    let merges: Vec<_> = instructions(words).filter(|(_, op)| *op == Op::LoopMerge as u32).map(|(at, _)| at).collect();
    for at in merges {
        // The control's operands, if it has any, are hints, too, but their number is the instruction's length.
        if words[at] >> 16 == 4 {
            words[at + 3] = words[at + 3] & !LoopControl::UNROLL.bits() | LoopControl::DONT_UNROLL.bits();
        }
    }
}
