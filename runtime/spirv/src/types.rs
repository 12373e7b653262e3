//! The types of a module and how they are laid out in memory.

use crate::{
    broken::Broken,
    error::Result,
    module::{Module, invalid},
    options::Options,
    qualifiers::Qualifiers,
};
use rspirv::spirv::{Decoration, Op, StorageClass};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

/// Nesting of types beyond which a module is refused; Vulkan's limit for structs.
const MAX_NESTING: u32 = 255;

/// What a type is. Members of structs are operands of their `OpTypeStruct`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Type {
    Int {
        bits: u32,
    },
    Float {
        bits: u32,
    },
    Vector {
        component: u32,
        count: u32,
    },
    Matrix {
        column: u32,
        count: u32,
    },
    /// The length is `None` where a specialization constant gives it.
    Array {
        element: u32,
        length: Option<u64>,
    },
    RuntimeArray {
        element: u32,
    },
    Struct,
    Pointer {
        class: StorageClass,
        pointee: u32,
    },
    /// Cannot lie in memory that pointers reach.
    Other,
}

/// How the matrices of a struct's member are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MatrixLayout {
    /// Bytes between its columns, or its rows if it is row-major.
    pub stride: u32,
    pub row_major: bool,
}

/// How a struct's member is laid out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Member {
    pub offset: Option<u32>,
    matrix_stride: Option<u32>,
    row_major: bool,
    pub qualifiers: Qualifiers,
}

impl Member {
    /// The layout of matrices in it.
    pub fn matrix(&self) -> Option<MatrixLayout> {
        self.matrix_stride.map(|stride| MatrixLayout { stride, row_major: self.row_major })
    }
}

/// All types and layouts, and the integer constants that index them.
#[derive(Debug, Default)]
pub(crate) struct Types {
    types: HashMap<u32, Entry>,
    first: HashMap<Type, u32>,
    members: HashMap<(u32, u32), Member>,
    array_strides: HashMap<u32, u32>,
    /// Decorated together with others.
    grouped: HashSet<u32>,
    /// Of values: parameters, mostly.
    qualifiers: HashMap<u32, Qualifiers>,
    /// Values of conversions that say how they round.
    rounded: HashSet<u32>,
    /// Sign-extended. Specialization constants are not among them.
    constants: HashMap<u32, i64>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    ty: Type,
    depth: u32,
    /// Scalars and pointers in a value of it; `None` if that is not known.
    leaves: Option<u64>,
}

impl Types {
    pub fn of(module: &Module<'_>, options: Options) -> Result<Self> {
        let mut types = Types::default();
        types.decorations(module);
        for member in types.members.values_mut() {
            member.row_major &= !options.breaks(Broken::IgnoreRowMajor);
            if options.breaks(Broken::IgnoreMatrixStride) {
                member.matrix_stride = member.matrix_stride.and(Some(16));
            }
        }
        let globals = module.functions.first().map_or(module.insts.len(), |function| function.start);
        for index in 0..globals {
            types.declare(module, index)?;
        }
        Ok(types)
    }

    /// What a type is.
    pub fn get(&self, ty: u32) -> Type {
        self.types.get(&ty).map_or(Type::Other, |entry| entry.ty)
    }

    /// What a pointer type points to, if it is one whose dereferences are translated.
    pub fn pointee(&self, ty: u32) -> Option<u32> {
        match self.get(ty) {
            Type::Pointer { class: StorageClass::PhysicalStorageBuffer, pointee } => Some(pointee),
            _ => None,
        }
    }

    /// Scalars and pointers in a value of this type; `None` if the module does not say.
    pub fn leaves(&self, ty: u32) -> Option<u64> {
        self.types.get(&ty).and_then(|entry| entry.leaves)
    }

    pub fn member(&self, ty: u32, member: u32) -> Member {
        self.members.get(&(ty, member)).copied().unwrap_or_default()
    }

    /// Bytes between elements of an array type, or of the array that a pointer type walks.
    pub fn array_stride(&self, ty: u32) -> Option<u32> {
        self.array_strides.get(&ty).copied()
    }

    /// Whether an id is decorated in one instruction with others, so that it cannot go without them.
    pub fn is_in_group(&self, id: u32) -> bool {
        self.grouped.contains(&id)
    }

    /// The qualifiers that a pointer value has by itself.
    pub fn qualifiers(&self, id: u32) -> Qualifiers {
        self.qualifiers.get(&id).copied().unwrap_or_default()
    }

    /// Whether a value says how it is rounded, which only one that is stored as it is may say.
    pub fn is_rounded(&self, id: u32) -> bool {
        self.rounded.contains(&id)
    }

    /// An integer constant's value.
    pub fn constant(&self, id: u32) -> Option<i64> {
        self.constants.get(&id).copied()
    }

