//! The checks against real shaders: arguments and structs. What is refused differs from what is accepted in exactly one respect.

use super::*;
use crate::{
    GpuStruct, KernelArgs, Ptr,
    kernel::{
        layout::{FieldLayout, StructLayout},
        testdata::{self as data, Node, NodeArgs, Pair, Tail, words},
    },
};
use std::collections::BTreeMap;

pub(super) fn module(spirv: &[u8], entry: &str) -> Reflection {
    Reflection::new(&words(spirv), entry, &BTreeMap::new()).unwrap()
}

fn node(args: &[ArgLayout]) -> Result<Vec<ArgFacts>> {
    check("main", &module(data::NODE_NAMED, "main"), args)
}

/// node.comp's arguments with one of them changed.
fn changed(name: &str, change: impl FnOnce(&mut ArgLayout)) -> Result<Vec<ArgFacts>> {
    let mut args = NodeArgs::layout();
    change(args.iter_mut().find(|a| a.name == name).unwrap());
    node(&args)
}

fn argument(found: Result<Vec<ArgFacts>>, name: &str) -> String {
    match found {
        Err(Error::ArgumentMismatch { kernel, field, reason }) => {
            assert_eq!((kernel.as_str(), field.as_str()), ("main", name), "{reason}");
            reason
        }
        other => panic!("{other:?}"),
    }
}

