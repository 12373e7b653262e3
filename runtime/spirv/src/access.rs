//! Rewrites one dereference: splits what it moves into parts, each a number, pointer or vector that cannot straddle a
//! page, and accesses each part at its own device address.

use crate::{
    address::{Addresses, Piece, Site, Span},
    broken::Broken,
    emit::Emitter,
    error::Result,
    memory::MemoryOperands,
    module::Module,
    place::{BaseId, NO_MATRIX_LAYOUT, Place},
    qualifiers::Qualifiers,
    types::{MatrixLayout, Type, Types},
};
use rspirv::spirv::{Capability, Op};

/// Numbers and pointers beyond which a whole load or store is refused: what it would be replaced by has several
/// instructions for each.
const MAX_LEAVES: u64 = 4096;

/// Why something that is no number, pointer, vector, matrix, array or struct of those cannot be accessed.
const UNKNOWN_LAYOUT: &str = "it is not known how values of this type lie in memory";

/// Memory that is accessed, or a part of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    site: Site,
    base: BaseId,
    offset: u64,
    /// Bytes that its address is a multiple of.
    align: u32,
    operands: MemoryOperands,
    ty: u32,
    matrix: Option<MatrixLayout>,
    component_stride: Option<u32>,
    qualifiers: Qualifiers,
    /// What serves the lookups of all of its parts.
    span: Option<Span>,
    /// Whether it is part of something larger, so that its value is put together with others.
    part: bool,
}

impl Memory {
    pub fn new(site: Site, place: &Place, align: u32, operands: MemoryOperands) -> Self {
        let Place { base, offset, ty, matrix, component_stride, qualifiers, .. } = *place;
        Memory {
            site,
            base,
            offset,
            align,
            operands,
            ty,
            matrix,
            component_stride,
            qualifiers,
            span: None,
            part: false,
        }
    }

    /// The type of what lies there.
    pub fn ty(&self) -> u32 {
        self.ty
    }

    /// Where it starts.
    pub fn piece(&self) -> Piece {
        Piece { base: self.base, offset: self.offset, align: self.align }
    }
}

/// What is needed to rewrite the accesses of a function.
pub(crate) struct Rewrite<'a, 'm> {
    pub module: &'m Module<'m>,
    pub types: &'m Types,
    pub out: &'a mut Emitter<'m>,
    pub addresses: Addresses<'a, 'm>,
}

/// A constituent of something and how to get at it.
struct Constituent {
    memory: Memory,
    index: u32,
}

impl Rewrite<'_, '_> {
    /// Finds out whether two lookups can serve all parts of `memory`.
    pub fn spanned(&self, memory: Memory) -> Memory {
        if self.types.leaves(memory.ty).is_none_or(|leaves| leaves > MAX_LEAVES) || memory.component_stride.is_some() {
            return memory;
        }
        let extent = self.types.extent(self.module, memory.ty, memory.matrix);
        let span = extent.and_then(|bytes| self.addresses.span(memory.piece(), bytes));
        Memory { span, ..memory }
    }

    /// Emits what loads `memory`; the last instruction's result is `result`, if that is given.
    pub fn load(&mut self, memory: Memory, result: Option<u32>) -> Result<u32> {
        match self.out.shape(memory.ty) {
            Type::Int { .. } | Type::Float { .. } | Type::Pointer { .. } => self.load_leaf(memory, result),
            Type::Vector { component, count } => {
                let mut parts = vec![];
                for (part, _, length) in self.chunks(memory, component, count)? {
                    if length == count {
                        return self.load_leaf(Memory { part: memory.part, ..part }, result);
                    }
                    parts.push(self.load_leaf(part, None)?);
                }
                Ok(self.compose(memory, Op::CompositeConstruct, memory.ty, &parts, result))
            }
            Type::Matrix { column, count } => {
                let Some(layout) = memory.matrix else {
                    return Err(self.module.unsupported(memory.site.index, NO_MATRIX_LAYOUT));
                };
                let (vector, vectors, transposed) = self.matrix_vectors(column, count, layout);
                let load = |i: u32| {
                    let part = self.part(memory, u64::from(i) * u64::from(layout.stride), vector);
                    self.load(part, None)
                };
                let parts = (0..vectors).map(load).collect::<Result<Vec<_>>>()?;
                let Some(rows) = transposed else {
                    return Ok(self.compose(memory, Op::CompositeConstruct, memory.ty, &parts, result));
                };
                let rows = self.compose(memory, Op::CompositeConstruct, rows, &parts, None);
                Ok(self.compose(memory, Op::Transpose, memory.ty, &[rows], result))
            }
            _ => {
                let parts = self.constituents(memory)?;
                let parts = parts.iter().map(|c| self.load(c.memory, None)).collect::<Result<Vec<_>>>()?;
                Ok(self.compose(memory, Op::CompositeConstruct, memory.ty, &parts, result))
            }
        }
    }

