//! Translates addresses: emits what turns a unified address into a device address, each such computation once where it
//! serves several accesses.
//!
//! A *window* is an aligned piece of memory no larger than a page, so it lies in one page, and one translation serves
//! everything in it. Its size is an alignment that the module declares for an access that is executed whenever the
//! translation is used. Looking up a page never faults, whatever the address: a translation may therefore be computed
//! earlier than its access, outside a loop in which it does not change.

use crate::{
    broken::Broken,
    emit::Emitter,
    flow::Flow,
    module::Module,
    options::{MIRRORED_BITS, Options, Translation},
    place::{Base, BaseId, Places},
    scope::Scope,
};
use rspirv::spirv::{MemoryAccess, Op};

/// A value that is computed once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// The integer that a base is (of the table forms: less the heap's base).
    Base(BaseId),
    /// An index, widened to 64 bits.
    Wide(u32),
    /// The device address of the window of `1 << log` bytes at `start` bytes from a base.
    Window { base: BaseId, start: u64, log: u32 },
    /// Not a value: the binary logarithm of the largest power of two that a base is known to be a multiple of.
    Alignment(BaseId),
}

/// Where an access is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    /// Its instruction.
    pub index: usize,
    /// Its block.
    pub block: usize,
}

/// Where a piece of memory starts: `offset` bytes from `base`. That is a multiple of `align`, and the piece is no longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub base: BaseId,
    pub offset: u64,
    pub align: u32,
}

/// Translates the addresses of one function.
pub(crate) struct Addresses<'a, 'm> {
    pub module: &'m Module<'m>,
    pub flow: &'a Flow,
    pub places: &'a Places,
    pub options: Options,
    pub known: Scope<Key>,
    /// Lookups emitted.
    pub lookups: usize,
}

impl Addresses<'_, '_> {
    /// The largest alignment that a page-wise translation can use; `None` where there are no pages.
    pub fn page_size(&self) -> Option<u64> {
        match self.options.translation {
            Translation::Identity | Translation::Offset(_) => None,
            Translation::Table(table) => Some(1 << table.page_shift),
            Translation::Mirrored(tables) => Some(1 << tables.page_shift),
        }
    }

    /// The device address of a piece, as an integer, for an access at `site`.
    pub fn device(&mut self, out: &mut Emitter<'_>, site: Site, piece: Piece) -> u32 {
        let Some(page) = self.page_size() else {
            let base = self.base(out, site, piece.base);
            out.seek(site.index);
            return out.add_constant(base, piece.offset);
        };
        let (start, log) = self.window_of(piece, page);
        let window = self.window(out, site, piece.base, start, log);
        out.seek(site.index);
        out.add_constant(window, piece.offset.wrapping_sub(start))
    }

    /// Notes that an access at `block` vouches for an alignment.
    pub fn vouch(&mut self, block: usize, piece: Piece) {
        let log = piece.align.trailing_zeros();
        let everywhere = self.options.breaks(Broken::VouchEverywhere);
        let (key, depth) = (Key::Alignment(piece.base), if everywhere { 0 } else { self.flow.blocks[block].depth });
        if piece.offset.trailing_zeros() >= log && self.known.get(key, depth).is_none_or(|known| known < log) {
            self.known.set(key, depth, log);
        }
    }

    /// The largest window around a piece, by where it starts and the logarithm of its size: as large as the piece's own
    /// alignment, or one vouched for on every path here.
    fn window_of(&self, piece: Piece, page: u64) -> (u64, u32) {
        let page = page.trailing_zeros();
        let own = piece.align.trailing_zeros().min(page);
        if self.options.breaks(Broken::WindowsOfPages) {
            return (piece.offset & !((1 << page) - 1), own);
        }
        if piece.offset & ((1 << own) - 1) != 0 {
            // Only the sum of base and offset is aligned.
            return (piece.offset, own);
        }
        let vouched = self.known.get(Key::Alignment(piece.base), u32::MAX).unwrap_or(0);
        let log = own.max(vouched.min(page));
        (piece.offset & !((1 << log) - 1), log)
    }

