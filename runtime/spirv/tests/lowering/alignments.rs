//! What lowered accesses say of their alignment: drivers use wider instructions, or narrower ones, on its word.

use std::collections::HashMap;

use rspirv::{
    dr::{Instruction, Operand},
    spirv::{MemoryAccess, Op, StorageClass},
};
use vksvm_spirv::{Offset, Options, Translation, lower};

use crate::{
    instructions::instructions,
    modules::{corpus, translations},
};

/// The alignments of all loads and stores through physical addresses, each with the bytes of a number of what is moved.
fn alignments(words: &[u32]) -> Vec<(u32, u32)> {
    let all = instructions(words);
    let results: HashMap<u32, &Instruction> = all.iter().filter_map(|inst| Some((inst.result_id?, inst))).collect();
    let accesses = all.iter().filter(|inst| matches!(inst.class.opcode, Op::Load | Op::Store));
    accesses.filter_map(|access| alignment(&results, access)).collect()
}

fn alignment(results: &HashMap<u32, &Instruction>, access: &Instruction) -> Option<(u32, u32)> {
    let pointer = results[&access.operands[0].unwrap_id_ref()];
    let [Operand::StorageClass(StorageClass::PhysicalStorageBuffer), Operand::IdRef(ty)] =
        results[&pointer.result_type?].operands[..]
    else {
        return None;
    };
    let of = results[&ty];
    let number = if of.class.opcode == Op::TypeVector { results[&of.operands[0].unwrap_id_ref()] } else { of };
    let bytes = if number.class.opcode == Op::TypePointer { 8 } else { number.operands[0].unwrap_literal_bit32() / 8 };
    let mut operands = access.operands.iter().skip_while(|operand| !matches!(operand, Operand::MemoryAccess(_)));
    assert!(operands.next()?.unwrap_memory_access().contains(MemoryAccess::ALIGNED));
    Some((operands.next()?.unwrap_literal_bit32(), bytes))
}

#[test]
fn they_are_what_numbers_need_and_addresses_have() {
    let mut forms = translations();
    forms.retain(|(_, translation)| *translation != Translation::Identity);
    forms.push(("offset by 16", Translation::Offset(Offset(0x1000_0010))));
    let mut wrong = vec![];
    let mut most = 0;
    for module in corpus() {
        for (form, translation) in &forms {
            // Pages and their differences are multiples of 16 bytes.
            let kept = if *form == "offset" { 1 << 16 } else { 16 };
            let lowered = lower(&module.words, &Options::new(*translation)).unwrap();
            for (alignment, bytes) in alignments(&lowered.words) {
                most = most.max(alignment);
                if !(bytes..=kept).contains(&alignment) {
                    wrong.push(format!("{} {form}: {alignment} for numbers of {bytes} bytes", module.name));
                }
            }
        }
    }
    assert!(most > 16, "no module claims more than some addresses have, so this shows nothing");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
