//! Branches and loops, and the pointers that go through them.

use super::chain::Want;
use super::{Loop, Place, Writer};
use crate::lowering::generated::picks::Picks;
use crate::lowering::generated::recipe::{Kind, Step};
use crate::lowering::generated::types::{Scalar, Type, low_bit};
use rspirv::spirv::Op;

/// Where a loop's pointer comes from in the next turn.
enum Carried {
    /// A pointer that its object holds.
    Followed,
    /// Another pointer, from before the loop.
    Other(Place),
    /// Another element of the row.
    Row,
}

impl Writer<'_> {
    /// An arm of a branch, and what is in scope at its end.
    fn arm(&mut self, label: u32, target: u32, steps: &[Step]) -> (u32, Vec<Place>) {
        let (outer, small) = (self.body.scope.len(), self.body.small.len());
        self.label(label);
        self.depth += 1;
        self.steps(steps);
        self.depth -= 1;
        self.act(Op::Branch, &[target]);
        self.body.small.truncate(small);
        let mut scope = self.body.scope.clone();
        self.body.scope.truncate(outer);
        // New ones first: they are what a phi is for.
        scope.rotate_left(outer);
        (self.body.label, scope)
    }

    pub fn if_step(&mut self, picks: &mut Picks, inner: &[Vec<Step>]) {
        self.note("if");
        let condition = self.condition(picks);
        let (then, other, merge) = (self.sections.id(), self.sections.id(), self.sections.id());
        let one_armed = inner.get(1).is_none_or(Vec::is_empty) && picks.percent(50);
        self.act(Op::SelectionMerge, &[merge, picks.below(3) as u32]);
        self.act(Op::BranchConditional, &[condition, then, if one_armed { merge } else { other }]);
        let head = (self.body.label, self.body.scope.clone());
        let one = self.arm(then, merge, inner.first().map_or(&[], Vec::as_slice));
        let two = if one_armed {
            head
        } else {
            self.note("else");
            self.arm(other, merge, inner.get(1).map_or(&[], Vec::as_slice))
        };
        self.label(merge);
        self.saw("control.if");
        if picks.percent(70) {
            self.join(picks, &[one, two]);
        }
    }

    /// Chooses one of two pointers, and branches on the same condition.
    pub fn guard_step(&mut self, picks: &mut Picks, inner: &[Vec<Step>]) {
        self.note("guard");
        // Those that differ in alignment are the point of it.
        let pairs: Vec<_> = (0..4).filter_map(|_| self.pair(picks)).collect();
        let differ = pairs.iter().find(|(one, other)| one.align != other.align);
        let Some((one, other)) = differ.or(pairs.first()).cloned() else { return };
        let ty = self.pointer_to(&one.ty, one.stride);
        let condition = self.condition(picks);
        let [then, otherwise, merge] = [(); 3].map(|()| self.sections.id());
        let id = self.op(Op::Select, ty, &[condition, one.id, other.id]);
        self.act(Op::SelectionMerge, &[merge, 0]);
        self.act(Op::BranchConditional, &[condition, then, otherwise]);
        let outer = self.body.scope.len();
        let mut ways = Vec::new();
        for (number, (label, known)) in [(then, &one), (otherwise, &other)].into_iter().enumerate() {
            // In this arm the pointer is the one that was chosen, with all that is known of that.
            self.body.scope.push(Place { id, ..known.clone() });
            let mut steps = vec![Step { kind: Kind::Load, seed: picks.seed(), inner: Vec::new() }];
            steps.extend(inner.get(number).cloned().unwrap_or_default());
            let (end, mut scope) = self.arm(label, merge, &steps);
            self.body.scope.truncate(outer);
            scope.retain(|place| place.id != id);
            ways.push((end, scope));
        }
        self.label(merge);
        self.saw(if one.align != other.align { "control.guarded alignment" } else { "control.guard" });
        self.body.scope.push(Self::either(id, &one, &other));
        if picks.percent(50) {
            self.join(picks, &ways);
        }
    }

    pub fn switch_step(&mut self, picks: &mut Picks, inner: &[Vec<Step>]) {
        self.note("switch");
        let cases = inner.len().max(1);
        let selector = self.dynamic(picks, cases as u32 + 1);
        let merge = self.sections.id();
        let labels: Vec<u32> = (0..cases).map(|_| self.sections.id()).collect();
        let default = if picks.percent(30) { merge } else { labels[0] };
        self.act(Op::SelectionMerge, &[merge, 0]);
        let mut operands = vec![selector, default];
        let mut numbers: Vec<u32> = (0..cases as u32).collect();
        numbers.rotate_left(picks.below(cases));
        for (label, number) in labels.iter().zip(numbers) {
            operands.extend([number, *label]);
        }
        self.act(Op::Switch, &operands);
        let mut ends = Vec::new();
        if default == merge {
            ends.push((self.body.label, self.body.scope.clone()));
        }
        for (index, label) in labels.iter().enumerate() {
            self.note(format!("case {index}"));
            let next = labels.get(index + 1).copied();
            // The first label is also the default's, which nothing may fall into.
            match next.filter(|_| picks.percent(20)) {
                Some(next) => {
                    self.arm(*label, next, &inner[index]);
                    self.saw("control.fall through");
                }
                None => ends.push(self.arm(*label, merge, inner.get(index).map_or(&[], Vec::as_slice))),
            }
        }
        self.label(merge);
        self.saw("control.switch");
        if picks.percent(70) {
            self.join(picks, &ends);
        }
    }

    /// A phi of pointers of one type, one from each way here.
    fn join(&mut self, picks: &mut Picks, ways: &[(u32, Vec<Place>)]) {
        let from: Vec<Place> = ways[0].1.iter().filter(|place| place.loose).cloned().collect();
        for _ in 0..from.len().min(5) {
            let one = from[picks.below(from.len())].clone();
            let mut chosen = vec![one.clone()];
            for (_, scope) in &ways[1..] {
                let fits: Vec<&Place> = scope
                    .iter()
                    .filter(|p| p.loose && p.ty == one.ty && p.stride == one.stride && p.id != one.id)
                    .collect();
                if fits.is_empty() {
                    break;
                }
                chosen.push(fits[picks.below(fits.len())].clone());
            }
            if chosen.len() < ways.len() {
                continue;
            }
            let ty = self.pointer_to(&one.ty, one.stride);
            let operands: Vec<u32> =
                chosen.iter().zip(ways).flat_map(|(place, (label, _))| [place.id, *label]).collect();
            let id = self.op(Op::Phi, ty, &operands);
            let joined = chosen[1..].iter().fold(one, |all, place| Self::either(id, &all, place));
            self.body.scope.push(joined);
            self.saw("pointer.OpPhi");
            return;
        }
    }

    pub fn loop_step(&mut self, picks: &mut Picks, inner: &[Vec<Step>]) {
        let word = self.scalar(Scalar::U32);
        let turns = match picks.below(3) {
            0 => {
                let number = picks.of(&[2, 1, 3, 0, 4]);
                if number == 0 {
                    self.saw("control.loop of no turn");
                }
                self.u32(number)
            }
            _ => self.dynamic(picks, 4),
        };
        let carried = if picks.percent(60) { self.carried(picks) } else { None };
        // In the header, in a block after it, or at the end of the turn.
        let test = picks.below(3);
        self.note(format!("loop, tested at {test}"));
        let [header, check, body, proceed, merge] = [(); 5].map(|()| self.sections.id());
        let before = self.body.label;
        self.act(Op::Branch, &[header]);
        self.label(header);
        let zero = self.u32(0);
        let next = self.sections.id();
        let turn = self.op(Op::Phi, word, &[zero, before, next, proceed]);
        let outer = self.body.scope.len();
        let mut pointer = None;
        if let Some((first, how)) = &carried {
            let ty = self.pointer_to(&first.ty, first.stride);
            let id = self.op(Op::Phi, ty, &[first.id, before, 0, proceed]);
            // The operand that is not known yet.
            pointer = Some((id, self.body.code.0.len() - 2));
            let mut place = Place { id, element: None, ..first.clone() };
            place.align = match how {
                Carried::Followed => place.align.min(self.pointee_align(&place.ty)),
                Carried::Other(other) => place.align.min(other.align),
                Carried::Row => place.align.min(low_bit(first.element.as_ref().map_or(1, |e| e.stride))),
            };
            self.body.scope.push(place);
        }
        let at_head = self.body.scope.len();
        let truth = self.bool();
        let control = picks.below(3) as u32;
        if test == 0 {
            let go = self.op(Op::ULessThan, truth, &[turn, turns]);
            self.act(Op::LoopMerge, &[merge, proceed, control]);
            self.act(Op::BranchConditional, &[go, body, merge]);
        } else {
            self.act(Op::LoopMerge, &[merge, proceed, control]);
            self.act(Op::Branch, &[if test == 1 { check } else { body }]);
        }
        if test == 1 {
            self.label(check);
            let go = self.op(Op::ULessThan, truth, &[turn, turns]);
            self.act(Op::BranchConditional, &[go, body, merge]);
        }
        self.body.loops.push(Loop { merge, proceed });
        self.body.small.push(turn);
        self.arm(body, proceed, inner.first().map_or(&[], Vec::as_slice));
        self.body.small.pop();
        self.body.loops.pop();
        self.label(proceed);
        debug_assert_eq!(self.body.scope.len(), at_head);
        if let (Some((id, operand)), Some((first, how))) = (pointer, carried) {
            let current = self.body.scope[outer].clone();
            // Mesa 25.0 can lose a pointer that a loop does not change any more after its first turn, the loop unrolled.
            self.body.varying = Some(turn);
            self.body.code.0[operand] = self.next_turn(picks, id, &first, &current, how);
            self.body.varying = None;
        }
        let one = self.u32(1);
        self.body.code.put(Op::IAdd, &[word, next, turn, one]);
        if test == 2 {
            let go = self.op(Op::ULessThan, truth, &[next, turns]);
            self.act(Op::BranchConditional, &[go, header, merge]);
            self.saw("control.loop tested at its end");
        } else {
            self.act(Op::Branch, &[header]);
        }
        self.label(merge);
        if self.recipe.outlive {
            if pointer.is_some() {
                self.saw("loop.pointer outlives it");
            }
        } else {
            self.body.scope.truncate(outer);
        }
        self.saw("control.loop");
    }

    /// The alignment that any object a pointer may lead to has.
    fn pointee_align(&self, ty: &Type) -> u32 {
        match ty {
            Type::Struct(index) if self.recipe.types.0[*index].block => self.recipe.block_align(*index),
            _ => self.recipe.types.align(ty),
        }
    }

    /// A pointer that a loop will change each turn, and how.
    fn carried(&mut self, picks: &mut Picks) -> Option<(Place, Carried)> {
        let loose: Vec<Place> = self.body.scope.iter().filter(|place| place.loose).cloned().collect();
        for _ in 0..6.min(loose.len()) {
            let place = picks.of(&loose);
            match picks.below(3) {
                0 if place.stride.is_none() && self.leads_to_itself(&place) => {
                    self.saw("loop.walks a chain");
                    return Some((place, Carried::Followed));
                }
                1 if place.element.is_some() => {
                    self.saw("loop.walks a row");
                    return Some((place, Carried::Row));
                }
                2 => {
                    if let Some(other) = self.alike(picks, &place) {
                        self.saw("loop.takes another pointer");
                        let both = Self::either(place.id, &place, &other);
                        let place = Place { read: both.read, write: both.write, raw: both.raw, ..place };
                        return Some((place, Carried::Other(other)));
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn leads_to_itself(&self, place: &Place) -> bool {
        let ty = place.ty.clone();
        let such = |_: &Writer, other: &Type| matches!(other, Type::Pointer(block) if Type::Struct(*block) == ty);
        self.fits(place, &Want { such: &such, read: true, write: false, loose: false })
    }

    /// The pointer for the next turn.
    fn next_turn(&mut self, picks: &mut Picks, id: u32, first: &Place, current: &Place, how: Carried) -> u32 {
        match how {
            Carried::Followed => {
                let ty = current.ty.clone();
                let such =
                    |_: &Writer, other: &Type| matches!(other, Type::Pointer(block) if Type::Struct(*block) == ty);
                let want = Want { such: &such, read: true, write: false, loose: false };
                let place = self.inside(picks, current.clone(), &want).expect("a pointer to its own block");
                let id = self.load(picks, &place);
                self.fold(id, &place.ty);
                id
            }
            Carried::Other(other) => {
                let condition = self.condition(picks);
                let ty = self.pointer_to(&first.ty, first.stride);
                self.op(Op::Select, ty, &[condition, other.id, id])
            }
            Carried::Row => {
                let ty = first.ty.clone();
                let want = Want { such: &|_, other| *other == ty, read: false, write: false, loose: true };
                let Some(place) = self.beside(picks, first.clone(), &want) else { return id };
                match first.stride {
                    Some(stride) => self.with_stride(&place, stride),
                    None => self.without_stride(&place),
                }
            }
        }
    }
}
