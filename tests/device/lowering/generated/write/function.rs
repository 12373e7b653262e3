//! Functions: calls, returns, and leaving early.

use super::{Body, Loop, Writer};
use crate::lowering::generated::picks::Picks;
use crate::lowering::generated::recipe::Function;
use crate::lowering::generated::types::Type;
use rspirv::spirv::{Decoration, Op};

impl Writer<'_> {
    /// Leaves the loop or the turn, or else the function, under a condition.
    pub fn leave_step(&mut self, picks: &mut Picks) {
        self.note("leave");
        let condition = self.condition(picks);
        let (leave, merge) = (self.sections.id(), self.sections.id());
        self.act(Op::SelectionMerge, &[merge, 0]);
        self.act(Op::BranchConditional, &[condition, leave, merge]);
        self.label(leave);
        match self.body.loops.last().copied().filter(|_| !picks.percent(15)) {
            Some(Loop { merge, proceed }) => {
                let target = picks.of(&[merge, proceed]);
                self.saw(if target == merge { "control.break" } else { "control.continue" });
                self.act(Op::Branch, &[target]);
            }
            None => {
                self.saw("control.early return");
                self.leave_function(picks);
            }
        }
        self.label(merge);
    }

    /// Returns from the function.
    fn leave_function(&mut self, picks: &mut Picks) {
        match self.body.returns {
            None => {
                if self.body.main {
                    self.write_result(picks);
                }
                self.act(Op::Return, &[]);
            }
            Some(block) => {
                let id = self.some_pointer(picks, block).expect("the first parameter");
                self.act(Op::ReturnValue, &[id]);
            }
        }
    }

    pub fn call_step(&mut self, picks: &mut Picks, number: usize) {
        self.note(format!("call {number}"));
        if number >= self.body.callable {
            return;
        }
        let function = self.recipe.functions[number].clone();
        let mut arguments = Vec::new();
        for block in &function.parameters {
            let Some(pointer) = self.some_pointer(picks, *block) else { return };
            arguments.push(pointer);
        }
        let ty = self.result_type(&function);
        let mut operands = vec![self.functions[number]];
        operands.extend(arguments);
        let id = self.op(Op::FunctionCall, ty, &operands);
        self.saw("control.call");
        if function.returns {
            self.saw("pointer.returned");
            let place = self.block_place(id, function.parameters[0]);
            self.body.scope.push(place);
        }
    }

    fn result_type(&mut self, function: &Function) -> u32 {
        match function.returns {
            true => self.pointer_to(&Type::Struct(function.parameters[0]), None),
            false => self.void(),
        }
    }

    /// Writes one of the recipe's functions.
    pub fn function(&mut self, number: usize) {
        let function = self.recipe.functions[number].clone();
        self.note(format!("function {number}"));
        let mut picks = Picks::new(function.seed);
        let result = self.result_type(&function);
        let types: Vec<u32> =
            function.parameters.iter().map(|block| self.pointer_to(&Type::Struct(*block), None)).collect();
        self.body = Body { callable: number, ..Body::default() };
        self.body.returns = function.returns.then(|| function.parameters[0]);
        let mut parameters = Vec::new();
        for (block, ty) in function.parameters.iter().zip(&types) {
            let id = self.sections.id();
            let place = self.block_place(id, *block);
            let restrict = !place.write && picks.percent(50);
            self.decorate(id, if restrict { Decoration::Restrict } else { Decoration::Aliased }, &[]);
            self.body.scope.push(place);
            parameters.push((id, *ty));
        }
        self.begin(&mut picks);
        if picks.percent(40) {
            let region = 2 + picks.below(self.recipe.regions.len() - 2);
            let place = self.enter(region);
            self.body.scope.push(place);
        }
        self.steps(&function.steps);
        self.leave_function(&mut picks);
        let ty = self.function_type(result, &types);
        let id = self.end(result, ty, &parameters);
        self.functions.push(id);
    }
}
