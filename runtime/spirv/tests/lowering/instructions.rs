//! Modules as rspirv reads them, instruction by instruction.

use rspirv::{
    binary::{Consumer, ParseAction, parse_words},
    dr::{Instruction, ModuleHeader},
};

/// All instructions of a module, in order.
pub fn instructions(words: &[u32]) -> Vec<Instruction> {
    let mut all = All::default();
    parse_words(words, &mut all).expect("rspirv reads it");
    all.0
}

#[derive(Default)]
struct All(Vec<Instruction>);

impl Consumer for All {
    fn initialize(&mut self) -> ParseAction {
        ParseAction::Continue
    }
    fn finalize(&mut self) -> ParseAction {
        ParseAction::Continue
    }
    fn consume_header(&mut self, _: ModuleHeader) -> ParseAction {
        ParseAction::Continue
    }
    fn consume_instruction(&mut self, instruction: Instruction) -> ParseAction {
        self.0.push(instruction);
        ParseAction::Continue
    }
}