    fn window(&mut self, out: &mut Emitter<'_>, site: Site, base: BaseId, start: u64, log: u32) -> u32 {
        let key = Key::Window { base, start, log };
        let block = self.earliest(site.block, self.defined(base));
        let depth = self.flow.blocks[block].depth;
        if let Some(known) = self.known.get(key, depth) {
            return known;
        }
        let address = self.base(out, Site { block, ..site }, base);
        self.seek(out, site, block);
        let address = out.add_constant(address, start);
        let device = self.translate(out, address, log);
        self.lookups += 1;
        self.known.set(key, depth, device);
        device
    }

    /// Emits the lookup of `address`, a window of `1 << log` bytes.
    fn translate(&self, out: &mut Emitter<'_>, address: u32, log: u32) -> u32 {
        let ulong = out.int_type(64);
        let (shift, page) = match self.options.translation {
            Translation::Table(table) => {
                let page = shifted(out, Op::ShiftRightLogical, address, table.page_shift);
                let pages = table.pages - u64::from(self.options.breaks(Broken::ShortHeap));
                let page = if self.options.breaks(Broken::NoBoundsCheck) { page } else { clamp(out, page, pages) };
                (table.page_shift, entry_at(out, table.entries, page))
            }
            Translation::Mirrored(tables) => {
                let leaf_bits = tables.page_shift + tables.leaf_shift;
                let root = shifted(out, Op::ShiftRightLogical, address, leaf_bits);
                let root = clamp(out, root, 1 << (MIRRORED_BITS - leaf_bits));
                let leaf = entry_at(out, tables.root, root);
                let page = shifted(out, Op::ShiftRightLogical, address, tables.page_shift);
                let mask = out.constant(64, (1 << tables.leaf_shift) - 1);
                let page = out.value(Op::BitwiseAnd, ulong, [page, mask]);
                let page = shifted(out, Op::ShiftLeftLogical, page, 3);
                let entry = out.value(Op::IAdd, ulong, [leaf, page]);
                (tables.page_shift, load_entry(out, entry))
            }
            Translation::Identity | Translation::Offset(_) => return address,
        };
        let log = if self.options.breaks(Broken::NoAlignmentMask) { 0 } else { log };
        let mask = out.constant(64, (1 << shift) - (1 << log));
        let inside = out.value(Op::BitwiseAnd, ulong, [address, mask]);
        out.value(Op::IAdd, ulong, [page, inside])
    }

    /// The integer that a base is; less the heap's base in the table form, plus the offset in the offset form.
    fn base(&mut self, out: &mut Emitter<'_>, site: Site, base: BaseId) -> u32 {
        let block = self.earliest(site.block, self.defined(base));
        let depth = self.flow.blocks[block].depth;
        if let Some(known) = self.known.get(Key::Base(base), depth) {
            return known;
        }
        let site = Site { block, ..site };
        let ulong = out.int_type(64);
        let value = match self.places.base(base) {
            Base::Root { pointer } => {
                self.seek(out, site, block);
                let integer = match self.made_from(pointer, ulong) {
                    Some(integer) => integer,
                    None => out.value(Op::ConvertPtrToU, ulong, [pointer]),
                };
                let bias = match self.options.translation {
                    Translation::Offset(offset) => offset.0,
                    Translation::Table(table) => table.base.wrapping_neg(),
                    Translation::Identity | Translation::Mirrored(_) => 0,
                };
                out.add_constant(integer, bias)
            }
            Base::Step { from, index, stride } => {
                let from = self.base(out, site, from);
                let index = self.wide(out, site, index);
                self.seek(out, site, block);
                let stride = out.constant(64, u64::from(stride));
                let bytes = out.value(Op::IMul, ulong, [index, stride]);
                out.value(Op::IAdd, ulong, [from, bytes])
            }
        };
        self.known.set(Key::Base(base), depth, value);
        value
    }

