//! What lowering does to whole modules, seen from their instructions. What the lowered modules compute is tested on a
//! device, by the workspace's device tests.

use crate::{
    Access, Broken, Dereferences, Error, Mirrored, Offset, Options, Table, Translation, lower,
    module::{Inst, Module},
};
use rspirv::spirv::{Capability, Decoration, Op};
use std::collections::{BTreeMap, BTreeSet};

pub const TABLE: Translation =
    Translation::Table(Table { base: 1 << 40, pages: 1024, page_shift: 16, entries: 0x7000_0000 });
const ALL: [Translation; 3] = [
    TABLE,
    Translation::Offset(Offset(0x123_0000)),
    Translation::Mirrored(Mirrored { root: 0x1000, page_shift: 16, leaf_shift: 16 }),
];

macro_rules! corpus {
    ($name:literal) => {
        words(include_bytes!(concat!("../corpus/", $name, ".spv")))
    };
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
}

fn lowered(words: &[u32], translation: Translation) -> Vec<u32> {
    lower(words, &Options::new(translation)).unwrap().words
}

fn broken(words: &[u32], broken: Broken) -> Vec<u32> {
    lower(words, &Options { broken: Some(broken), ..Options::new(TABLE) }).unwrap().words
}

#[test]
fn the_same_input_gives_the_same_words() {
    let input = corpus!("struct_nested_arrays");
    for translation in ALL {
        let first = lowered(&input, translation);
        assert_ne!(first, input);
        for _ in 0..10 {
            assert_eq!(lowered(&input, translation), first);
        }
    }
}

#[test]
fn either_byte_order_gives_the_same_words() {
    let input = corpus!("list_walk");
    let swapped: Vec<u32> = input.iter().map(|word| word.swap_bytes()).collect();
    for translation in ALL {
        assert_eq!(lowered(&swapped, translation), lowered(&input, translation));
    }
    assert_eq!(lowered(&swapped, Translation::Identity), input);
}

#[test]
fn identity_changes_nothing_and_tells_the_same() {
    let input = corpus!("list_build");
    let looked_at = lower(&input, &Options::new(Translation::Identity)).unwrap();
    assert_eq!(looked_at.words, input);
    let table = lower(&input, &Options::new(TABLE)).unwrap().facts;
    assert_eq!((looked_at.facts.dereferences, &looked_at.facts.blocks), (table.dereferences, &table.blocks));
    assert_eq!(looked_at.facts.lookups, 0);
    assert!(table.lookups > 0);
}

#[test]
fn a_lowered_module_is_recognised() {
    for translation in ALL {
        let once = lowered(&corpus!("list_walk"), translation);
        for again in ALL {
            let Err(Error::AlreadyLowered { how }) = lower(&once, &Options::new(again)) else {
                panic!("lowered twice");
            };
            let kind = ["table of 1024 pages", "offset 0x1230000", "mirrored, pages of 0x10000"];
            let at = ALL.iter().position(|t| *t == translation).unwrap();
            assert!(how.starts_with(kind[at]), "{how}");
        }
        assert_eq!(lowered(&once, Translation::Identity), once);
    }
}

#[test]
fn facts_count_what_is_there() {
    let facts = lower(&corpus!("list_build"), &Options::new(TABLE)).unwrap().facts;
    let module = corpus!("list_build");
    let module = Module::parse(&module).unwrap();
    let physical = |id: u32| {
        let ty = module.def(module.type_of(id)).unwrap();
        ty.op == Op::TypePointer && module.operands(ty)[0] == 5349
    };
    let count = |op: Op| {
        let insts = module.insts.iter().filter(|inst| inst.op == op);
        insts.filter(|inst| physical(module.operands(inst)[0])).count()
    };
    let expected = Dereferences { loads: count(Op::Load), stores: count(Op::Store), atomics: 0, copies: 0 };
    assert!(expected.loads > 0 && expected.stores > 0);
    assert_eq!(facts.dereferences, expected);
}

#[test]
fn facts_tell_how_members_are_accessed() {
    let facts = lower(&corpus!("qualifiers"), &Options::new(TABLE)).unwrap().facts;
    let module = corpus!("qualifiers");
    let module = Module::parse(&module).unwrap();
    let decorated = |block: u32, member: u32, decoration: Decoration| {
        module
            .insts
            .iter()
            .any(|inst| inst.op == Op::MemberDecorate && module.operands(inst) == [block, member, decoration as u32])
    };
    let (mut read_only, mut write_only) = (0, 0);
    for (block, facts) in &facts.blocks {
        for (member, Access { read, written, atomic }) in &facts.members {
            assert!(*read || *written);
            assert!(!atomic);
            if decorated(*block, *member, Decoration::NonWritable) {
                assert!(!written, "member {member} of {block}");
                read_only += 1;
            }
            if decorated(*block, *member, Decoration::NonReadable) {
                assert!(!read, "member {member} of {block}");
                write_only += 1;
            }
        }
    }
    assert!(read_only > 0 && write_only > 0, "the module has both");
}

