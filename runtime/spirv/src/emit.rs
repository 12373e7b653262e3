//! Writes the lowered module: the instructions of the old one, with others inserted, some left out, and the types and
//! constants that the new ones need.

use crate::{
    error::Result,
    module::{BOUND, Inst, MAX_BOUND, Module, VERSION, invalid},
    qualifiers::Qualifiers,
    types::{Type, Types},
};
use rspirv::spirv::{Capability, Decoration, Op, StorageClass};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

/// A module under change.
pub(crate) struct Emitter<'m> {
    module: &'m Module<'m>,
    types: &'m Types,
    next: u32,
    /// Words of all inserted instructions.
    inserted: Vec<u32>,
    /// Where instructions go: before the old instruction at `.0`, from `.1` on in `inserted`.
    places: Vec<(usize, usize)>,
    /// By the old instruction's index.
    removed: Vec<bool>,
    forgotten: HashSet<u32>,
    capabilities: Vec<Capability>,
    annotations: Vec<u32>,
    declarations: Vec<u32>,
    declared: HashMap<Declaration, u32>,
    /// Vector types, which values of the module may be split into.
    made: HashMap<u32, Type>,
    /// Where the next instruction goes.
    at: usize,
}

/// What is declared once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Declaration {
    Bool,
    Int { bits: u32 },
    Vector { component: u32, count: u32 },
    Matrix { column: u32, count: u32 },
    Pointer { pointee: u32 },
    Wrapper { member: u32, qualifiers: Qualifiers },
    Constant { bits: u32, value: u64 },
}

impl<'m> Emitter<'m> {
    pub fn new(module: &'m Module<'m>, types: &'m Types) -> Self {
        Emitter {
            module,
            types,
            next: module.bound(),
            inserted: vec![],
            places: vec![],
            removed: vec![false; module.insts.len()],
            forgotten: HashSet::default(),
            capabilities: vec![],
            annotations: vec![],
            declarations: vec![],
            declared: HashMap::default(),
            made: HashMap::default(),
            at: 0,
        }
    }

    /// What follows goes before the module's instruction at `index`, after what was put there before.
    pub fn seek(&mut self, index: usize) {
        self.at = index;
    }

    /// Leaves an instruction out.
    pub fn remove(&mut self, index: usize) {
        self.removed[index] = true;
    }

    pub fn is_removed(&self, index: usize) -> bool {
        self.removed[index]
    }

    /// Leaves out the names and decorations of ids that are no longer there.
    pub fn forget(&mut self, gone: &HashSet<u32>) {
        self.forgotten.extend(gone);
    }

    /// Inserts an instruction without a result.
    pub fn effect(&mut self, op: Op, operands: impl IntoIterator<Item = u32>) {
        self.insert(op, operands);
    }

    /// Inserts an instruction and returns its result.
    pub fn value(&mut self, op: Op, ty: u32, operands: impl IntoIterator<Item = u32>) -> u32 {
        let id = self.id();
        self.value_as(id, op, ty, operands);
        id
    }

    /// Inserts an instruction whose result is `id`.
    pub fn value_as(&mut self, id: u32, op: Op, ty: u32, operands: impl IntoIterator<Item = u32>) {
        self.insert(op, [ty, id].into_iter().chain(operands));
    }

    /// Inserts an instruction given by its words.
    pub fn copy(&mut self, words: &[u32]) {
        self.places.push((self.at, self.inserted.len()));
        self.inserted.extend(words);
    }

    fn insert(&mut self, op: Op, operands: impl IntoIterator<Item = u32>) {
        self.places.push((self.at, self.inserted.len()));
        append(&mut self.inserted, op, operands);
    }