    /// Emits what stores `value` to `memory`.
    pub fn store(&mut self, memory: Memory, value: u32) -> Result<()> {
        match self.out.shape(memory.ty) {
            Type::Int { .. } | Type::Float { .. } | Type::Pointer { .. } => self.store_leaf(memory, value),
            Type::Vector { component, count } => {
                for (part, first, length) in self.chunks(memory, component, count)? {
                    if length == count {
                        return self.store_leaf(Memory { part: memory.part, ..part }, value);
                    }
                    if self.types.is_rounded(value) {
                        let reason = "its value has an FPRoundingMode, so it must be stored whole, and it could \
                                      straddle a page: store the components, or align it to its size";
                        return Err(self.module.unsupported(memory.site.index, reason));
                    }
                    self.out.seek(memory.site.index);
                    let part_value = if length == 1 {
                        self.out.value(Op::CompositeExtract, component, [value, first])
                    } else {
                        let operands = [value, value].into_iter().chain(first..first + length);
                        self.out.value(Op::VectorShuffle, part.ty, operands)
                    };
                    self.store_leaf(part, part_value)?;
                }
                Ok(())
            }
            Type::Matrix { column, count } => {
                let Some(layout) = memory.matrix else {
                    return Err(self.module.unsupported(memory.site.index, NO_MATRIX_LAYOUT));
                };
                let (vector, vectors, transposed) = self.matrix_vectors(column, count, layout);
                let value = match transposed {
                    Some(rows) => self.compose(memory, Op::Transpose, rows, &[value], None),
                    None => value,
                };
                for i in 0..vectors {
                    let part = self.part(memory, u64::from(i) * u64::from(layout.stride), vector);
                    self.store_constituent(part, value, i)?;
                }
                Ok(())
            }
            _ => {
                for constituent in self.constituents(memory)? {
                    self.store_constituent(constituent.memory, value, constituent.index)?;
                }
                Ok(())
            }
        }
    }

    /// A constituent of type `ty`, at `offset` bytes.
    fn part(&self, memory: Memory, offset: u64, ty: u32) -> Memory {
        let align = match offset.trailing_zeros() {
            zeros if zeros < 31 && !self.addresses.options.breaks(Broken::PartsAsAligned) => {
                memory.align.min(1 << zeros)
            }
            _ => memory.align,
        };
        let offset = memory.offset.wrapping_add(offset);
        Memory { offset, align, ty, component_stride: None, part: true, ..memory }
    }

    fn store_constituent(&mut self, part: Memory, value: u32, index: u32) -> Result<()> {
        self.out.seek(part.site.index);
        let value = self.out.value(Op::CompositeExtract, part.ty, [value, index]);
        self.store(part, value)
    }

    /// The members or elements of a struct or array.
    fn constituents(&self, memory: Memory) -> Result<Vec<Constituent>> {
        let index = memory.site.index;
        let unsupported = |reason: &str| self.module.unsupported(index, reason);
        match self.types.leaves(memory.ty) {
            Some(leaves) if leaves <= MAX_LEAVES => {}
            Some(leaves) => {
                let reason = format!("it moves {leaves} numbers at once, and {MAX_LEAVES} is the most: use a loop");
                return Err(unsupported(&reason));
            }
            None => {
                return Err(unsupported(
                    "what it moves has a size that only a specialization constant gives, or holds what cannot lie in \
                     memory: access its elements one by one",
                ));
            }
        }
        match self.types.get(memory.ty) {
            Type::Struct => {
                let members = self.module.def(memory.ty).map_or(&[][..], |inst| self.module.operands(inst));
                let members = (0u32..).zip(members).map(|(index, ty)| {
                    let member = self.types.member(memory.ty, index);
                    let Some(offset) = member.offset else {
                        return Err(unsupported("a struct in it has a member without Offset"));
                    };
                    let options = self.addresses.options;
                    let offset = if options.breaks(Broken::FirstMemberOffset) { 0 } else { offset };
                    let matrix = member.matrix();
                    let qualifiers = memory.qualifiers.and(member.qualifiers);
                    let memory = Memory { matrix, qualifiers, ..self.part(memory, offset.into(), *ty) };
                    Ok(Constituent { memory, index })
                });
                members.collect()
            }
            Type::Array { element, length: Some(length) } => {
                let Some(stride) = self.types.array_stride(memory.ty) else {
                    return Err(unsupported("an array in it has no ArrayStride"));
                };
                let part =
                    |i: u64| Constituent { memory: self.part(memory, i * u64::from(stride), element), index: i as u32 };
                Ok((0..length).map(part).collect())
            }
            _ => Err(unsupported(UNKNOWN_LAYOUT)),
        }
    }

    /// A matrix in memory: the type of its vectors there, their number, and, where they are rows, the type of the
    /// matrix that has them as columns.
    fn matrix_vectors(&mut self, column: u32, count: u32, layout: MatrixLayout) -> (u32, u32, Option<u32>) {
        match (layout.row_major, self.types.get(column)) {
            (true, Type::Vector { component, count: rows }) => {
                let row = self.out.vector_type(component, count);
                (row, rows, Some(self.out.matrix_type(row, rows)))
            }
            _ => (column, count, None),
        }
    }

