//! The mark of a lowered module: an `OpModuleProcessed` that says how.

use crate::{module::Module, options::Translation};
use rspirv::spirv::Op;

/// What every mark starts with.
const PREFIX: &str = "vksvm-spirv: ";

/// The mark of a module lowered for `translation`.
pub(crate) fn of(translation: Translation) -> String {
    match translation {
        Translation::Identity => format!("{PREFIX}identity"),
        Translation::Offset(offset) => format!("{PREFIX}offset {:#x}", offset.0),
        Translation::Table(table) => format!(
            "{PREFIX}table of {} pages of {:#x} bytes from {:#x}, at {:#x}",
            table.pages,
            1u64 << table.page_shift,
            table.base,
            table.entries
        ),
        Translation::Mirrored(tables) => format!(
            "{PREFIX}mirrored, pages of {:#x} bytes, leaves of {:#x} pages, root at {:#x}",
            1u64 << tables.page_shift,
            1u64 << tables.leaf_shift,
            tables.root
        ),
    }
}

/// What a module's mark says, if it has one.
pub(crate) fn find(module: &Module<'_>) -> Option<String> {
    let marks = module.insts.iter().take_while(|inst| inst.op != Op::Function);
    marks.filter(|inst| inst.op == Op::ModuleProcessed).find_map(|inst| {
        let bytes: Vec<u8> = module.operands(inst).iter().flat_map(|word| word.to_le_bytes()).collect();
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        Some(String::from_utf8_lossy(text).strip_prefix(PREFIX)?.to_owned())
    })
}
