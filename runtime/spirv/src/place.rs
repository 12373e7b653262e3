//! Where a pointer points: a root value, dynamic steps and a constant number of bytes from it, and how what lies there
//! is laid out. Found by walking access chains, whose strides and offsets are in the types' decorations.

use crate::{
    broken::Broken,
    error::Result,
    module::{Module, invalid},
    options::Options,
    qualifiers::Qualifiers,
    types::{MatrixLayout, Type, Types},
};
use rspirv::spirv::Op;
use rustc_hash::FxHashMap as HashMap;

/// Dynamic steps after which a chain is taken as a pointer like any other, so that a long sequence of chains does not
/// cost its length squared.
const MAX_STEPS: u32 = 16;

/// An address but for a constant: a pointer value, or another such address plus an index times a stride.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Base {
    /// A pointer that is no access chain, or the unsigned 64-bit integer that one was made from.
    Root { value: u32 },
    /// `from + index * stride`, the index sign-extended.
    Step { from: BaseId, index: u32, stride: u32 },
}

/// A [`Base`] in [`Places`]; equal ones are equal addresses wherever both can be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BaseId(u32);

/// What a pointer points to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub base: BaseId,
    /// Bytes from there, wrapping.
    pub offset: u64,
    pub ty: u32,
    pub matrix: Option<MatrixLayout>,
    /// Bytes between the components of a vector, where they have gaps: a column of a row-major matrix.
    pub component_stride: Option<u32>,
    /// Of all struct members and pointers on the way.
    pub qualifiers: Qualifiers,
    /// The struct that the root points to, if it is one, and its member that this place is in; `None` is all of it.
    pub block: Option<(u32, Option<u32>)>,
}

/// The places of a function's pointers.
#[derive(Debug)]
pub(crate) struct Places {
    options: Options,
    bases: Vec<(Base, u32)>,
    ids: HashMap<Base, BaseId>,
    /// Of access chains. One that cannot be followed is an error only if it is dereferenced.
    chains: HashMap<u32, Result<Place>>,
}

impl Places {
    pub fn new(options: Options) -> Self {
        Places { options, bases: vec![], ids: HashMap::default(), chains: HashMap::default() }
    }

    pub fn base(&self, id: BaseId) -> Base {
        self.bases[id.0 as usize].0
    }

    /// The place of a pointer whose dereferences are translated.
    pub fn of(&mut self, types: &Types, module: &Module<'_>, pointer: u32) -> Result<Place> {
        let mut qualifiers = types.qualifiers(pointer);
        let mut pointer = pointer;
        // A copy is at the place of what it copies.
        for _ in 0..MAX_ORIGIN {
            match module.def(pointer).map(|inst| (inst.op, module.uses(inst))) {
                Some((Op::CopyObject, [copied])) => pointer = *copied,
                _ => break,
            }
            qualifiers = qualifiers.and(types.qualifiers(pointer));
        }
        let place = match self.chains.get(&pointer) {
            Some(place) => place.clone()?,
            None if module.def(pointer).is_some_and(|inst| is_chain(inst.op)) => {
                return invalid(format!("%{pointer} is used before its definition"));
            }
            None => self.start(types, module, pointer)?,
        };
        Ok(Place { qualifiers: place.qualifiers.and(qualifiers), ..place })
    }

    /// The place of a pointer that is no access chain.
    fn start(&mut self, types: &Types, module: &Module<'_>, pointer: u32) -> Result<Place> {
        let Some(ty) = types.pointee(module.type_of(pointer)) else {
            return invalid(format!("%{pointer} is no pointer to memory with a physical address"));
        };
        let block = matches!(types.get(ty), Type::Struct).then_some((ty, None));
        let (value, offset) = origin(types, module, pointer);
        let offset = if self.options.breaks(Broken::IgnoreAddition) { 0 } else { offset };
        Ok(Place { block, offset, ..self.root(value, ty) })
    }

    /// Whether a pointer is one that other places start from.
    pub fn is_root(&self, pointer: u32) -> bool {
        self.ids.contains_key(&Base::Root { value: pointer })
    }

    /// Follows an access chain, which is at `index`.
    pub fn follow(&mut self, types: &Types, module: &Module<'_>, index: usize) {
        let place = self.walk(types, module, index);
        self.chains.insert(module.insts[index].id, place);
    }

    fn walk(&mut self, types: &Types, module: &Module<'_>, index: usize) -> Result<Place> {
        let inst = &module.insts[index];
        let [from, indexes @ ..] = module.uses(inst) else {
            return invalid(format!("{} has no base", inst.describe()));
        };
        let mut place = self.of(types, module, *from)?;
        let mut indexes = indexes.iter();
        if walks(inst.op)
            && let Some(element) = indexes.next()
            && types.constant(*element) != Some(0)
            && !self.options.breaks(Broken::IgnoreElement)
        {
            let Some(stride) = types.array_stride(module.type_of(*from)) else {
                let reason = "the type of its base has no ArrayStride: decorate the pointer type";
                return Err(module.unsupported(index, reason));
            };
            self.step(types, module, &mut place, *element, stride)?;
        }
        for &at in indexes {
            self.enter(types, module, index, &mut place, at)?;
        }
        if types.pointee(inst.ty) != Some(place.ty) {
            return invalid(format!("{} leads to type %{}, which is not its own", inst.describe(), place.ty));
        }
        if self.bases[place.base.0 as usize].1 > MAX_STEPS {
            let Place { base, offset, .. } = self.root(inst.id, place.ty);
            place = Place { base, offset, ..place };
        }
        Ok(place)
    }

