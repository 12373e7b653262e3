//! The control flow of a function: blocks, dominators, loops.

use crate::{
    error::Result,
    module::{Module, invalid},
};
use rspirv::spirv::Op;
use rustc_hash::FxHashMap as HashMap;
use std::ops::Range;

/// Steps up the tree of dominators for each block beyond which a function is refused.
const MAX_STEPS: usize = 4096;

/// A function's blocks; the first is its entry.
#[derive(Debug)]
pub(crate) struct Flow {
    pub blocks: Vec<Block>,
    /// The block that each of the function's labels starts.
    labels: HashMap<u32, usize>,
    /// Blocks in an order in which each comes after its dominator. Blocks that are never reached come last.
    pub order: Vec<usize>,
}

/// A block and its place in the tree of dominators.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Its instructions, the label excluded, the terminator included.
    pub insts: Range<usize>,
    /// Where to insert what is to be the last before it ends: its merge instruction, else its terminator.
    pub end: usize,
    /// The closest block that every path to this one leads through.
    pub dominator: Option<usize>,
    /// Dominators above it.
    pub depth: u32,
    /// The header of the innermost loop that it is in, itself if it is one.
    pub inside: Option<usize>,
    /// Of a header: that of the innermost loop around its own.
    outer: Option<usize>,
    /// Its place in `Flow::order`, and the place after the last block that it dominates.
    span: Range<usize>,
    successors: Vec<usize>,
    /// The label after the loop that it is the header of.
    merge: Option<u32>,
}

impl Flow {
    pub fn of(module: &Module<'_>, function: Range<usize>) -> Result<Self> {
        let mut flow = Flow { blocks: vec![], labels: HashMap::default(), order: vec![] };
        flow.split(module, function)?;
        for block in &mut flow.blocks {
            let labels = successors(module, block.insts.end - 1);
            block.successors = labels.iter().filter_map(|label| flow.labels.get(label).copied()).collect();
        }
        flow.dominators()?;
        flow.loops();
        Ok(flow)
    }

    /// Whether `a` is `b` or dominates it.
    pub fn dominates(&self, a: usize, b: usize) -> bool {
        self.blocks[a].span.contains(&self.blocks[b].span.start)
    }

    /// Whether `b` is in every loop that `a` is in.
    pub fn stays_inside(&self, a: usize, b: usize) -> bool {
        let Some(header) = self.blocks[a].inside else { return true };
        let mut inside = self.blocks[b].inside;
        while let Some(at) = inside.filter(|at| *at != header) {
            inside = self.blocks[at].outer;
        }
        inside.is_some()
    }

    /// The block that an instruction is in; the entry for whatever is outside blocks.
    pub fn block_of(&self, index: usize) -> usize {
        self.blocks.partition_point(|block| block.insts.start <= index).saturating_sub(1)
    }

    fn split(&mut self, module: &Module<'_>, function: Range<usize>) -> Result<()> {
        let mut start: Option<usize> = None;
        let mut end: Option<usize> = None;
        let mut merge = None;
        for index in function {
            let inst = &module.insts[index];
            match (inst.op, start) {
                (Op::Label, Some(_)) => return invalid(format!("{} starts a block inside a block", inst.describe())),
                (Op::Label, None) => {
                    self.labels.insert(inst.id, self.blocks.len());
                    (start, end, merge) = (Some(index + 1), None, None);
                }
                (Op::LoopMerge, Some(_)) => {
                    (end, merge) = (Some(index), module.operands(inst).first().copied());
                }
                (Op::SelectionMerge, Some(_)) => end = Some(index),
                (op, Some(first)) if ends_block(op) => {
                    self.blocks.push(Block {
                        insts: first..index + 1,
                        end: end.unwrap_or(index),
                        dominator: None,
                        depth: 0,
                        inside: None,
                        outer: None,
                        span: 0..0,
                        successors: vec![],
                        merge,
                    });
                    start = None;
                }
                _ => {}
            }
        }
        match start {
            Some(index) => invalid(format!("{} has no terminator", module.insts[index - 1].describe())),
            None => Ok(()),
        }
    }