/// Path of a LayoutMismatch and its reason.
pub(super) fn layout(found: Result<Vec<ArgFacts>>) -> (String, String) {
    match found {
        Err(Error::LayoutMismatch { field, reason, .. }) => (field, reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_struct_that_the_shader_was_written_for_is_accepted() {
    for spirv in [data::NODE, data::NODE_NAMED] {
        let facts = check("main", &module(spirv, "main"), &NodeArgs::layout()).unwrap();
        let seen: Vec<_> = facts.iter().map(|f| (f.name, f.access, f.alignment)).collect();
        let expected = [
            ("nodes", Some(Access::In), 8),
            ("changed", Some(Access::InOut), 8),
            ("order", Some(Access::Out), 8),
            ("fours", Some(Access::In), 16),
            ("pair", None, 1),
            ("n", None, 1),
            ("scale", None, 1),
            ("turn", None, 1),
            ("triples", Some(Access::InOut), 4),
            ("root", None, 1),
        ];
        assert_eq!(seen, expected);
    }
}

#[test]
fn number_and_offset_of_arguments() {
    let mut args = NodeArgs::layout();
    args.pop();
    let reason = argument(node(&args), "root");
    assert!(reason.contains("Rust has 9: nodes at 0,") && reason.contains("the shader 10: 'nodes' at 0,"), "{reason}");
    let mut args = NodeArgs::layout();
    args.push(ArgLayout { name: "more", offset: 104, size: 4, kind: ArgKind::Value(u32::LAYOUT) });
    let reason = argument(node(&args), "more");
    assert!(reason.contains("the shader's argument block does not have"), "{reason}");
    let reason = argument(changed("n", |a| a.offset += 4), "n");
    assert!(
        reason.contains("u32 at offset 52 in Rust, but the shader's block has member 'n' (uint32_t) at offset 48"),
        "{reason}"
    );
    // A shader without a block takes no argument, and a struct without fields fits it.
    let entries = module(data::NODE, "main");
    assert!(check("main", &entries, &[]).is_err());
}

#[test]
fn kinds_of_values() {
    let value =
        |name, layout: TypeLayout| changed(name, |a| (a.kind, a.size) = (ArgKind::Value(layout), layout.size()));
    let reason = argument(value("n", i32::LAYOUT), "n");
    assert!(reason.contains("i32 in Rust, but uint32_t in the shader"), "{reason}");
    assert!(argument(value("n", f32::LAYOUT), "n").contains("f32 in Rust"));
    let reason = argument(value("n", u64::LAYOUT), "n");
    assert!(
        reason.contains("u64 of 8 bytes in Rust, but member 'n' of the shader's block is uint32_t of 4 bytes"),
        "{reason}"
    );
    assert!(argument(value("scale", <[f32; 4]>::LAYOUT), "scale").contains("16 bytes"));
    assert!(argument(value("root", u64::LAYOUT), "root").contains("use Ptr<T>"));
    for (name, layout) in
        [("scale", <[u32; 3]>::LAYOUT), ("turn", <[[i32; 2]; 2]>::LAYOUT), ("pair", Pair::<u32>::LAYOUT)]
    {
        let e = value(name, layout).unwrap_err();
        assert!(matches!(&e, Error::LayoutMismatch { argument, .. } if argument == name), "{e}");
    }
    // The same numbers under another Rust type.
    value("scale", data::Xyz::LAYOUT).unwrap();
    value("turn", <[f32; 4]>::LAYOUT).unwrap();
}

#[test]
fn slices_meet_references() {
    let slice = |access, element| ArgKind::Slice { access, element };
    let reason = argument(changed("turn", |a| (a.kind, a.size) = (slice(Access::In, f32::LAYOUT), 16)), "turn");
    assert!(
        reason.contains("a slice, In<f32>, in Rust, but member 'turn' of the shader's block is a matrix"),
        "{reason}"
    );
    // A reference is a value too, if Rust says Ptr.
    changed("triples", |a| a.kind = ArgKind::Value(Ptr::<[f32; 3]>::LAYOUT)).unwrap();
    let e = changed("triples", |a| a.kind = ArgKind::Value(Ptr::<[i32; 3]>::LAYOUT)).unwrap_err();
    assert!(matches!(e, Error::LayoutMismatch { .. }), "{e}");
}

#[test]
fn an_input_that_the_shader_may_write_is_refused() {
    let access = |name, to| {
        changed(name, |a| {
            if let ArgKind::Slice { access, .. } = &mut a.kind {
                *access = to
            }
        })
    };
    for name in ["changed", "order", "triples"] {
        let e = access(name, Access::In).unwrap_err();
        let Error::WritesInput { kernel, field, block } = &e else { panic!("{e}") };
        assert_eq!((kernel.as_str(), field.as_str()), ("main", name));
        let expected = [("changed", "Node_inout"), ("order", "Node_ptr_out"), ("triples", "f32_3_inout")];
        assert!(expected.contains(&(name, block.as_str())), "{block}");
    }
    access("nodes", Access::InOut).unwrap();
}

#[test]
fn a_store_to_a_readonly_block_counts_as_a_write() {
    // NonWritable on the block that `changed` uses: the store that is still there gives it away.
    let mut w = words(data::NODE_NAMED);
    let r = module(data::NODE_NAMED, "main");
    let Shape::Struct { members } = r.shape(r.block.unwrap()) else { panic!() };
    let Shape::Pointer { to, .. } = r.shape(members[1]) else { panic!() };
    let decorate = [4 << 16 | rspirv::spirv::Op::MemberDecorate as u32, to, 0, Decoration::NonWritable as u32];
    let mut at = 5;
    while w[at] & 0xffff != rspirv::spirv::Op::MemberDecorate as u32 {
        at += (w[at] >> 16) as usize;
    }
    w.splice(at..at, decorate);
    let r = Reflection::new(&w, "main", &BTreeMap::new()).unwrap();
    assert!(read_only(&r, to));
    let mut args = NodeArgs::layout();
    args[1].kind = ArgKind::Slice { access: Access::In, element: Node::LAYOUT };
    assert!(matches!(check("main", &r, &args), Err(Error::WritesInput { .. })));
}

/// Node with its fields changed.
pub(super) fn altered(change: impl FnOnce(&mut Vec<FieldLayout>, &mut usize)) -> TypeLayout {
    let TypeLayout::Struct(s) = Node::LAYOUT else { panic!() };
    let (mut fields, mut size) = (s.fields.to_vec(), s.size);
    change(&mut fields, &mut size);
    let s = StructLayout { name: s.name, id: s.id, parameters: &[], size, align: s.align, fields: fields.leak() };
    TypeLayout::Struct(Box::leak(Box::new(s)))
}

/// Path and reason of the mismatch when `nodes` has this element.
fn refused(element: TypeLayout) -> (String, String) {
    match changed("nodes", |a| a.kind = ArgKind::Slice { access: Access::In, element }) {
        Err(Error::LayoutMismatch { kernel, argument, field, reason }) => {
            assert_eq!((kernel.as_str(), argument.as_str()), ("main", "nodes"));
            (field, reason)
        }
        other => panic!("{other:?}"),
    }
}

fn index(fields: &[FieldLayout], name: &str) -> usize {
    fields.iter().position(|f| f.name == name).unwrap()
}

#[test]
fn every_respect_of_a_struct_is_compared() {
    let kind = |name: &str, layout| {
        refused(altered(|f, _| {
            let i = index(f, name);
            f[i].layout = layout;
        }))
    };
    let same = |name: &str, found: (String, String), reason: &str| {
        assert_eq!(found.0, format!("Node.{name}"), "{}", found.1);
        assert!(found.1.contains(reason), "{}", found.1);
    };
    same("degree", kind("degree", i32::LAYOUT), "i32 in Rust, but uint32_t in the shader");
    same("degree", kind("degree", f32::LAYOUT), "f32 in Rust, but uint32_t in the shader");
    same("degree", kind("degree", u16::LAYOUT), "u16 in Rust, but uint32_t in the shader");
    same("small", kind("small", i8::LAYOUT), "i8 in Rust, but uint8_t");
    same("parent", kind("parent", u64::LAYOUT), "use Ptr<T> for the Rust field");
    same("parent", kind("parent", <[u32; 2]>::LAYOUT), "[u32; 2] in Rust, but a reference 'Node_inout'");
    same("grid", kind("grid", <[[i16; 2]; 2]>::LAYOUT), "2 elements in Rust, 3 in the shader");
    same("grid", kind("grid", <[[i16; 1]; 3]>::LAYOUT), "2 bytes apart in Rust, 4 in the shader");
    same("grid[][]", kind("grid", <[[u16; 2]; 3]>::LAYOUT), "u16 in Rust, but int16_t");
    same("grid", kind("grid", i16::LAYOUT), "i16 in Rust, but an array of 3");
    same("in.key", kind("in", data::OtherTail::LAYOUT), "i64 in Rust, but uint64_t");
    same("weights", kind("weights", Ptr::<u32>::LAYOUT), "u32 in Rust, but float32_t");
    let apart = "8 bytes in Rust, but the shader's elements lie 4 bytes apart";
    same("weights", kind("weights", Ptr::<[f32; 2]>::LAYOUT), apart);
    let stride = format!("{} bytes in Rust, but the shader's elements lie 8 bytes apart", size_of::<Node>());
    same("edges", kind("edges", Ptr::<Node>::LAYOUT), &stride);
    // A pointer to a pointer to something else than a Node.
    let stride = format!("16 bytes in Rust, but the shader's elements lie {} bytes apart", size_of::<Node>());
    same("edges", kind("edges", Ptr::<Ptr<Tail>>::LAYOUT), &stride);
}

#[test]
fn offsets_and_sizes_of_a_struct_are_compared() {
    let moved = refused(altered(|f, _| {
        let i = index(f, "after");
        f[i].offset -= 4;
    }));
    assert_eq!(moved.0, "Node.after");
    assert!(moved.1.contains("u32 at offset 44 in Rust, but the shader's struct has no member there"), "{}", moved.1);
    assert!(moved.1.contains("'after' (uint32_t) at 48"), "{}", moved.1);
    let shorter = refused(altered(|_, size| *size -= 8));
    assert_eq!(shorter.0, "Node");
    let longer = refused(altered(|_, size| *size += 8));
    assert_eq!(longer.0, "Node");
    assert!(longer.1.contains("bytes apart"), "{}", longer.1);
    let over = refused(altered(|f, _| {
        // Rust's `flag` reaches over what the shader calls padding, and that is no padding then.
        let i = index(f, "flag");
        f[i].layout = <[u8; 2]>::LAYOUT;
    }));
    assert_eq!(over.0, "Node.flag");
}

#[test]
fn a_value_beyond_its_rust_struct_is_refused() {
    let short = data::Wrapped::<f32>::LAYOUT;
    let e = changed("pair", |a| (a.kind, a.size) = (ArgKind::Value(short), 4)).unwrap_err();
    let Error::LayoutMismatch { reason, .. } = &e else { panic!("{e}") };
    assert!(reason.contains("member 'pad0_' (uint32_t) at offset 4, beyond the 4 bytes that Wrapped has"), "{reason}");
}

#[test]
fn members_that_overlap_are_refused() {
    // The padding at Node's end moves over `degree`.
    let good = words(data::NODE_NAMED);
    let end = size_of::<Node>() as u32 - 7;
    let mut w = good.clone();
    let mut at = 5;
    while at < w.len() {
        let is_offset = w[at] == 5 << 16 | rspirv::spirv::Op::MemberDecorate as u32;
        if is_offset && w[at + 3] == Decoration::Offset as u32 && w[at + 4] == end {
            w[at + 4] = 9;
        }
        at += (w[at] >> 16) as usize;
    }
    assert_ne!(w, good);
    let r = Reflection::new(&w, "main", &BTreeMap::new()).unwrap();
    let (path, reason) = layout(check("main", &r, &NodeArgs::layout()));
    // Through the pointers to pointers, which are looked at first.
    assert_eq!(path, "Node.edges->->degree");
    assert!(reason.contains("where the shader's struct has member") && reason.contains("at 9 too"), "{reason}");
}