    /// Bytes of a number or pointer, of a vector without gaps, `None` for anything else.
    pub fn bytes(&self, ty: u32) -> Option<u32> {
        match self.get(ty) {
            Type::Int { bits } | Type::Float { bits } => Some(bits / 8),
            Type::Pointer { class: StorageClass::PhysicalStorageBuffer, .. } => Some(8),
            Type::Vector { component, count } => Some(self.bytes(component)? * count),
            _ => None,
        }
    }

    /// Bytes from the first to the last byte of a value of this type, whose matrices are laid out like this; `None` if the
    /// module does not say. Only for types with few [`leaves`](Self::leaves): it visits all of them.
    pub fn extent(&self, module: &Module<'_>, ty: u32, matrix: Option<MatrixLayout>) -> Option<u64> {
        let array = |length: u64, stride: u32, element: u64| {
            length.checked_sub(1)?.checked_mul(u64::from(stride))?.checked_add(element)
        };
        match self.get(ty) {
            Type::Int { .. } | Type::Float { .. } | Type::Pointer { .. } | Type::Vector { .. } => {
                self.bytes(ty).map(u64::from)
            }
            Type::Matrix { column, count } => {
                let Type::Vector { component, count: rows } = self.get(column) else { return None };
                let (vectors, length) = if matrix?.row_major { (rows, count) } else { (count, rows) };
                array(vectors.into(), matrix?.stride, u64::from(self.bytes(component)? * length))
            }
            Type::Array { element, length } => {
                array(length?, self.array_stride(ty)?, self.extent(module, element, matrix)?)
            }
            Type::Struct => {
                let members = (0u32..).zip(module.operands(module.def(ty)?));
                let ends = members.map(|(index, of)| {
                    let member = self.member(ty, index);
                    self.extent(module, *of, member.matrix())?.checked_add(u64::from(member.offset?))
                });
                ends.into_iter().try_fold(0, |most: u64, end| Some(most.max(end?)))
            }
            Type::RuntimeArray { .. } | Type::Other => None,
        }
    }

    /// The type that is `wanted`, the first one of several; of integers the unsigned one.
    pub fn find(&self, wanted: Type) -> Option<u32> {
        self.first.get(&wanted).copied()
    }

