//! Reflection of real modules, and of damaged ones.

use super::*;
use crate::kernel::testdata::{self as data, words};
use proptest::prelude::*;

fn reflect(spirv: &[u8], entry: &str) -> Result<Reflection> {
    Reflection::new(&words(spirv), entry, &BTreeMap::new())
}

fn specialized<const N: usize>(values: [(u32, Override); N]) -> Result<Reflection> {
    Reflection::new(&words(data::CONSTANTS), "main", &BTreeMap::from(values))
}

#[test]
fn a_module_says_what_it_needs() {
    for spirv in [data::NODE, data::NODE_NAMED] {
        let r = reflect(spirv, "main").unwrap();
        assert_eq!(r.local_size, [8, 4, 1]);
        assert_eq!(r.shared_bytes, Some(0));
        assert!(r.block.is_some());
        for c in [Capability::PhysicalStorageBufferAddresses, Capability::Int64, Capability::Float64] {
            assert!(r.capabilities.contains(&c), "{c:?}");
        }
        assert!(r.constants.specialized.is_empty());
    }
}

#[test]
fn sizes_follow_specialization() {
    let r = specialized([]).unwrap();
    assert_eq!(r.local_size, [1, 1, 2]);
    assert_eq!(r.shared_bytes, Some((16 * 2 + 4) * 4 + 12));
    let r = specialized([(0, Override::of(32u32)), (1, Override::of(4i32)), (3, Override::of(100u32))]).unwrap();
    assert_eq!(r.local_size, [32, 4, 2]);
    assert_eq!(r.shared_bytes, Some((100 * 2 + 4) * 4 + 12));
    assert_eq!(reflect(data::ENTRIES, "small").unwrap().local_size, [4, 1, 1]);
}

#[test]
fn constants_are_listed_with_their_kind() {
    let r = specialized([]).unwrap();
    let mut seen: Vec<_> = r.constants.specialized.iter().map(|c| (c.spec_id, c.kind, c.kind.size())).collect();
    seen.sort_by_key(|c| c.0);
    let int = |signed| ConstantKind::Int { bits: 32, signed };
    let expected = [
        (0, int(false), 4),
        (1, int(false), 4),
        (2, ConstantKind::Bool, 4),
        (3, int(false), 4),
        (4, ConstantKind::Float { bits: 32 }, 4),
        (5, ConstantKind::Float { bits: 64 }, 8),
        (6, int(true), 4),
    ];
    assert_eq!(seen, expected);
    assert_eq!(Override::of(-2i16).bytes, [0xfe, 0xff]);
    assert_eq!(Override::of(0.25f64).bytes, 0.25f64.to_ne_bytes());
}

#[test]
fn constants_of_another_kind_are_refused() {
    let bad = |id, value| match specialized([(id, value)]) {
        Err(Error::BadConstant { kernel, id: i, reason }) => {
            assert_eq!((kernel.as_str(), i), ("main", id));
            reason
        }
        other => panic!("{:?}", other.map(|_| ())),
    };
    assert!(bad(3, Override::of(1u64)).contains("u32 in the shader (4 bytes), the value given is u64 (8 bytes)"));
    assert!(bad(3, Override::of(1f32)).contains("u32 in the shader"));
    assert!(bad(4, Override::of(1u32)).contains("f32 in the shader"));
    assert!(bad(5, Override::of(1f32)).contains("f64 in the shader"));
    assert!(bad(2, Override::of(1u8)).contains("pass 0u32 or 1u32"));
    assert!(bad(3, Override::of([1u32])).contains("[u32; 1]"));
    assert!(bad(7, Override::of(1u32)).contains("no such constant; it has: "));
    for (id, ok) in [(2, Override::of(0u32)), (4, Override::of(1f32)), (5, Override::of(1f64)), (6, Override::of(7i32))]
    {
        assert!(specialized([(id, ok)]).is_ok(), "{id}");
    }
}

#[test]
fn a_workgroup_of_zero_is_refused() {
    let e = specialized([(0, Override::of(0u32))]).unwrap_err();
    assert!(matches!(&e, Error::InvalidSpirv { reason } if reason.contains("zero")), "{e}");
}

