//! Translates addresses: emits what turns a unified address into a device address, each such computation once where it
//! serves several accesses.
//!
//! A *window* is an aligned piece of memory no larger than a page, so it lies in one page, and one translation serves
//! everything in it. Its size is an alignment that the module declares for an access that is executed whenever the
//! translation is used. Looking up a page never faults, whatever the address: a translation may therefore be computed
//! earlier than its access, outside a loop in which it does not change.
//!
//! A *span* is what a large access of little alignment touches. It straddles one page border at most, so two lookups serve
//! all of its parts; each part finds out which of the two is its own.

use crate::{
    broken::Broken,
    emit::Emitter,
    flow::Flow,
    lookup,
    module::Module,
    options::{Options, Translation},
    place::{Base, BaseId, Places},
    scope::Scope,
};
use rspirv::spirv::Op;

/// A value that is computed once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// The integer that a base is (of the table forms: less the heap's base).
    Base(BaseId),
    /// An index, widened to 64 bits.
    Wide(u32),
    /// The device address of the window of `1 << log` bytes at `start` bytes from a base.
    Window { base: BaseId, start: u64, log: u32 },
    /// Of a span.
    Span { span: Span, value: SpanValue },
}

/// Memory of at most a page's size, which lies in two pages at most: `bytes` bytes at `start` from a base, at a multiple
/// of `1 << log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Span {
    base: BaseId,
    start: u64,
    bytes: u64,
    log: u32,
}