    /// An index, sign-extended to 64 bits.
    fn wide(&mut self, out: &mut Emitter<'_>, site: Site, index: u32) -> u32 {
        let ty = self.module.type_of(index);
        let bits = self.module.def(ty).and_then(|inst| self.module.operands(inst).first().copied());
        if bits == Some(64) {
            return index;
        }
        let block = self.earliest(site.block, self.defined_by(index));
        let depth = self.flow.blocks[block].depth;
        if let Some(known) = self.known.get(Key::Wide(index), depth) {
            return known;
        }
        self.seek(out, site, block);
        let ulong = out.int_type(64);
        let unsigned = self.options.breaks(Broken::UnsignedIndexes);
        let value = out.value(if unsigned { Op::UConvert } else { Op::SConvert }, ulong, [index]);
        self.known.set(Key::Wide(index), depth, value);
        value
    }

    /// The integer of type `ulong` that a pointer was converted from.
    fn made_from(&self, pointer: u32, ulong: u32) -> Option<u32> {
        let made = self.module.def(pointer).filter(|inst| inst.op == Op::ConvertUToPtr)?;
        let integer = *self.module.uses(made).first()?;
        (self.module.type_of(integer) == ulong).then_some(integer)
    }

    /// Goes to where a value for `site` is computed in `block`.
    fn seek(&self, out: &mut Emitter<'_>, site: Site, block: usize) {
        let here = self.flow.block_of(site.index) == block;
        out.seek(if here { site.index } else { self.flow.blocks[block].end });
    }

    /// The block to compute a value in: `block`, or what comes before the outermost loop around it in which nothing that
    /// the value depends on is defined.
    fn earliest(&self, mut block: usize, defined: usize) -> usize {
        while let Some(header) = self.flow.blocks[block].inside
            && let Some(before) = self.flow.blocks[header].dominator
            && (self.flow.dominates(defined, before) || self.options.breaks(Broken::HoistAll))
        {
            block = before;
        }
        block
    }

    /// The last of the blocks that define what a base depends on.
    fn defined(&self, base: BaseId) -> usize {
        match self.places.base(base) {
            Base::Root { pointer } => self.defined_by(pointer),
            Base::Step { from, index, .. } => {
                let (a, b) = (self.defined(from), self.defined_by(index));
                if self.flow.blocks[a].depth > self.flow.blocks[b].depth { a } else { b }
            }
        }
    }

    /// The block that defines a value; the entry for what is outside blocks.
    fn defined_by(&self, id: u32) -> usize {
        self.module.index_of(id).map_or(0, |index| self.flow.block_of(index))
    }
}

fn shifted(out: &mut Emitter<'_>, op: Op, value: u32, by: u32) -> u32 {
    let by = out.constant(32, u64::from(by));
    let ulong = out.int_type(64);
    out.value(op, ulong, [value, by])
}

/// The smaller of `value`, which was shifted right and so is no negative number either way, and `most`. Signed, because
/// CPUs compare 64-bit vectors so.
fn clamp(out: &mut Emitter<'_>, value: u32, most: u64) -> u32 {
    let (most, boolean, ulong) = (out.constant(64, most), out.bool_type(), out.int_type(64));
    let inside = out.value(Op::SLessThan, boolean, [value, most]);
    out.value(Op::Select, ulong, [inside, value, most])
}

/// Loads the number at `index` of the table at `table`.
fn entry_at(out: &mut Emitter<'_>, table: u64, index: u32) -> u32 {
    let offset = shifted(out, Op::ShiftLeftLogical, index, 3);
    let address = out.add_constant(offset, table);
    load_entry(out, address)
}

fn load_entry(out: &mut Emitter<'_>, address: u32) -> u32 {
    let ulong = out.int_type(64);
    let pointer_type = out.pointer_type(ulong);
    let pointer = out.value(Op::ConvertUToPtr, pointer_type, [address]);
    out.value(Op::Load, ulong, [pointer, MemoryAccess::ALIGNED.bits(), 8])
}