    fn declare(&mut self, module: &Module<'_>, index: usize) -> Result<()> {
        let inst = &module.insts[index];
        let words = module.operands(inst);
        let word = |i: usize| words.get(i).copied().unwrap_or(0);
        let ty = match inst.op {
            Op::TypeInt => Type::Int { bits: word(0) },
            // With an encoding of its own it is no number that vectors are made of as usual.
            Op::TypeFloat if words.len() > 1 => Type::Other,
            Op::TypeFloat => Type::Float { bits: word(0) },
            Op::TypeVector => Type::Vector { component: word(0), count: word(1) },
            Op::TypeMatrix => Type::Matrix { column: word(0), count: word(1) },
            Op::TypeArray => Type::Array { element: word(0), length: self.length(module, word(1)) },
            Op::TypeRuntimeArray => Type::RuntimeArray { element: word(0) },
            Op::TypeStruct => Type::Struct,
            Op::TypePointer => match StorageClass::from_u32(word(0)) {
                Some(class) => Type::Pointer { class, pointee: word(1) },
                None => Type::Other,
            },
            // Declared in full later; until then it is known to be a pointer.
            Op::TypeForwardPointer => {
                if let Some(class) = StorageClass::from_u32(word(1)) {
                    let entry = Entry { ty: Type::Pointer { class, pointee: 0 }, depth: 0, leaves: Some(1) };
                    self.types.insert(word(0), entry);
                }
                return Ok(());
            }
            Op::Constant => {
                if let Type::Int { bits } = self.get(inst.ty) {
                    let value = u64::from(word(0)) | u64::from(word(1)) << 32;
                    let unused = 64 - bits.clamp(1, 64);
                    self.constants.insert(inst.id, (value << unused) as i64 >> unused);
                }
                return Ok(());
            }
            Op::ConstantNull => {
                if let Type::Int { .. } = self.get(inst.ty) {
                    self.constants.insert(inst.id, 0);
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        let entry = self.measure(module, index, ty)?;
        self.types.insert(inst.id, entry);
        let signed = matches!(entry.ty, Type::Int { .. }) && word(1) != 0;
        if !signed {
            self.first.entry(entry.ty).or_insert(inst.id);
        }
        Ok(())
    }

    /// Constituents are declared before: that makes every walk over a type end.
    fn measure(&self, module: &Module<'_>, index: usize, ty: Type) -> Result<Entry> {
        let inst = &module.insts[index];
        let mut depth = 0;
        let mut of = |id: u32| -> Option<u64> {
            let entry = self.types.get(&id)?;
            depth = depth.max(entry.depth + 1);
            entry.leaves
        };
        let leaves = match ty {
            Type::Int { bits } | Type::Float { bits } => {
                if !matches!(bits, 8 | 16 | 32 | 64) {
                    return invalid(format!("{} is a number of {bits} bits", inst.describe()));
                }
                Some(1)
            }
            Type::Pointer { .. } => Some(1),
            Type::Vector { component: of_what, count } | Type::Matrix { column: of_what, count } => {
                let (number, vector) = match self.get(of_what) {
                    Type::Int { .. } | Type::Float { .. } => (true, false),
                    Type::Vector { .. } => (false, true),
                    // Vectors of bool and of whatever else are not in memory.
                    _ => return Ok(Entry { ty: Type::Other, depth: 0, leaves: None }),
                };
                let fits = if inst.op == Op::TypeVector { number } else { vector };
                if !fits || !(2..=16).contains(&count) {
                    return invalid(format!("{} is no vector or matrix", inst.describe()));
                }
                of(of_what).map(|n| n * u64::from(count))
            }
            // At least one, so that types with few leaves are small however they are nested.
            Type::Array { element, length } => of(element).zip(length).map(|(n, len)| n.saturating_mul(len).max(1)),
            Type::RuntimeArray { element } => of(element).and(None),
            Type::Struct => {
                let members: Vec<_> = module.operands(inst).iter().map(|member| of(*member)).collect();
                let sum = members.into_iter().try_fold(0, |sum: u64, n| Some(sum.saturating_add(n?)));
                sum.map(|sum| sum.max(1))
            }
            Type::Other => None,
        };
        if depth > MAX_NESTING {
            return invalid(format!("{} nests types deeper than {MAX_NESTING}", inst.describe()));
        }
        Ok(Entry { ty, depth, leaves })
    }

    fn length(&self, module: &Module<'_>, id: u32) -> Option<u64> {
        module.def(id).filter(|inst| inst.op == Op::Constant)?;
        u64::try_from(self.constant(id)?).ok()
    }

    fn decorations(&mut self, module: &Module<'_>) {
        // A group's decorations come before the group is applied to its targets.
        let mut groups: HashMap<u32, Vec<&[u32]>> = HashMap::default();
        for inst in &module.insts {
            let words = module.operands(inst);
            match (inst.op, words) {
                (Op::Decorate, [target, decoration @ ..]) => {
                    if module.def(*target).is_some_and(|def| def.op == Op::DecorationGroup)
                        && let Some(kind) = decoration.first()
                    {
                        // The last one of a kind, as for anything else, and no more than there are kinds.
                        let group = groups.entry(*target).or_default();
                        group.retain(|known| known.first() != Some(kind));
                        group.push(decoration);
                    }
                    self.decorate(*target, decoration);
                }
                (Op::MemberDecorate, [target, member, decoration @ ..]) => {
                    self.decorate_member(*target, *member, decoration);
                }
                (Op::GroupDecorate, [group, targets @ ..]) => {
                    self.grouped.extend(targets);
                    for decoration in groups.get(group).into_iter().flatten() {
                        targets.iter().for_each(|target| self.decorate(*target, decoration));
                    }
                }
                (Op::GroupMemberDecorate, [group, targets @ ..]) => {
                    for decoration in groups.get(group).into_iter().flatten() {
                        for target in targets.as_chunks::<2>().0 {
                            self.decorate_member(target[0], target[1], decoration);
                        }
                    }
                }
                (Op::Function, _) => return,
                _ => {}
            }
        }
    }

    fn decorate(&mut self, target: u32, decoration: &[u32]) {
        let Some((kind, literals)) = decoration.split_first() else { return };
        match (Decoration::from_u32(*kind), literals) {
            (Some(Decoration::ArrayStride), [stride]) => {
                self.array_strides.insert(target, *stride);
            }
            (Some(Decoration::FPRoundingMode), _) => {
                self.rounded.insert(target);
            }
            // Restrict is a hint about a pointer, which those made from it need not have.
            (Some(decoration), _) if decoration != Decoration::Restrict && !Qualifiers::of(*kind).is_empty() => {
                let known = self.qualifiers.entry(target).or_default();
                *known = known.and(Qualifiers::of(*kind));
            }
            _ => {}
        }
    }

    fn decorate_member(&mut self, target: u32, member: u32, decoration: &[u32]) {
        let Some((kind, literals)) = decoration.split_first() else { return };
        let member = self.members.entry((target, member)).or_default();
        let literal = literals.first().copied();
        match Decoration::from_u32(*kind) {
            Some(Decoration::Offset) => member.offset = literal,
            Some(Decoration::MatrixStride) => member.matrix_stride = literal,
            Some(Decoration::RowMajor) => member.row_major = true,
            _ => member.qualifiers = member.qualifiers.and(Qualifiers::of(*kind)),
        }
    }
}
