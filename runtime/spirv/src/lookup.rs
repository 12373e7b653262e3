//! Looks up pages: emits the reads of the tables, which are in bounds for every address.

use crate::{
    broken::Broken,
    emit::Emitter,
    options::{MIRRORED_BITS, Options, Translation},
};
use rspirv::spirv::{MemoryAccess, Op};

/// Emits what loads the device address of the page that `address` is in. In the table form the address is taken less
/// the heap's base.
pub(crate) fn page(out: &mut Emitter<'_>, options: Options, address: u32) -> u32 {
    match options.translation {
        Translation::Table(table) => {
            let page = shifted(out, Op::ShiftRightLogical, address, table.page_shift);
            let pages = table.pages - u64::from(options.breaks(Broken::ShortHeap));
            let page = if options.breaks(Broken::NoBoundsCheck) { page } else { clamp(out, page, pages) };
            entry_at(out, table.entries, page)
        }
        Translation::Mirrored(tables) => {
            let ulong = out.int_type(64);
            let leaf_bits = tables.page_shift + tables.leaf_shift;
            let root = shifted(out, Op::ShiftRightLogical, address, leaf_bits);
            let root = clamp(out, root, 1 << (MIRRORED_BITS - leaf_bits));
            let leaf = entry_at(out, tables.root, root);
            let page = shifted(out, Op::ShiftRightLogical, address, tables.page_shift);
            let mask = out.constant(64, (1 << tables.leaf_shift) - 1);
            let page = out.value(Op::BitwiseAnd, ulong, [page, mask]);
            let page = shifted(out, Op::ShiftLeftLogical, page, 3);
            let entry = out.value(Op::IAdd, ulong, [leaf, page]);
            load_entry(out, entry)
        }
        // There are no pages, and nobody asks.
        Translation::Identity | Translation::Offset(_) => address,
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
