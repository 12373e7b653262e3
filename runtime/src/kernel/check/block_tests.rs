//! The checks against real shaders: blocks of every shape, matrices, addresses as numbers, the prelude.

use super::{
    tests::{altered, layout, module},
    *,
};
use crate::{
    GpuStruct, In, InOut, KernelArgs, Out,
    kernel::testdata::{self as data, Tail, words},
};
use std::collections::BTreeMap;

#[derive(KernelArgs)]
#[allow(dead_code)]
struct Blocks<'a> {
    poses: In<'a, data::Pose>,
    fixed: InOut<'a, f32>,
    single: Out<'a, data::RowPose>,
    members: InOut<'a, data::Members>,
    partly: InOut<'a, data::Members>,
    halves: In<'a, u16>,
    one: InOut<'a, [f32; 4]>,
    columns: InOut<'a, [data::Column; 3]>,
}

fn blocks(name: &str, to: Access, of: TypeLayout) -> Result<Vec<ArgFacts>> {
    let mut args = Blocks::layout();
    args.iter_mut().find(|a| a.name == name).unwrap().kind = ArgKind::Slice { access: to, element: of };
    check("main", &module(data::BLOCKS, "main"), &args)
}

#[test]
fn matrices_are_compared_as_they_lie_in_memory() {
    check("main", &module(data::BLOCKS, "main"), &Blocks::layout()).unwrap();
    let (path, reason) = layout(blocks("poses", Access::In, data::RowPose::LAYOUT));
    assert_eq!(path, "RowPose.turn");
    assert!(reason.contains("a column-major matrix, 2 runs of 3 float32_t, 12 bytes apart"), "{reason}");
    let (path, reason) = layout(blocks("single", Access::Out, data::Pose::LAYOUT));
    assert_eq!(path, "Pose.turn");
    assert!(reason.contains("a row-major matrix, 3 runs of 2 float32_t, 8 bytes apart"), "{reason}");
    // As so many numbers in a row it may pass, as other numbers not.
    let flat = |name, layout| {
        let TypeLayout::Struct(s) = data::Pose::LAYOUT else { panic!() };
        let mut fields = s.fields.to_vec();
        fields[1].layout = layout;
        blocks(name, Access::InOut, altered(|f, size| (*f, *size) = (fields, s.size)))
    };
    flat("poses", <[f32; 6]>::LAYOUT).unwrap();
    flat("single", <[f32; 6]>::LAYOUT).unwrap();
    assert_eq!(layout(flat("poses", <[u32; 6]>::LAYOUT)).0, "Node.turn");
    assert_eq!(layout(flat("poses", <[f32; 5]>::LAYOUT)).0, "Node.turn");
}

#[test]
fn a_matrix_with_gaps_is_no_packed_matrix() {
    // Nine numbers, 48 bytes, at other offsets than the shader has them.
    let (path, reason) = layout(blocks("columns", Access::InOut, data::Wrapped::<data::Nine>::LAYOUT));
    assert_eq!(path, "Wrapped<Nine>");
    assert!(reason.contains("3 runs of 3 float32_t, 16 bytes apart"), "{reason}");
}

#[test]
fn blocks_that_are_no_arrays() {
    blocks("fixed", Access::InOut, <[f32; 16]>::LAYOUT).unwrap();
    assert!(layout(blocks("fixed", Access::InOut, u32::LAYOUT)).1.contains("u32 in Rust, but float32_t"));
    assert!(layout(blocks("fixed", Access::InOut, <[f32; 2]>::LAYOUT)).1.contains("4 bytes apart"));
    let (path, _) = layout(blocks("members", Access::InOut, Tail::LAYOUT));
    assert_eq!(path, "Tail.key");
    assert!(
        layout(blocks("members", Access::InOut, f32::LAYOUT)).1.contains("f32 in Rust, but a struct in the shader")
    );
}

#[test]
fn a_struct_of_one_field_is_its_field_or_holds_it() {
    let one = |layout| blocks("one", Access::InOut, layout);
    one(data::Wrapped::<[f32; 4]>::LAYOUT).unwrap();
    assert_eq!(layout(one(data::Wrapped::<[u32; 4]>::LAYOUT)).0, "Wrapped<[u32; 4]>.inner");
    one(data::Quad::LAYOUT).unwrap();
    assert!(layout(one(<[f32; 3]>::LAYOUT)).1.contains("[f32; 3] in Rust, but 4 of float32_t"));
    // A block of one struct: the struct, or a struct that holds it.
    blocks("single", Access::Out, data::Wrapped::<data::RowPose>::LAYOUT).unwrap();
    assert!(blocks("single", Access::Out, data::Wrapped::<data::Pose>::LAYOUT).is_err());
}

#[test]
fn one_writable_member_makes_a_block_writable() {
    let e = blocks("partly", Access::In, data::Members::LAYOUT).unwrap_err();
    assert!(matches!(&e, Error::WritesInput { field, .. } if field == "partly"), "{e}");
}