    fn root(&mut self, value: u32, ty: u32) -> Place {
        let base = self.intern(Base::Root { value }, 0);
        let qualifiers = Qualifiers::default();
        Place { base, offset: 0, ty, matrix: None, component_stride: None, qualifiers, block: None }
    }

    fn intern(&mut self, base: Base, steps: u32) -> BaseId {
        *self.ids.entry(base).or_insert_with(|| {
            self.bases.push((base, steps));
            BaseId(self.bases.len() as u32 - 1)
        })
    }

    fn step(&mut self, types: &Types, module: &Module<'_>, place: &mut Place, index: u32, stride: u32) -> Result<()> {
        match types.constant(index) {
            Some(value) => place.offset = place.offset.wrapping_add((value as u64).wrapping_mul(u64::from(stride))),
            None if !matches!(types.get(module.type_of(index)), Type::Int { .. }) => {
                return invalid(format!("%{index} is an index, but no integer"));
            }
            None => {
                let steps = self.bases[place.base.0 as usize].1 + 1;
                place.base = self.intern(Base::Step { from: place.base, index, stride }, steps);
            }
        }
        Ok(())
    }

    /// Goes to a constituent of what `place` is.
    fn enter(&mut self, types: &Types, module: &Module<'_>, chain: usize, place: &mut Place, index: u32) -> Result<()> {
        let unsupported = |reason: &str| Err(module.unsupported(chain, reason));
        match types.get(place.ty) {
            Type::Struct => {
                let members = module.def(place.ty).map_or(&[][..], |inst| module.operands(inst));
                let number = types.constant(index).and_then(|n| usize::try_from(n).ok());
                let Some((number, ty)) = number.and_then(|n| Some((n, *members.get(n)?))) else {
                    return invalid(format!("%{index} selects no member of struct %{}", place.ty));
                };
                let member = types.member(place.ty, number as u32);
                let Some(offset) = member.offset else {
                    return unsupported("a struct on its way has a member without Offset");
                };
                place.offset = place.offset.wrapping_add(u64::from(offset));
                place.matrix = member.matrix();
                place.qualifiers = place.qualifiers.and(member.qualifiers);
                if let Some((block, None)) = place.block {
                    place.block = Some((block, Some(number as u32)));
                }
                place.ty = ty;
            }
            Type::Array { element, .. } | Type::RuntimeArray { element } => {
                let Some(stride) = types.array_stride(place.ty) else {
                    return unsupported("an array on its way has no ArrayStride");
                };
                self.step(types, module, place, index, stride)?;
                place.ty = element;
            }
            Type::Matrix { column, .. } => {
                let Some(layout) = place.matrix else {
                    return unsupported(NO_MATRIX_LAYOUT);
                };
                let gap_ignored = self.options.breaks(Broken::IgnoreComponentStride);
                let (stride, gap) = match (layout.row_major, types.get(column)) {
                    (true, Type::Vector { component, .. }) => {
                        (types.bytes(component).unwrap_or(0), (!gap_ignored).then_some(layout.stride))
                    }
                    _ => (layout.stride, None),
                };
                self.step(types, module, place, index, stride)?;
                (place.ty, place.component_stride) = (column, gap);
            }
            Type::Vector { component, .. } => {
                let stride = place.component_stride.or(types.bytes(component)).unwrap_or(0);
                self.step(types, module, place, index, stride)?;
                (place.ty, place.component_stride) = (component, None);
            }
            _ => return invalid(format!("%{index} selects a part of %{}, which has none", place.ty)),
        }
        Ok(())
    }
}

/// Conversions and additions to follow from a pointer to what it is made from.
const MAX_ORIGIN: usize = 16;

/// The value that a pointer was made from by conversions and additions of constants, and the sum of those: casts of one
/// address, as many compilers make them for each access, share their translations.
fn origin(types: &Types, module: &Module<'_>, pointer: u32) -> (u32, u64) {
    let (mut value, mut offset) = (pointer, 0u64);
    let address = |id: u32| {
        let ty = module.type_of(id);
        types.pointee(ty).is_some()
            || module.def(ty).is_some_and(|inst| inst.op == Op::TypeInt && module.operands(inst) == [64, 0])
    };
    for _ in 0..MAX_ORIGIN {
        let Some(inst) = module.def(value) else { break };
        let (from, added) = match (inst.op, module.uses(inst)) {
            (Op::ConvertUToPtr | Op::ConvertPtrToU | Op::Bitcast | Op::CopyObject, [from]) => (*from, 0),
            (Op::IAdd, [a, b]) => match (types.constant(*a), types.constant(*b)) {
                (_, Some(constant)) => (*a, constant as u64),
                (Some(constant), None) => (*b, constant as u64),
                (None, None) => break,
            },
            _ => break,
        };
        if !address(value) || !address(from) {
            break;
        }
        (value, offset) = (from, offset.wrapping_add(added));
    }
    (value, offset)
}

/// Why a matrix cannot be accessed.
pub(crate) const NO_MATRIX_LAYOUT: &str =
    "the matrix is no member of a struct that gives its MatrixStride: put it into one";

/// Whether an instruction makes a pointer from a pointer by indexes.
pub(crate) fn is_chain(op: Op) -> bool {
    matches!(op, Op::AccessChain | Op::InBoundsAccessChain) || walks(op)
}

/// Whether a chain's first index walks an array that its base points into.
fn walks(op: Op) -> bool {
    matches!(op, Op::PtrAccessChain | Op::InBoundsPtrAccessChain)
}