/// The sets of qualifiers that members of structs have, but for those that no pointer leads to.
fn qualifiers(words: &[u32]) -> BTreeSet<BTreeSet<u32>> {
    let module = Module::parse(words).unwrap();
    let mut members: BTreeMap<(u32, u32), BTreeSet<u32>> = BTreeMap::new();
    for inst in module.insts.iter().filter(|inst| inst.op == Op::MemberDecorate) {
        let [block, member, decoration, ..] = *module.operands(inst) else { continue };
        if (19..=25).contains(&decoration) {
            members.entry((block, member)).or_default().insert(decoration);
        }
    }
    members.into_values().collect()
}

/// The sets of qualifiers of the blocks that lowering adds: those whose ids the input does not have.
fn generated_qualifiers(input: &[u32], output: &[u32]) -> BTreeSet<BTreeSet<u32>> {
    let module = Module::parse(output).unwrap();
    let mut sets: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for inst in module.insts.iter().filter(|inst| inst.op == Op::MemberDecorate) {
        let [block, _, decoration, ..] = *module.operands(inst) else { continue };
        if block >= input[3] && (19..=25).contains(&decoration) {
            sets.entry(block).or_default().insert(decoration);
        }
    }
    sets.into_values().collect()
}

#[test]
fn members_qualifiers_reach_the_generated_pointers() {
    let input = corpus!("qualifiers");
    let all = qualifiers(&input);
    assert!(all.len() >= 4, "{all:?}");
    for translation in ALL {
        assert_eq!(generated_qualifiers(&input, &lowered(&input, translation)), all);
    }
    assert_ne!(generated_qualifiers(&input, &broken(&input, Broken::DropQualifiers)), all, "the test notices");
}

#[test]
fn qualifiers_of_parameters_and_of_members_of_members_reach_them_too() {
    // Both modules have a read-only root. A parameter's Restrict is nothing that pointers made from it need have.
    let [read_only, coherent, volatile] =
        [Decoration::NonWritable, Decoration::Coherent, Decoration::Volatile].map(|decoration| decoration as u32);
    let all = [vec![read_only], vec![coherent], vec![volatile], vec![coherent, volatile]];
    let all: BTreeSet<BTreeSet<u32>> = all.into_iter().map(BTreeSet::from_iter).collect();
    for input in [corpus!("parameter_qualifiers"), corpus!("qualifiers_inside")] {
        for translation in ALL {
            assert_eq!(generated_qualifiers(&input, &lowered(&input, translation)), all);
        }
    }
}

/// What a module says about itself for people and tools, in order, but for lines and the mark.
fn told(words: &[u32]) -> Vec<Vec<u32>> {
    let module = Module::parse(words).unwrap();
    let tells = |op: Op| {
        matches!(
            op,
            Op::String | Op::Source | Op::SourceContinued | Op::SourceExtension | Op::ExtInstImport | Op::ExtInst
        )
    };
    // "vksv" is how the mark starts.
    let own = |inst: &Inst| inst.op == Op::ModuleProcessed && module.operands(inst)[0] != u32::from_le_bytes(*b"vksv");
    let all = module.insts.iter().filter(|inst| tells(inst.op) || own(inst));
    all.map(|inst| module.words_of(inst).to_vec()).collect()
}

/// The operands of the `OpLine` that is in effect at each result of a function, and those at its stores and copies.
fn lines(words: &[u32]) -> (BTreeMap<u32, Vec<u32>>, BTreeSet<Vec<u32>>) {
    let module = Module::parse(words).unwrap();
    let (mut at_results, mut at_effects) = (BTreeMap::new(), BTreeSet::new());
    let mut line = vec![];
    for inst in module.functions.iter().flat_map(|function| &module.insts[function.clone()]) {
        match inst.op {
            Op::Line => line = module.operands(inst).to_vec(),
            Op::NoLine | Op::Label => line.clear(),
            Op::Store | Op::CopyMemory => drop(at_effects.insert(line.clone())),
            _ if inst.id != 0 => drop(at_results.insert(inst.id, line.clone())),
            _ => {}
        }
    }
    (at_results, at_effects)
}

#[test]
fn debug_information_stays_where_it_was() {
    for input in [corpus!("debug_lines"), corpus!("debug_line_everywhere"), corpus!("debug_nonsemantic")] {
        let (tells, (results, effects)) = (told(&input), lines(&input));
        assert!(!tells.is_empty() && !results.is_empty());
        for translation in ALL {
            let output = lowered(&input, translation);
            assert_eq!(told(&output), tells);
            let (results_after, effects_after) = lines(&output);
            // A chain that only led to a dereference is gone.
            let kept = results_after.into_iter().filter(|(id, _)| *id < input[3]);
            for (id, line) in kept {
                assert_eq!(line, results[&id], "%{id}");
            }
            assert_eq!(effects_after, effects);
        }
    }
}