    /// A vector in pieces that are no longer than their alignment: each with its first component and length.
    fn chunks(&mut self, memory: Memory, component: u32, count: u32) -> Result<Vec<(Memory, u32, u32)>> {
        let Some(bytes) = self.types.bytes(component) else {
            return Err(self.module.unsupported(memory.site.index, UNKNOWN_LAYOUT));
        };
        let (mut chunks, mut first) = (vec![], 0);
        while first < count {
            let (stride, most) = match memory.component_stride {
                Some(stride) => (stride, 1),
                None => (bytes, count - first),
            };
            let part = self.part(memory, u64::from(first) * u64::from(stride), component);
            let fits = |length: u32| self.fits(u64::from(length * bytes), part.align);
            // A whole vector has a type already; shorter ones are made.
            let length = (1..=most).rev().find(|length| fits(*length)).unwrap_or(1);
            let ty = match length {
                1 => component,
                _ if length == count => memory.ty,
                _ => self.out.vector_type(component, length),
            };
            chunks.push((Memory { ty, ..part }, first, length));
            first += length;
        }
        Ok(chunks)
    }

    /// Whether so many bytes at an address that is a multiple of `align` cannot straddle a page.
    fn fits(&self, bytes: u64, align: u32) -> bool {
        let options = self.addresses.options;
        let align = u64::from(align) << u32::from(options.breaks(Broken::WideParts));
        options.breaks(Broken::NoSplit) || self.addresses.page_size().is_none_or(|page| bytes <= page.min(align))
    }

    fn load_leaf(&mut self, memory: Memory, result: Option<u32>) -> Result<u32> {
        let memory = self.leaf(memory)?;
        let pointer = self.pointer(memory);
        let operands = [pointer].into_iter().chain(self.operands(memory).words());
        let result = result.unwrap_or_else(|| self.out.id());
        self.out.value_as(result, Op::Load, memory.ty, operands);
        Ok(result)
    }

    fn store_leaf(&mut self, memory: Memory, value: u32) -> Result<()> {
        let memory = self.leaf(memory)?;
        let pointer = self.pointer(memory);
        let operands = [pointer, value].into_iter().chain(self.operands(memory).words());
        self.out.effect(Op::Store, operands);
        Ok(())
    }

    /// The operands of an access to a part.
    fn operands(&self, memory: Memory) -> MemoryOperands {
        let dropped = self.addresses.options.breaks(Broken::DropMemoryOperands);
        let operands = if dropped { MemoryOperands::default() } else { memory.operands };
        let kept = self.addresses.options.kept_alignment();
        operands.aligned(Some(u64::from(memory.align).min(kept) as u32))
    }

    /// A number, pointer or short vector, with the alignment that its numbers have at least: Vulkan demands it of every
    /// access, and glslang declares less for some members that are references.
    fn leaf(&mut self, memory: Memory) -> Result<Memory> {
        let scalar = match self.out.shape(memory.ty) {
            Type::Vector { component, .. } => component,
            _ => memory.ty,
        };
        let Some(bytes) = self.types.bytes(scalar) else {
            return Err(self.module.unsupported(memory.site.index, UNKNOWN_LAYOUT));
        };
        if memory.part {
            // Modules that only load and store small numbers need not declare that they compute with them, and putting
            // values together counts as that.
            match self.types.get(scalar) {
                Type::Int { bits: 8 } => self.out.require(Capability::Int8),
                Type::Int { bits: 16 } => self.out.require(Capability::Int16),
                Type::Float { bits: 16 } => self.out.require(Capability::Float16),
                _ => {}
            }
        }
        if memory.align >= bytes {
            return Ok(memory);
        }
        // A span is no more aligned than its access declares.
        Ok(Memory { align: bytes, span: None, ..memory })
    }

    /// Emits the device pointer to `memory`, as what it is in the module: with its member's qualifiers.
    pub fn pointer(&mut self, memory: Memory) -> u32 {
        let address = match memory.span {
            Some(span) => self.addresses.device_in(self.out, memory.site, span, memory.piece()),
            None => self.addresses.device(self.out, memory.site, memory.piece()),
        };
        self.out.seek(memory.site.index);
        let leaf = self.out.pointer_type(memory.ty);
        if memory.qualifiers.is_empty() || self.addresses.options.breaks(Broken::DropQualifiers) {
            return self.out.value(Op::ConvertUToPtr, leaf, [address]);
        }
        let wrapper = self.out.wrapper_type(memory.ty, memory.qualifiers);
        let wrapper = self.out.pointer_type(wrapper);
        let zero = self.out.constant(32, 0);
        let block = self.out.value(Op::ConvertUToPtr, wrapper, [address]);
        self.out.value(Op::AccessChain, leaf, [block, zero])
    }

    fn compose(&mut self, memory: Memory, op: Op, ty: u32, operands: &[u32], result: Option<u32>) -> u32 {
        self.out.seek(memory.site.index);
        let result = result.unwrap_or_else(|| self.out.id());
        self.out.value_as(result, op, ty, operands.iter().copied());
        result
    }
}