#[test]
fn half_floats_are_u16_bits() {
    assert!(layout(blocks("halves", Access::In, i16::LAYOUT)).1.contains("i16 in Rust, but float16_t"));
}

#[derive(KernelArgs)]
#[allow(dead_code)]
struct Headed<'a> {
    headed: InOut<'a, f32>,
}

#[test]
fn an_array_behind_a_header_is_no_slice() {
    let (path, reason) = layout(check("main", &module(data::HEADED, "main"), &Headed::layout()));
    assert_eq!(path, "f32");
    assert!(reason.contains("members beside its array"), "{reason}");
}

#[derive(KernelArgs)]
#[allow(dead_code)]
struct Addresses<'a> {
    fours: InOut<'a, [f32; 4]>,
    ones: InOut<'a, f32>,
    table: In<'a, u64>,
    n: u32,
}

#[test]
fn addresses_as_numbers_are_followed_back_to_their_argument() {
    let r = module(data::ADDRESS, "main");
    let facts = check("main", &r, &Addresses::layout()).unwrap();
    let seen: Vec<_> = facts.iter().map(|f| (f.name, f.alignment)).collect();
    assert_eq!(seen, [("fours", 16), ("ones", 4), ("table", 8), ("n", 1)]);
    for (i, block) in [(0, "fours"), (1, "ones")] {
        let mut args = Addresses::layout();
        let ArgKind::Slice { access, .. } = &mut args[i].kind else { panic!() };
        *access = Access::In;
        let e = check("main", &r, &args).unwrap_err();
        assert!(matches!(&e, Error::WritesInput { field, .. } if field == block), "{e}");
    }
}

#[test]
fn members_may_be_declared_in_any_order() {
    // The offsets of the first two members change places.
    let block = module(data::ADDRESS, "main").block.unwrap();
    let mut w = words(data::ADDRESS);
    let mut at = 5;
    while at < w.len() {
        let is_offset = w[at] == 5 << 16 | rspirv::spirv::Op::MemberDecorate as u32
            && (w[at + 1], w[at + 3]) == (block, Decoration::Offset as u32);
        if is_offset && w[at + 2] < 2 {
            w[at + 4] = 8 - w[at + 4];
        }
        at += (w[at] >> 16) as usize;
    }
    let r = Reflection::new(&w, "main", &BTreeMap::new()).unwrap();
    let facts = check("main", &r, &Addresses::layout()).unwrap();
    assert_eq!((facts[0].alignment, facts[1].alignment), (4, 16), "the second is the shader's first");
}

#[derive(KernelArgs)]
#[allow(dead_code)]
struct Small<'a> {
    to: Out<'a, f32>,
}

#[test]
fn pointers_without_a_block_have_elements_too() {
    let r = module(data::ENTRIES, "small");
    assert_eq!(check("small", &r, &Small::layout()).unwrap()[0].alignment, 32);
    let mut args = Small::layout();
    args[0].kind = ArgKind::Slice { access: Access::Out, element: f64::LAYOUT };
    assert!(layout(check("small", &r, &args)).1.contains("4 bytes apart"));
    args[0].kind = ArgKind::Slice { access: Access::Out, element: u32::LAYOUT };
    assert!(layout(check("small", &r, &args)).1.contains("u32 in Rust, but float32_t"));
    args[0].kind = ArgKind::Slice { access: Access::In, element: f32::LAYOUT };
    assert!(matches!(check("small", &r, &args), Err(Error::WritesInput { .. })));
}

#[derive(KernelArgs)]
#[allow(dead_code)]
struct Prelude<'a> {
    a: In<'a, u8>,
    b: Out<'a, i8>,
    c: In<'a, u16>,
    d: InOut<'a, i16>,
    e: In<'a, u64>,
    f: Out<'a, i64>,
    g: In<'a, f64>,
    h: Out<'a, [f64; 2]>,
    i: In<'a, [u64; 2]>,
    j: Out<'a, [i64; 2]>,
    k: In<'a, u32>,
    l: Out<'a, i32>,
    m: In<'a, [u32; 4]>,
    n: Out<'a, [i32; 4]>,
    o: In<'a, [f32; 4]>,
    p: InOut<'a, f32>,
}

#[test]
fn the_preludes_references_are_the_types_that_they_name() {
    let r = module(data::PRELUDE, "main");
    let facts = check("main", &r, &Prelude::layout()).unwrap();
    let alignments: Vec<_> = facts.iter().map(|f| f.alignment).collect();
    assert_eq!(alignments, [1, 1, 2, 2, 8, 8, 8, 16, 16, 16, 4, 4, 16, 16, 16, 4]);
    // What says `_in` may be passed as In, what says another may not.
    for (i, arg) in Prelude::layout().iter().enumerate() {
        let ArgKind::Slice { access, element } = arg.kind else { panic!() };
        let mut args = Prelude::layout();
        args[i].kind = ArgKind::Slice { access: Access::In, element };
        assert_eq!(check("main", &r, &args).is_ok(), access == Access::In, "{}", arg.name);
    }
}