    /// Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm".
    fn dominators(&mut self) -> Result<()> {
        if self.blocks.is_empty() {
            return Ok(());
        }
        let reversed = self.reverse_postorder();
        let mut number = vec![usize::MAX; self.blocks.len()];
        reversed.iter().enumerate().for_each(|(n, block)| number[*block] = n);
        let mut predecessors = vec![vec![]; self.blocks.len()];
        for &block in &reversed {
            self.blocks[block].successors.iter().for_each(|next| predecessors[*next].push(block));
        }
        let mut dominator: Vec<Option<usize>> = vec![None; self.blocks.len()];
        dominator[0] = Some(0);
        let mut changed = true;
        // Valid modules nest control flow 1023 deep at most, and so stay far below this.
        let mut steps = self.blocks.len() * MAX_STEPS;
        while changed {
            changed = false;
            for &block in reversed.iter().skip(1) {
                let known = predecessors[block].iter().copied().filter(|p| dominator[*p].is_some());
                let common = known.reduce(|mut a, mut b| {
                    while a != b && steps > 0 {
                        steps -= 1;
                        let deeper = if number[a] > number[b] { &mut a } else { &mut b };
                        *deeper = dominator[*deeper].unwrap_or(0);
                    }
                    a
                });
                if steps == 0 {
                    return invalid("control flow that is nested deeper than SPIR-V allows");
                }
                if dominator[block] != common {
                    dominator[block] = common;
                    changed = true;
                }
            }
        }
        for &block in reversed.iter().skip(1) {
            self.blocks[block].dominator = dominator[block];
            self.blocks[block].depth = dominator[block].map_or(0, |up| self.blocks[up].depth + 1);
        }
        self.order = self.preorder(&reversed);
        self.order.extend((0..self.blocks.len()).filter(|block| number[*block] == usize::MAX));
        for at in 0..self.order.len() {
            self.blocks[self.order[at]].span = at..at + 1;
        }
        for at in (0..self.order.len()).rev() {
            let end = self.blocks[self.order[at]].span.end;
            if let Some(up) = self.blocks[self.order[at]].dominator {
                self.blocks[up].span.end = self.blocks[up].span.end.max(end);
            }
        }
        Ok(())
    }

    fn reverse_postorder(&self) -> Vec<usize> {
        let (mut seen, mut order) = (vec![false; self.blocks.len()], vec![]);
        let mut open = vec![(0, 0)];
        seen[0] = true;
        while let Some((block, next)) = open.pop() {
            match self.blocks[block].successors.get(next).copied() {
                None => order.push(block),
                Some(successor) => {
                    open.push((block, next + 1));
                    if !std::mem::replace(&mut seen[successor], true) {
                        open.push((successor, 0));
                    }
                }
            }
        }
        order.reverse();
        order
    }

    /// The tree of dominators, each subtree in one piece.
    fn preorder(&self, reached: &[usize]) -> Vec<usize> {
        let mut children = vec![vec![]; self.blocks.len()];
        for &block in reached.iter().rev() {
            if let Some(up) = self.blocks[block].dominator {
                children[up].push(block);
            }
        }
        let (mut order, mut open) = (vec![], vec![0]);
        while let Some(block) = open.pop() {
            order.push(block);
            open.append(&mut children[block]);
        }
        order
    }

    /// A block is in a loop if the loop's header dominates it and what comes after the loop does not.
    fn loops(&mut self) {
        for at in 0..self.order.len() {
            let block = self.order[at];
            let mut inside = self.blocks[block].dominator.and_then(|up| self.blocks[up].inside);
            while let Some(header) = inside {
                let after = self.blocks[header].merge.and_then(|label| self.labels.get(&label).copied());
                if !after.is_some_and(|after| self.dominates(after, block)) {
                    break;
                }
                inside = self.blocks[header].outer;
            }
            self.blocks[block].outer = inside;
            self.blocks[block].inside = if self.blocks[block].merge.is_some() { Some(block) } else { inside };
        }
    }
}

fn ends_block(op: Op) -> bool {
    matches!(
        op,
        Op::Branch
            | Op::BranchConditional
            | Op::Switch
            | Op::Return
            | Op::ReturnValue
            | Op::Kill
            | Op::Unreachable
            | Op::TerminateInvocation
            | Op::IgnoreIntersectionKHR
            | Op::TerminateRayKHR
            | Op::EmitMeshTasksEXT
    )
}