    /// A new id.
    pub fn id(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    /// Declares a capability unless it is declared.
    pub fn require(&mut self, capability: Capability) {
        let declares = |op, words: &[u32]| op == Op::Capability && words == [capability as u32];
        let declared = self.module.insts.iter().take_while(|inst| inst.op == Op::Capability);
        if declared.clone().any(|inst| declares(inst.op, self.module.operands(inst))) {
            return;
        }
        if !self.capabilities.contains(&capability) {
            self.capabilities.push(capability);
        }
    }

    /// Capabilities declared anew.
    pub fn capabilities_added(&self) -> &[Capability] {
        &self.capabilities
    }

    pub fn bool_type(&mut self) -> u32 {
        let module = self.module;
        let known = || module.insts.iter().find(|inst| inst.op == Op::TypeBool).map(|inst| inst.id);
        self.declare(Declaration::Bool, known, Op::TypeBool, &[])
    }

    /// The type of unsigned integers of so many bits.
    pub fn int_type(&mut self, bits: u32) -> u32 {
        let types = self.types;
        let known = || types.find(Type::Int { bits });
        if bits == 64 && !self.declared.contains_key(&Declaration::Int { bits }) {
            self.require(Capability::Int64);
        }
        self.declare(Declaration::Int { bits }, known, Op::TypeInt, &[bits, 0])
    }

    pub fn vector_type(&mut self, component: u32, count: u32) -> u32 {
        let types = self.types;
        let known = || types.find(Type::Vector { component, count });
        let id = self.declare(Declaration::Vector { component, count }, known, Op::TypeVector, &[component, count]);
        self.made.insert(id, Type::Vector { component, count });
        id
    }

    pub fn matrix_type(&mut self, column: u32, count: u32) -> u32 {
        let types = self.types;
        let known = || types.find(Type::Matrix { column, count });
        self.declare(Declaration::Matrix { column, count }, known, Op::TypeMatrix, &[column, count])
    }

    /// What a type of the module, or one made here, is.
    pub fn shape(&self, ty: u32) -> Type {
        self.made.get(&ty).copied().unwrap_or_else(|| self.types.get(ty))
    }

    /// The type of device pointers to `pointee`.
    pub fn pointer_type(&mut self, pointee: u32) -> u32 {
        let class = StorageClass::PhysicalStorageBuffer;
        let types = self.types;
        let known = || types.find(Type::Pointer { class, pointee });
        self.declare(Declaration::Pointer { pointee }, known, Op::TypePointer, &[class as u32, pointee])
    }

    /// The type of blocks with one member, which has these qualifiers.
    pub fn wrapper_type(&mut self, member: u32, qualifiers: Qualifiers) -> u32 {
        let declaration = Declaration::Wrapper { member, qualifiers };
        if let Some(id) = self.declared.get(&declaration) {
            return *id;
        }
        let id = self.declare(declaration, || None, Op::TypeStruct, &[member]);
        append(&mut self.annotations, Op::Decorate, [id, Decoration::Block as u32]);
        append(&mut self.annotations, Op::MemberDecorate, [id, 0, Decoration::Offset as u32, 0]);
        for decoration in qualifiers.iter() {
            append(&mut self.annotations, Op::MemberDecorate, [id, 0, decoration as u32]);
        }
        id
    }

    /// An unsigned integer constant.
    pub fn constant(&mut self, bits: u32, value: u64) -> u32 {
        let ty = self.int_type(bits);
        let declaration = Declaration::Constant { bits, value };
        if let Some(id) = self.declared.get(&declaration) {
            return *id;
        }
        let id = self.id();
        let words = [ty, id, value as u32, (value >> 32) as u32];
        append(&mut self.declarations, Op::Constant, words.into_iter().take(if bits > 32 { 4 } else { 3 }));
        self.declared.insert(declaration, id);
        id
    }

    /// Inserts `a + b` for a constant `b`, unless it is zero.
    pub fn add_constant(&mut self, a: u32, b: u64) -> u32 {
        if b == 0 {
            return a;
        }
        let b = self.constant(64, b);
        let ty = self.int_type(64);
        self.value(Op::IAdd, ty, [a, b])
    }

    fn declare(
        &mut self,
        declaration: Declaration,
        known: impl FnOnce() -> Option<u32>,
        op: Op,
        operands: &[u32],
    ) -> u32 {
        if let Some(id) = self.declared.get(&declaration) {
            return *id;
        }
        let id = known().unwrap_or_else(|| {
            let id = self.next;
            self.next += 1;
            append(&mut self.declarations, op, [id].iter().chain(operands).copied());
            id
        });
        self.declared.insert(declaration, id);
        id
    }

    /// Fails if there are more ids than a module can have.
    pub fn check(&self) -> Result<()> {
        match self.next > MAX_BOUND {
            true => invalid(format!("lowered it would have more than {MAX_BOUND} ids, the most that there can be")),
            false => Ok(()),
        }
    }

    /// The module's words, with `mark` as an `OpModuleProcessed`.
    pub fn finish(mut self, mark: &str) -> Result<Vec<u32>> {
        self.check()?;
        // Stable: what goes to one place keeps its order.
        let ends: Vec<usize> =
            self.places.iter().skip(1).map(|(_, start)| *start).chain([self.inserted.len()]).collect();
        let mut order: Vec<usize> = (0..self.places.len()).collect();
        order.sort_by_key(|n| self.places[*n].0);
        let mut order = order.into_iter().peekable();

        let insts = &self.module.insts;
        let annotations = insts.iter().position(|inst| !before_annotations(inst.op)).unwrap_or(insts.len());
        let functions = self.module.functions.first().map_or(insts.len(), |function| function.start);
        let mut words = self.module.header().to_vec();
        words[BOUND] = self.next;
        // The mark came with 1.1, which takes all that 1.0 has.
        words[VERSION] = words[VERSION].max(0x1_0100);
        for capability in std::mem::take(&mut self.capabilities) {
            append(&mut words, Op::Capability, [capability as u32]);
        }
        for index in 0..=insts.len() {
            if index == annotations {
                append(&mut words, Op::ModuleProcessed, string(mark));
                words.extend(&self.annotations);
            }
            if index == functions {
                words.extend(&self.declarations);
            }
            while let Some(n) = order.next_if(|n| self.places[*n].0 == index) {
                words.extend(&self.inserted[self.places[n].1..ends[n]]);
            }
            if let Some(inst) = insts.get(index)
                && !self.removed[index]
                && !self.is_about_forgotten(inst)
            {
                words.extend(self.module.words_of(inst));
            }
        }
        Ok(words)
    }
}

impl Emitter<'_> {
    /// Whether an instruction names or decorates something that is no longer there.
    fn is_about_forgotten(&self, inst: &Inst) -> bool {
        matches!(inst.op, Op::Name | Op::Decorate | Op::DecorateId | Op::DecorateString)
            && self.module.uses(inst).first().is_some_and(|target| self.forgotten.contains(target))
    }
}

/// Appends an instruction.
fn append(words: &mut Vec<u32>, op: Op, operands: impl IntoIterator<Item = u32>) {
    let start = words.len();
    words.push(op as u32);
    words.extend(operands);
    // Every instruction built here has few operands; whoever copies operands of the module checks their number.
    words[start] |= ((words.len() - start) as u32) << 16;
}

/// A literal string's words.
fn string(text: &str) -> Vec<u32> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize((bytes.len() / 4 + 1) * 4, 0);
    bytes.as_chunks::<4>().0.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect()
}

/// Whether an instruction belongs to the parts of a module that come before `OpModuleProcessed`s end and annotations
/// start.
fn before_annotations(op: Op) -> bool {
    matches!(
        op,
        Op::Capability
            | Op::Extension
            | Op::ExtInstImport
            | Op::MemoryModel
            | Op::EntryPoint
            | Op::ExecutionMode
            | Op::ExecutionModeId
            | Op::String
            | Op::SourceExtension
            | Op::Source
            | Op::SourceContinued
            | Op::Name
            | Op::MemberName
            | Op::ModuleProcessed
    )
}
