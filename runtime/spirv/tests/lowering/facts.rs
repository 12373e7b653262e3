//! The facts that lowering returns, of modules whose source says what they must be.

use rspirv::spirv::Capability;
use vksvm_spirv::{Access, Block, Dereferences, Facts, Options, Translation, lower};

use crate::modules::{Module, corpus, translations};

fn module(name: &str) -> Module {
    corpus().into_iter().find(|module| module.name == name).unwrap()
}

/// The facts of one module in every form.
fn facts(name: &str) -> Vec<(&'static str, Facts)> {
    let module = module(name);
    let of = |translation| lower(&module.words, &Options::new(translation)).unwrap().facts;
    translations().into_iter().map(|(form, translation)| (form, of(translation))).collect()
}

const READ: Access = Access { read: true, written: false, atomic: false };
const BOTH: Access = Access { read: true, written: true, atomic: false };

/// The name that a module gives to a result.
fn name_of(module: &Module, id: u32) -> Option<String> {
    let module = rspirv::dr::load_words(&module.words).unwrap();
    let named = module.debug_names.iter().find(|name| name.operands[0].unwrap_id_ref() == id)?;
    Some(named.operands[1].unwrap_literal_string().into())
}

#[test]
fn dereferences_are_counted_by_kind() {
    let counts = |loads, stores, atomics, copies| Dereferences { loads, stores, atomics, copies };
    // Three loads each find the regions.
    let expected = [
        ("copy_memory", counts(3, 0, 0, 8)),
        ("chain_decorations", counts(4, 2, 0, 0)),
        ("atomics_all", counts(3, 1, 13, 0)),
        ("copy_memory_variables", counts(2, 0, 0, 6)),
    ];
    for (name, expected) in expected {
        for (form, facts) in facts(name) {
            assert_eq!(facts.dereferences, expected, "{name} {form}");
        }
    }
}

#[test]
fn blocks_are_those_of_the_module() {
    let module = module("chain_decorations");
    for (form, facts) in facts("chain_decorations") {
        let blocks: Vec<_> = facts.blocks.values().cloned().collect();
        let root = Block { name: Some("Root".into()), members: [(0, READ)].into() };
        let mixed = Block { name: Some("Mixed".into()), members: [(0, BOTH), (1, BOTH)].into() };
        assert_eq!(blocks.len(), 2, "{form}: {blocks:?}");
        assert!(blocks.contains(&root) && blocks.contains(&mixed), "{form}: {blocks:?}");
        for (id, block) in &facts.blocks {
            assert_eq!(name_of(&module, *id), block.name, "{form}");
        }
    }
}

#[test]
fn a_struct_accessed_whole_has_all_members_accessed() {
    for (form, facts) in facts("copy_memory") {
        let record = Block { name: None, members: [(0, BOTH), (1, BOTH), (2, BOTH)].into() };
        assert!(facts.blocks.values().any(|block| *block == record), "{form}: {:?}", facts.blocks);
    }
}

#[test]
fn atomics_are_told_from_other_accesses() {
    for (form, facts) in facts("dxc_buffer_pointer") {
        let counted = Access { read: true, written: true, atomic: true };
        let found = facts.blocks.values().filter(|block| block.members.get(&1) == Some(&counted)).count();
        assert_eq!(found, 1, "{form}: {:?}", facts.blocks);
        let atomic =
            facts.blocks.values().flat_map(|block| block.members.values()).filter(|access| access.atomic).count();
        assert_eq!(atomic, 1, "{form}: {:?}", facts.blocks);
    }
}

#[test]
fn capabilities_are_added_where_they_are_missing() {
    for (name, added) in [("bitcast_uvec2", vec![Capability::Int64]), ("scalars_64", vec![])] {
        for (form, facts) in facts(name) {
            let added = if form == "identity" { vec![] } else { added.clone() };
            assert_eq!(facts.capabilities_added, added, "{name} {form}");
        }
    }
}

#[test]
fn lookups_are_shared_and_split() {
    for (name, form, facts) in ["list_walk", "unaligned_vec4"]
        .into_iter()
        .flat_map(|name| facts(name).into_iter().map(move |(f, x)| (name, f, x)))
    {
        let d = facts.dereferences;
        let dereferences = d.loads + d.stores + d.atomics + d.copies;
        match (form, name) {
            ("identity" | "offset", _) => assert_eq!(facts.lookups, 0, "{name} {form}"),
            (_, "list_walk") => assert!((1..dereferences).contains(&facts.lookups), "{form}: {}", facts.lookups),
            // A vec4 at any multiple of 4 can be on two pages: a lookup for each of its parts.
            _ => assert!(facts.lookups > dereferences, "{form}: {} for {dereferences}", facts.lookups),
        }
    }
}

#[test]
fn a_module_without_pointers_has_no_facts() {
    // What is left of a module when its only function is.
    let mut module = rspirv::dr::load_words(&module("scalars_32").words).unwrap();
    module.functions.clear();
    module.entry_points.clear();
    module.execution_modes.clear();
    module.debug_names.clear();
    let words = rspirv::binary::Assemble::assemble(&module);
    for (form, translation) in translations() {
        let lowered = lower(&words, &Options::new(translation)).unwrap();
        assert_eq!(lowered.facts, Facts::default(), "{form}");
        assert_eq!(lowered.words == words, translation == Translation::Identity, "{form}");
    }
}