#[test]
fn only_what_the_entry_point_reaches_counts() {
    let r = reflect(data::ENTRIES, "small").unwrap();
    assert_eq!((r.shared_bytes, r.block.is_some()), (Some(0), true));
    let e = reflect(data::ENTRIES, "other").unwrap_err();
    let what = "a storage buffer 'data' (set 0, binding 2)".to_string();
    assert_eq!(e, Error::UnsupportedInterface { kernel: "other".into(), what });
    let e = reflect(data::DESCRIPTORS, "main").unwrap_err();
    let what = "a storage buffer (set 1, binding 3)".to_string();
    assert_eq!(e, Error::UnsupportedInterface { kernel: "main".into(), what });
}

#[test]
fn a_missing_entry_point_lists_the_others() {
    let e = reflect(data::ENTRIES, "large").unwrap_err();
    assert_eq!(e, Error::NoEntryPoint { entry: "large".into(), found: vec!["small".into(), "other".into()] });
}

#[test]
fn sizes_by_execution_mode_id_are_read() {
    // The descriptor stands in the way of `other`; without its store, nothing does.
    let mut w = words(data::ENTRIES);
    let store = instructions(&w).into_iter().filter(|i| i.1 == Op::Store as u32).nth(1).unwrap();
    let chain = instructions(&w).into_iter().filter(|i| i.1 == Op::AccessChain as u32).nth(1).unwrap();
    for (at, _, count) in [store, chain] {
        w[at..at + count].fill(1 << 16);
    }
    let r = Reflection::new(&w, "other", &BTreeMap::new()).unwrap();
    assert_eq!(r.local_size, [8, 2, 1]);
    assert_eq!((r.shared_bytes, r.block), (Some(32), None));
}

/// Position, opcode and word count of each instruction.
fn instructions(words: &[u32]) -> Vec<(usize, u32, usize)> {
    let (mut at, mut list) = (5, vec![]);
    while at < words.len() {
        let count = (words[at] >> 16) as usize;
        list.push((at, words[at] & 0xffff, count));
        at += count;
    }
    list
}

fn first(words: &[u32], op: Op) -> usize {
    instructions(words).into_iter().find(|i| i.1 == op as u32).unwrap().0
}

