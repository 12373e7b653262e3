//! What lowering promises of any module, and can be seen without running it.

use super::ways::Way;
use rspirv::{
    binary::{Consumer, ParseAction, parse_words},
    dr::{Instruction, ModuleHeader, Operand},
    spirv::{Decoration, MemoryAccess, Op, StorageClass},
};
use std::collections::{BTreeMap, HashMap};
use vksvm_spirv::{Error, Offset, Options, Translation, lower};

/// What is wrong with the words that a module was lowered to, if anything.
pub fn broken(before: &[u32], way: Way, after: &[u32]) -> Option<String> {
    let parsed = |words| {
        let mut all = Instructions::default();
        parse_words(words, &mut all).map(|()| all.0)
    };
    match (parsed(before), parsed(after)) {
        (Ok(before), Ok(after)) => lost(&before, &after, way),
        (_, Err(error)) => Some(format!("the lowered words cannot be parsed: {error}")),
        (Err(error), _) => Some(format!("the module cannot be parsed: {error}")),
    }
}

/// All instructions of a module, in order.
#[derive(Default)]
struct Instructions(Vec<Instruction>);

impl Consumer for Instructions {
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

/// The identity changes nothing, the same input gives the same words, and a lowered module is recognised.
pub fn broken_by_lower(before: &[u32], translation: Translation) -> Option<String> {
    let words = |translation| lower(before, &Options::new(translation)).map(|lowered| lowered.words);
    if words(Translation::Identity).is_ok_and(|words| words != before) {
        return Some("the identity changes words".into());
    }
    let Ok(once) = words(translation) else { return None };
    if words(translation).as_ref() != Ok(&once) {
        return Some("the same module gives other words the second time".into());
    }
    let again = lower(&once, &Options::new(Translation::Offset(Offset(64))));
    if !matches!(again, Err(Error::AlreadyLowered { .. })) {
        return Some(format!("a lowered module is not recognised: {:?}", again.map(|lowered| lowered.facts)));
    }
    None
}

/// How often something occurs that must not get lost. Lowering adds accesses and splits them, so there may be more.
fn lost(before: &[Instruction], after: &[Instruction], way: Way) -> Option<String> {
    let (before, after) = (Counts::of(before), Counts::of(after));
    let fewer = |(what, count): (&String, &usize)| {
        let left = after.0.get(what).copied().unwrap_or_default();
        (left < *count).then(|| format!("{what} occurs {count} times, lowered ({way}) {left} times"))
    };
    before.0.iter().find_map(fewer)
}

/// Qualifiers of members that must hold for an access, too.
const QUALIFIERS: &[Decoration] =
    &[Decoration::Coherent, Decoration::Volatile, Decoration::NonWritable, Decoration::NonReadable];

/// Memory operands, but for the alignment.
const OPERANDS: &[(MemoryAccess, &str)] = &[
    (MemoryAccess::VOLATILE, "Volatile"),
    (MemoryAccess::NONTEMPORAL, "Nontemporal"),
    (MemoryAccess::MAKE_POINTER_AVAILABLE, "MakePointerAvailable"),
    (MemoryAccess::MAKE_POINTER_VISIBLE, "MakePointerVisible"),
    (MemoryAccess::NON_PRIVATE_POINTER, "NonPrivatePointer"),
];

/// What occurs how often in a module, by name.
struct Counts(BTreeMap<String, usize>);

impl Counts {
    fn of(module: &[Instruction]) -> Self {
        let map = Map::of(module);
        let mut counts = Counts(BTreeMap::new());
        for instruction in module {
            match instruction.class.opcode {
                Op::Line => counts.add("OpLine"),
                Op::ExtInst => counts.add("OpExtInst"),
                Op::ControlBarrier | Op::MemoryBarrier => counts.add("a barrier"),
                Op::Load | Op::Store | Op::CopyMemory => counts.access(&map, instruction),
                op if map.is_atomic(instruction) => counts.add(&format!("Op{op:?} through a pointer")),
                _ => {}
            }
        }
        counts
    }

    fn add(&mut self, what: &str) {
        *self.0.entry(what.to_string()).or_default() += 1;
    }