/// What is computed for a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SpanValue {
    /// The device address of the page that it starts in.
    First,
    /// The device address of the page that it ends in, less a page's size: what goes past the first page is in it.
    Last,
    /// How far into its page it starts.
    Inside,
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
    /// Values, each with the block that computes it.
    pub known: Scope<Key, (u32, usize)>,
    /// The binary logarithms of powers of two that bases are known to be multiples of.
    pub aligned: Scope<BaseId, u32>,
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
        let (key, depth) = (piece.base, if everywhere { 0 } else { self.flow.blocks[block].depth });
        if piece.offset.trailing_zeros() >= log && self.aligned.get(key, depth).is_none_or(|known| known < log) {
            self.aligned.set(key, depth, log);
        }
    }

    /// A value that was computed before, if it can be used in `block`. One from inside a loop is not used after it: drivers
    /// have got values wrong that invocations took out of a loop in different rounds (llvmpipe of Mesa 22.3), and
    /// computing it again is cheaper than keeping it.
    fn value(&self, key: Key, block: usize) -> Option<u32> {
        let (value, from) = self.known.get(key, self.flow.blocks[block].depth)?;
        self.flow.stays_inside(from, block).then_some(value)
    }

    /// Notes that `block` computes a value.
    fn keep(&mut self, key: Key, block: usize, value: u32) {
        self.known.set(key, self.flow.blocks[block].depth, (value, block));
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
        let vouched = self.aligned.get(piece.base, u32::MAX).unwrap_or(0);
        let log = own.max(vouched.min(page));
        (piece.offset & !((1 << log) - 1), log)
    }

    fn window(&mut self, out: &mut Emitter<'_>, site: Site, base: BaseId, start: u64, log: u32) -> u32 {
        let key = Key::Window { base, start, log };
        let block = self.earliest(site.block, self.defined(base));
        if let Some(known) = self.value(key, block) {
            return known;
        }
        let address = self.base(out, Site { block, ..site }, base);
        self.seek(out, site, block);
        let address = out.add_constant(address, start);
        let device = self.translate(out, address, log);
        self.keep(key, block, device);
        device
    }

    /// Emits the translation of a window of `1 << log` bytes at `address`.
    fn translate(&mut self, out: &mut Emitter<'_>, address: u32, log: u32) -> u32 {
        let page = self.page(out, address);
        let inside = self.inside(out, address, log);
        let ulong = out.int_type(64);
        out.value(Op::IAdd, ulong, [page, inside])
    }

    /// Emits the lookup of the page that has `address`.
    fn page(&mut self, out: &mut Emitter<'_>, address: u32) -> u32 {
        self.lookups += 1;
        lookup::page(out, self.options, address)
    }

    /// Emits how far into its page `address` is, rounded down to a multiple of `1 << log`.
    fn inside(&self, out: &mut Emitter<'_>, address: u32, log: u32) -> u32 {
        let log = if self.options.breaks(Broken::NoAlignmentMask) { 0 } else { log };
        let mask = out.constant(64, self.page_size().unwrap_or(0).wrapping_sub(1 << log));
        let ulong = out.int_type(64);
        out.value(Op::BitwiseAnd, ulong, [address, mask])
    }

    /// The span of `bytes` bytes from a piece on, where two lookups serve all that lies in it and windows would need
    /// more.
    pub fn span(&self, piece: Piece, bytes: u64) -> Option<Span> {
        let page = self.page_size()?;
        let (start, log) = self.window_of(piece, page);
        let log = if start == piece.offset { log } else { piece.align.trailing_zeros().min(page.trailing_zeros()) };
        (bytes > 2 << log && bytes <= page).then_some(Span { base: piece.base, start: piece.offset, bytes, log })
    }

    /// The device address of a piece of a span that is itself no longer than its alignment.
    pub fn device_in(&mut self, out: &mut Emitter<'_>, site: Site, span: Span, piece: Piece) -> u32 {
        let Some(page) = self.page_size() else { return self.device(out, site, piece) };
        let [low, high, inside] = self.span_values(out, site, span, page);
        out.seek(site.index);
        let (ulong, boolean) = (out.int_type(64), out.bool_type());
        let delta = piece.offset.wrapping_sub(span.start);
        if delta == 0 {
            return out.value(Op::IAdd, ulong, [low, inside]);
        }
        let inside = out.add_constant(inside, delta);
        let size = out.constant(64, page);
        let first = out.value(Op::SLessThan, boolean, [inside, size]);
        let (low, high) = if self.options.breaks(Broken::SpansSwapped) { (high, low) } else { (low, high) };
        let page = out.value(Op::Select, ulong, [first, low, high]);
        out.value(Op::IAdd, ulong, [page, inside])
    }

    /// A span's first page, its last page less a page's size, and how far into the first page it starts.
    fn span_values(&mut self, out: &mut Emitter<'_>, site: Site, span: Span, page: u64) -> [u32; 3] {
        let block = self.earliest(site.block, self.defined(span.base));
        let keys = [SpanValue::First, SpanValue::Last, SpanValue::Inside].map(|value| Key::Span { span, value });
        let known = keys.map(|key| self.value(key, block));
        if let [Some(low), Some(high), Some(inside)] = known {
            return [low, high, inside];
        }
        let address = self.base(out, Site { block, ..site }, span.base);
        self.seek(out, site, block);
        let first = out.add_constant(address, span.start);
        let short = u64::from(self.options.breaks(Broken::ShortSpans));
        let last = out.add_constant(first, span.bytes - 1 - short * (1 << span.log));
        let low = self.page(out, first);
        let high = self.page(out, last);
        let values = [low, out.add_constant(high, page.wrapping_neg()), self.inside(out, first, span.log)];
        for (key, value) in keys.into_iter().zip(values) {
            self.keep(key, block, value);
        }
        values
    }

    /// The integer that a base is; less the heap's base in the table form, plus the offset in the offset form.
    fn base(&mut self, out: &mut Emitter<'_>, site: Site, base: BaseId) -> u32 {
        let block = self.earliest(site.block, self.defined(base));
        if let Some(known) = self.value(Key::Base(base), block) {
            return known;
        }
        let site = Site { block, ..site };
        let ulong = out.int_type(64);
        let value = match self.places.base(base) {
            Base::Root { value } => {
                self.seek(out, site, block);
                let integer = match self.module.type_of(value) == ulong {
                    true => value,
                    false => out.value(Op::ConvertPtrToU, ulong, [value]),
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
        self.keep(Key::Base(base), block, value);
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
        if let Some(known) = self.value(Key::Wide(index), block) {
            return known;
        }
        self.seek(out, site, block);
        let ulong = out.int_type(64);
        let unsigned = self.options.breaks(Broken::UnsignedIndexes);
        let value = out.value(if unsigned { Op::UConvert } else { Op::SConvert }, ulong, [index]);
        self.keep(Key::Wide(index), block, value);
        value
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
            && self.flow.stays_inside(before, block)
            && (self.flow.dominates(defined, before) || self.options.breaks(Broken::HoistAll))
        {
            block = before;
        }
        block
    }

    /// The last of the blocks that define what a base depends on.
    fn defined(&self, base: BaseId) -> usize {
        match self.places.base(base) {
            Base::Root { value } => self.defined_by(value),
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