fn reason(words: &[u32]) -> String {
    match Reflection::new(words, "main", &BTreeMap::new()) {
        Err(Error::InvalidSpirv { reason }) => reason,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn byte_order_does_not_matter() {
    let swapped: Vec<u32> = words(data::NODE).iter().map(|w| w.swap_bytes()).collect();
    assert_eq!(Reflection::new(&swapped, "main", &BTreeMap::new()).unwrap().local_size, [8, 4, 1]);
}

#[test]
fn damage_is_named() {
    let good = words(data::NODE);
    let damage = |f: &dyn Fn(&mut Vec<u32>)| {
        let mut w = good.clone();
        f(&mut w);
        reason(&w)
    };
    assert!(damage(&|w| w.clear()).contains("empty"));
    assert!(damage(&|w| w[0] = 0xCAFE).contains("0x0000cafe instead of SPIR-V's magic number"));
    assert!(damage(&|w| w.truncate(4)).contains("4 words instead of 5"));
    assert!(damage(&|w| w.truncate(w.len() - 1)).contains("no OpFunctionEnd"));
    let load = first(&good, Op::Load);
    assert!(damage(&|w| w.truncate(load + 2)).contains(&format!("word {load}: an instruction of 4 words with 2 left")));
    assert!(damage(&|w| w[load] &= 0xffff).contains(&format!("word {load}: an instruction of no words")));
    assert!(damage(&|w| w[load + 1] = 1 << 20).contains("OpLoad uses id %1048576, which nothing defines"));
    assert!(damage(&|w| w[load + 2] = 1 << 20).contains("not below the bound"));
    assert!(damage(&|w| w[load + 2] = w[first(&good, Op::TypeVoid) + 1]).contains("defined twice"));
    assert!(damage(&|w| w[load] = w[load] & !0xffff | 0xfffe).contains("unknown opcode"));
    let end = first(&good, Op::FunctionEnd);
    assert!(damage(&|w| w[end] = 1 << 16).contains("no OpFunctionEnd"));
    let function = first(&good, Op::Function);
    assert!(damage(&|w| w.drain(function..function + 5).for_each(drop)).contains("nothing defines"));
    let entry = first(&good, Op::EntryPoint);
    let void = good[first(&good, Op::TypeVoid) + 1];
    assert!(damage(&|w| w[entry + 2] = void).contains("which the module does not have"));
    let structure = first(&good, Op::TypeStruct);
    assert!(damage(&|w| w[structure + 2] = w[structure + 1]).contains("no type defined before it"));
}

#[test]
fn an_entry_point_without_a_workgroup_size_is_refused() {
    let mut w = words(data::ENTRIES);
    let mode = first(&w, Op::ExecutionMode);
    w[mode..mode + 6].fill(1 << 16);
    let e = Reflection::new(&w, "small", &BTreeMap::new()).unwrap_err();
    assert!(matches!(&e, Error::InvalidSpirv { reason } if reason.contains("no workgroup size")), "{e}");
}

#[test]
fn types_that_nest_absurdly_are_refused() {
    let mut w = words(data::NODE);
    let at = first(&w, Op::Function);
    let float = w[first(&w, Op::TypeFloat) + 1];
    let nest = |w: &mut Vec<u32>, levels: u32| {
        let mut inner = float;
        let mut types = vec![];
        for _ in 0..levels {
            types.extend([4 << 16 | Op::TypeStruct as u32, w[3], inner, inner]);
            inner = w[3];
            w[3] += 1;
        }
        w.splice(at..at, types);
    };
    let mut deep = w.clone();
    nest(&mut deep, 254);
    // Each level has two members of the one below: walking it like a tree would not end.
    assert!(Reflection::new(&deep, "main", &BTreeMap::new()).is_ok());
    nest(&mut w, 255);
    assert!(reason(&w).contains("nests more than 255"));
}

#[test]
fn operations_that_the_parser_cannot_nest_do_not_panic() {
    let good = words(data::CONSTANTS);
    let at = first(&good, Op::SpecConstantOp);
    for op in [Op::Constant, Op::SpecConstant, Op::SpecConstantOp, Op::Switch, Op::VectorShuffle, Op::Function] {
        let mut w = good.clone();
        w[at + 3] = op as u32;
        let r = Reflection::new(&w, "main", &BTreeMap::new());
        // The array's length is not known then; the rest is.
        assert_eq!(r.unwrap().shared_bytes, None, "{op:?}");
    }
}

const ALL: [&[u8]; 7] =
    [data::NODE, data::NODE_NAMED, data::CONSTANTS, data::ADDRESS, data::DESCRIPTORS, data::BLOCKS, data::ENTRIES];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Whatever the words are, there is an answer.
    #[test]
    fn damaged_modules_never_panic(
        which in 0..ALL.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), edit()), 0..6),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut w = words(ALL[which]);
        for (at, edit) in edits {
            if w.is_empty() {
                break;
            }
            let at = at.index(w.len());
            match edit {
                Edit::Set(v) => w[at] = v,
                Edit::Flip(bit) => w[at] ^= 1 << bit,
                Edit::Copy(from) => w[at] = w[from.index(w.len())],
                Edit::Remove => _ = w.remove(at),
                Edit::Insert(v) => w.insert(at, v),
            }
        }
        if let Some(cut) = cut {
            w.truncate(cut.index(w.len() + 1));
        }
        let entry = if which == 6 { "small" } else { "main" };
        let overrides = BTreeMap::from([(0, Override::of(8u32)), (3, Override::of(5u32))]);
        let _ = Reflection::new(&w, entry, &overrides);
        if let Ok(r) = Reflection::new(&w, entry, &BTreeMap::new()) {
            data::check_anything(&r);
        }
    }

    #[test]
    fn random_words_never_panic(tail in prop::collection::vec(any::<u32>(), 0..200)) {
        let header = [rspirv::spirv::MAGIC_NUMBER, 0x10500, 0, 1 << 20, 0];
        let w: Vec<u32> = header.into_iter().chain(tail).collect();
        let _ = Reflection::new(&w, "main", &BTreeMap::new());
    }
}

#[derive(Clone, Debug)]
enum Edit {
    Set(u32),
    Flip(u32),
    Copy(prop::sample::Index),
    Remove,
    Insert(u32),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        // Ids, small literals and opcodes are small numbers.
        3 => (0u32..256).prop_map(Edit::Set),
        1 => any::<u32>().prop_map(Edit::Set),
        3 => (0u32..32).prop_map(Edit::Flip),
        3 => any::<prop::sample::Index>().prop_map(Edit::Copy),
        1 => Just(Edit::Remove),
        1 => (0u32..256).prop_map(Edit::Insert),
    ]
}