/// The labels that a terminator may branch to.
fn successors<'m>(module: &'m Module<'_>, terminator: usize) -> &'m [u32] {
    let inst = &module.insts[terminator];
    match inst.op {
        // The first id is the condition or selector.
        Op::BranchConditional | Op::Switch => module.uses(inst).get(1..).unwrap_or_default(),
        Op::Branch => module.uses(inst),
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rspirv::spirv::MAGIC_NUMBER;

    /// A module of one function whose block `i` branches to `edges[i]` (none: it returns), and is the header of a loop
    /// that `merges[i]` comes after.
    fn module(edges: &[Vec<usize>], merges: &[Option<usize>]) -> Vec<u32> {
        let label = |block: usize| 10 + block as u32;
        let mut words = vec![MAGIC_NUMBER, 0x1_0500, 0, label(edges.len()), 0];
        let mut add = |op: Op, operands: &[u32]| {
            words.push((1 + operands.len() as u32) << 16 | op as u32);
            words.extend(operands);
        };
        add(Op::TypeVoid, &[1]);
        add(Op::TypeFunction, &[2, 1]);
        add(Op::TypeInt, &[3, 32, 0]);
        add(Op::Constant, &[3, 4, 0]);
        add(Op::Function, &[1, 5, 0, 2]);
        for (block, next) in edges.iter().enumerate() {
            add(Op::Label, &[label(block)]);
            if let Some(merge) = merges[block] {
                add(Op::LoopMerge, &[label(merge), label(block), 0]);
            }
            match next[..] {
                [] => add(Op::Return, &[]),
                [first, ref others @ ..] => {
                    let cases = (0..).zip(others).flat_map(|(case, block)| [case, label(*block)]);
                    add(Op::Switch, &[4, label(first)].into_iter().chain(cases).collect::<Vec<_>>());
                }
            }
        }
        add(Op::FunctionEnd, &[]);
        words
    }

    fn flow(edges: &[Vec<usize>], merges: &[Option<usize>]) -> Flow {
        let words = module(edges, merges);
        let module = Module::parse(&words).unwrap();
        Flow::of(&module, module.functions[0].clone()).unwrap()
    }

    fn reached(edges: &[Vec<usize>], without: Option<usize>) -> Vec<bool> {
        let (mut seen, mut open) = (vec![false; edges.len()], vec![0]);
        while let Some(block) = open.pop() {
            if Some(block) != without && !std::mem::replace(&mut seen[block], true) {
                open.extend(&edges[block]);
            }
        }
        seen
    }

    proptest! {
        /// A dominates b if b cannot be reached without a.
        #[test]
        fn dominators_are_what_every_path_leads_through(
            edges in (1usize..9).prop_flat_map(|n| prop::collection::vec(prop::collection::vec(0..n, 0..4), n))
        ) {
            let flow = flow(&edges, &vec![None; edges.len()]);
            let all = reached(&edges, None);
            for a in (0..edges.len()).filter(|a| all[*a]) {
                let without = reached(&edges, Some(a));
                for b in (0..edges.len()).filter(|b| all[*b]) {
                    prop_assert_eq!(flow.dominates(a, b), !without[b], "{} and {}", a, b);
                }
            }
            let mut order = flow.order.clone();
            order.sort();
            prop_assert_eq!(order, (0..edges.len()).collect::<Vec<_>>());
            let place = |block| flow.order.iter().position(|b| *b == block).unwrap();
            for (block, of) in flow.blocks.iter().enumerate() {
                if let Some(up) = of.dominator {
                    prop_assert!(place(up) < place(block));
                    prop_assert_eq!(of.depth, flow.blocks[up].depth + 1);
                }
            }
        }
    }

    #[test]
    fn loops_nest_and_end() {
        // 0 -> 1: loop { 2: loop { 3 } 4 } 5: loop 6 } 7, where 5, the merge of the first, is itself a header.
        let edges = [vec![1], vec![2, 5], vec![3, 4], vec![2], vec![1], vec![6, 7], vec![5], vec![]];
        let merges = [None, Some(5), Some(4), None, None, Some(7), None, None];
        let inside: Vec<_> = flow(&edges, &merges).blocks.iter().map(|block| block.inside).collect();
        assert_eq!(inside, [None, Some(1), Some(2), Some(2), Some(1), Some(5), Some(5), None]);
        let flow = flow(&edges, &merges);
        let stays = |a, b| flow.stays_inside(a, b);
        assert!(stays(0, 3) && stays(1, 3) && stays(3, 2) && stays(4, 2) && stays(0, 7));
        assert!(!stays(3, 4) && !stays(2, 5) && !stays(1, 5) && !stays(6, 7) && !stays(5, 1));
    }

    #[test]
    fn a_merge_instruction_stays_next_to_its_terminator() {
        let flow = flow(&[vec![1], vec![]], &[Some(1), None]);
        assert_eq!(flow.blocks[0].end + 1, flow.blocks[0].insts.end - 1);
        assert_eq!(flow.blocks[1].end, flow.blocks[1].insts.end - 1);
    }
}