#[test]
fn a_value_that_says_how_it_rounds_is_stored_whole_or_not_at_all() {
    let mut input = corpus!("rounded_stores");
    let wide = |words: &[u32]| words[0] == 5 << 16 | Op::Store as u32 && words[3..] == [2, 4];
    let store = input.windows(5).position(wide).unwrap();
    // Two halves at any multiple of two bytes may lie in two pages.
    input[store + 4] = 2;
    for translation in ALL {
        match (translation, lower(&input, &Options::new(translation))) {
            (Translation::Offset(_), Ok(_)) => {}
            (_, Err(Error::Unsupported { instruction, reason, .. })) => {
                assert_eq!(instruction, "OpStore");
                assert!(reason.contains("FPRoundingMode"), "{reason}");
            }
            (_, other) => panic!("{other:?}"),
        }
    }
}

/// The memory operands of all loads and stores but for their alignment.
fn memory_operands(words: &[u32]) -> BTreeSet<Vec<u32>> {
    let module = Module::parse(words).unwrap();
    let accesses = module.insts.iter().filter(|inst| matches!(inst.op, Op::Load | Op::Store));
    let operands = accesses.filter_map(|inst| {
        let (mask, rest) = module.operands(inst)[if inst.op == Op::Load { 1 } else { 2 }..].split_first()?;
        let scopes = if mask & 2 != 0 { &rest[1..] } else { rest };
        Some([&[mask & !2][..], scopes].concat())
    });
    operands.collect()
}

#[test]
fn memory_operands_are_kept() {
    let input = corpus!("memory_scopes");
    let all = memory_operands(&input);
    assert!(all.len() >= 3, "{all:?}");
    for translation in ALL {
        assert_eq!(memory_operands(&lowered(&input, translation)), all);
    }
    assert_ne!(memory_operands(&broken(&input, Broken::DropMemoryOperands)), all, "the test notices");
}

#[test]
fn capabilities_are_added_only_where_needed() {
    for input in [corpus!("list_walk"), corpus!("scalars_16"), corpus!("struct_unaligned")] {
        for translation in ALL {
            let lowered = lower(&input, &Options::new(translation)).unwrap();
            let of = |words: &[u32]| {
                let module = Module::parse(words).unwrap();
                let declared = module.insts.iter().filter(|inst| inst.op == Op::Capability);
                declared.map(|inst| module.operands(inst)[0]).collect::<BTreeSet<u32>>()
            };
            let added: BTreeSet<u32> = lowered.facts.capabilities_added.iter().map(|c| *c as u32).collect();
            assert!(added.is_disjoint(&of(&input)));
            assert_eq!(of(&lowered.words), &of(&input) | &added);
        }
    }
    // Without 64-bit integers nothing can be translated.
    let without: Vec<u32> = {
        let input = corpus!("struct_unaligned");
        let module = Module::parse(&input).unwrap();
        let kept = module
            .insts
            .iter()
            .filter(|inst| inst.op != Op::Capability || module.operands(inst)[0] != Capability::Int64 as u32);
        module.header().iter().copied().chain(kept.flat_map(|inst| module.words_of(inst).to_vec())).collect()
    };
    let facts = lower(&without, &Options::new(TABLE)).unwrap().facts;
    assert_eq!(facts.capabilities_added, [Capability::Int64]);
}

#[test]
fn what_is_no_module_is_refused_with_what_is_wrong() {
    let input = corpus!("list_walk");
    let cases: [(Vec<u32>, &str); 7] = [
        (vec![], "0 words"),
        (input[..4].to_vec(), "4 words"),
        (vec![1, 2, 3, 4, 5], "magic number"),
        (input[..input.len() - 1].to_vec(), "truncated"),
        (input[..input.len() / 2].to_vec(), ""),
        (std::iter::once(input[0]).chain([0x1_0500, 0, u32::MAX, 0]).collect(), "bound"),
        ([&input[..5], &[0]].concat(), "claims 0 words"),
    ];
    for (words, says) in cases {
        let error = lower(&words, &Options::new(TABLE)).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn one_translation_serves_what_lies_in_one_window() {
    // One node of 64 bytes, aligned to 16, has several members; walking a list needs one translation a member at most.
    let facts = lower(&corpus!("list_walk"), &Options::new(TABLE)).unwrap().facts;
    assert!(facts.lookups < facts.dereferences.loads + facts.dereferences.stores, "{facts:?}");
}