    fn access(&mut self, map: &Map<'_>, instruction: &Instruction) {
        let sides = if instruction.class.opcode == Op::CopyMemory { 2 } else { 1 };
        let ids: Vec<u32> = instruction.operands.iter().take(sides).filter_map(Operand::id_ref_any).collect();
        let physical: Vec<u32> = ids.into_iter().filter(|id| map.is_physical(*id)).collect();
        if physical.is_empty() {
            return;
        }
        // A copy of two operands says first what holds for what it writes; together they say what holds for the copy.
        let operands = instruction.operands.iter().filter_map(|operand| match operand {
            Operand::MemoryAccess(access) => Some(*access),
            _ => None,
        });
        let operands = operands.fold(MemoryAccess::NONE, |all, one| all | one);
        for (bit, name) in OPERANDS {
            if operands.contains(*bit) {
                self.add(&format!("an access with {name}"));
            }
        }
        for pointer in physical {
            for qualifier in QUALIFIERS {
                if map.is_qualified(pointer, *qualifier) {
                    self.add(&format!("an access to what is {qualifier:?}"));
                }
            }
        }
    }
}

/// What ids are.
struct Map<'m> {
    made: HashMap<u32, &'m Instruction>,
    members: HashMap<(u32, u32), Vec<Decoration>>,
}

impl<'m> Map<'m> {
    fn of(module: &'m [Instruction]) -> Self {
        let made = module.iter().filter_map(|i| Some((i.result_id?, i))).collect();
        let mut members = HashMap::<_, Vec<_>>::new();
        for annotation in module {
            if let [Operand::IdRef(of), Operand::LiteralBit32(member), Operand::Decoration(what), ..] =
                &annotation.operands[..]
                && annotation.class.opcode == Op::MemberDecorate
            {
                members.entry((*of, *member)).or_default().push(*what);
            }
        }
        Map { made, members }
    }

    /// The type that a pointer points to, if it is one to physical memory.
    fn pointee(&self, pointer: u32) -> Option<u32> {
        let ty = self.made.get(&self.made.get(&pointer)?.result_type?)?;
        match &ty.operands[..] {
            [Operand::StorageClass(StorageClass::PhysicalStorageBuffer), Operand::IdRef(pointee)] => Some(*pointee),
            _ => None,
        }
    }

    fn is_physical(&self, pointer: u32) -> bool {
        self.pointee(pointer).is_some()
    }

    fn is_atomic(&self, instruction: &Instruction) -> bool {
        instruction.class.opname.starts_with("Atomic")
            && instruction.operands.first().and_then(Operand::id_ref_any).is_some_and(|id| self.is_physical(id))
    }

    /// Whether a member on the way to what is accessed, or inside it, has this qualifier.
    fn is_qualified(&self, pointer: u32, qualifier: Decoration) -> bool {
        self.pointee(pointer).is_some_and(|ty| self.has_inside(ty, qualifier)) || self.is_on_way(pointer, qualifier)
    }

    fn is_on_way(&self, pointer: u32, qualifier: Decoration) -> bool {
        let Some(chain) = self.made.get(&pointer) else { return false };
        let element = match chain.class.opcode {
            Op::AccessChain | Op::InBoundsAccessChain => 1,
            Op::PtrAccessChain | Op::InBoundsPtrAccessChain => 2,
            _ => return false,
        };
        let ids: Vec<u32> = chain.operands.iter().filter_map(Operand::id_ref_any).collect();
        let Some(mut ty) = self.pointee(ids[0]) else { return false };
        for index in ids.iter().skip(element) {
            let Some(inner) = self.made.get(&ty) else { return false };
            let part = match (inner.class.opcode, self.made.get(index).and_then(|i| i.operands.first())) {
                (Op::TypeStruct, Some(Operand::LiteralBit32(member))) => {
                    if self.members.get(&(ty, *member)).is_some_and(|all| all.contains(&qualifier)) {
                        return true;
                    }
                    inner.operands.get(*member as usize)
                }
                _ => inner.operands.first(),
            };
            let Some(part) = part.and_then(Operand::id_ref_any) else { return false };
            ty = part;
        }
        self.is_on_way(ids[0], qualifier)
    }

    fn has_inside(&self, ty: u32, qualifier: Decoration) -> bool {
        let Some(made) = self.made.get(&ty) else { return false };
        let parts = match made.class.opcode {
            Op::TypeStruct => made.operands.len(),
            Op::TypeArray | Op::TypeRuntimeArray => 1,
            _ => return false,
        };
        let parts = made.operands.iter().take(parts).filter_map(Operand::id_ref_any);
        parts.zip(0u32..).any(|(part, member)| {
            self.members.get(&(ty, member)).is_some_and(|all| all.contains(&qualifier))
                || self.has_inside(part, qualifier)
        })
    }
}
