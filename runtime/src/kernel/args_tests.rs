//! Tests of the derives, the layout tables and the argument bytes.

#![allow(unsafe_code)]

use super::{
    args::{Access, In, InOut, Out, Reach},
    encode::{ArgKind, CAPACITY, Encoder, SafeArgs},
    layout::{FieldLayout, Scalar, StructLayout, TypeLayout},
    scope::Uses,
    types::Ptr,
};
use crate::{Error, GpuStruct, KernelArgs, gpu::plan::Owner};
use std::sync::{Arc, LazyLock};

#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
struct Node {
    next: Ptr<Node>,
    weight: f32,
    small: [u16; 3],
    r#type: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, GpuStruct)]
#[repr(C, align(16))]
struct Pair<A, B, const N: usize> {
    a: [A; N],
    b: B,
}

fn layout_of<T: GpuStruct>() -> &'static StructLayout {
    match T::LAYOUT {
        TypeLayout::Struct(s) => s,
        other => panic!("{other} is no struct"),
    }
}

fn offsets(s: &StructLayout) -> Vec<(&'static str, usize, String)> {
    s.fields.iter().map(|FieldLayout { name, offset, layout }| (*name, *offset, layout.to_string())).collect()
}

#[test]
fn layouts_are_the_compilers() {
    let s = layout_of::<Node>();
    assert_eq!((s.name, s.size, s.align), ("Node", 24, 8));
    assert_eq!(
        offsets(s),
        [
            ("next", 0, "Ptr<Node>".to_string()),
            ("weight", 8, "f32".into()),
            ("small", 12, "[u16; 3]".into()),
            ("type", 18, "u8".into())
        ]
    );
    let s = layout_of::<Pair<u8, f64, 3>>();
    assert_eq!((s.size, s.align), (16, 16));
    assert_eq!(offsets(s), [("a", 0, "[u8; 3]".to_string()), ("b", 8, "f64".into())]);
    assert_eq!(Pair::<u8, f64, 3>::LAYOUT.to_string(), "Pair<u8, f64, 3>");
    assert_eq!(Pair::<Ptr<Node>, f64, 3>::LAYOUT.name(), "Pair_Node_ptr_f64_3");
    assert_ne!(layout_of::<Pair<u8, f64, 3>>().id, layout_of::<Pair<u8, f64, 4>>().id);
}

#[test]
fn a_pointer_to_its_own_type_has_a_layout() {
    let TypeLayout::Pointer(to) = layout_of::<Node>().fields[0].layout else { panic!() };
    assert_eq!(to().size(), 24);
    assert_eq!(format!("{:?}", to()), "Node");
    assert_eq!(Ptr::<Ptr<Node>>::LAYOUT.to_string(), "Ptr<Ptr<Node>>");
}

#[test]
fn padding_is_seen() {
    assert!(!u64::LAYOUT.is_padded());
    assert!(!<[[u16; 3]; 5]>::LAYOUT.is_padded());
    assert!(Node::LAYOUT.is_padded());
    assert!(<[Node; 2]>::LAYOUT.is_padded());
    assert!(Pair::<u8, f64, 3>::LAYOUT.is_padded());
    assert!(!Pair::<f64, f64, 1>::LAYOUT.is_padded());
    let mut runs = vec![];
    <[Node; 2]>::LAYOUT.each_used(0, &mut |at, len| runs.push((at, len)));
    assert_eq!(runs, [(0, 8), (8, 4), (12, 6), (18, 1), (24, 8), (32, 4), (36, 6), (42, 1)]);
}

#[test]
fn pointers_resolve_only_into_their_owner() {
    let mut v = [[1u32, 2], [3, 4], [5, 6]];
    let p = Ptr::to(&v[1]);
    assert_eq!(p.index(&v), Some(1));
    assert_eq!(p.get(&v), Some(&[3, 4]));
    assert_eq!(p.get(&v[..1]), None, "one past the end");
    assert_eq!(p.get(&v[2..]), None, "before the start");
    assert_eq!(Ptr::<[u32; 2]>::from_address(p.address() + 4).get(&v), None, "middle of an element");
    assert_eq!(p.wrapping_add(1).index(&v), Some(2));
    assert_eq!(Ptr::<[u32; 2]>::from_address(u64::MAX).get(&v), None);
    assert_eq!(Ptr::<[u32; 2]>::NULL.get(&v), None);
    p.get_mut(&mut v).unwrap()[0] = 9;
    assert_eq!(v[1][0], 9);
    let empty: [(); 3] = [(); 3];
    assert_eq!(Ptr::to(&empty[0]).index(&empty), Some(0), "a type without size: any element will do");
    assert_eq!(format!("{:?} {:?}", Ptr::<u8>::NULL, Ptr::<u8>::from_address(16)), "null 0x10");
    assert_eq!(Ptr::<u8>::default(), Ptr::NULL);
}

const TILE: usize = 4;

#[derive(KernelArgs)]
struct Everything<'x, T: GpuStruct, const N: usize> {
    flag: u8,
    #[len(n + 1)]
    input: In<'x, T>,
    #[len(size[0] * size[1])]
    #[len(TILE * N)]
    output: Out<'x, Node>,
    both: InOut<'x, [f32; N]>,
    n: u32,
    node: Node,
    size: [u32; 2],
}

#[derive(KernelArgs)]
struct Nothing {}

#[derive(KernelArgs)]
struct Chase<'a> {
    root: In<'a, Ptr<Node>>,
    reach: Reach<'a>,
    depth: u32,
}

static OWNER: LazyLock<Arc<Owner>> = LazyLock::new(Arc::default);

fn uses() -> Uses<'static> {
    Uses::once(&OWNER)
}

fn lend_in<'a, T>(v: &'a [T], uses: &'a Uses<'a>) -> In<'a, T> {
    // SAFETY: borrowed for 'a; nothing is launched.
    unsafe { In::lent(v.as_ptr(), v.len(), uses) }
}
fn lend_out<'a, T>(v: &'a mut [T], uses: &'a Uses<'a>) -> Out<'a, T> {
    // SAFETY: as above.
    unsafe { Out::lent(v.as_mut_ptr(), v.len(), uses) }
}
fn lend_update<'a, T>(v: &'a mut [T], uses: &'a Uses<'a>) -> InOut<'a, T> {
    // SAFETY: as above.
    unsafe { InOut::lent(v.as_mut_ptr(), v.len(), uses) }
}

const NODE: Node = Node { next: Ptr::NULL, weight: 2.5, small: [1, 2, 3], r#type: 7 };

fn encode<R>(n: u32, size: [u32; 2], check: impl FnOnce(crate::Result<Encoder<'_>>, [u64; 3]) -> R) -> R {
    let (input, mut output, mut both) = ([0u64; 3], [NODE; 12], [[0f32; 2]; 1]);
    let addresses = [input.as_ptr().addr() as u64, output.as_ptr().addr() as u64, both.as_ptr().addr() as u64];
    let uses = uses();
    let args = Everything {
        flag: 0xAB,
        input: lend_in(&input, &uses),
        output: lend_out(&mut output, &uses),
        both: lend_update(&mut both, &uses),
        n,
        node: NODE,
        size,
    };
    let mut e = Encoder::new();
    <Everything<'static, u64, 2> as KernelArgs>::encode(&args, &mut e);
    check(e.finish("everything"), addresses)
}

#[test]
fn bytes_follow_scalar_layout_and_padding_is_zero() {
    encode(2, [3, 4], |e, addresses| {
        let e = e.unwrap();
        let b = e.bytes();
        assert_eq!(b.len(), 72);
        assert_eq!(b[..8], [0xAB, 0, 0, 0, 0, 0, 0, 0]);
        for (at, address) in [8, 16, 24].into_iter().zip(addresses) {
            assert_eq!(b[at..at + 8], address.to_ne_bytes());
        }
        assert_eq!(b[32..36], 2u32.to_ne_bytes());
        assert_eq!(b[36..40], [0; 4]);
        assert_eq!(b[40..48], [0; 8]);
        assert_eq!(b[48..52], 2.5f32.to_ne_bytes());
        assert_eq!(b[52..59], [1, 0, 2, 0, 3, 0, 7]);
        assert_eq!(b[59..64], [0; 5], "padding");
        assert_eq!(b[64..72], [3, 0, 0, 0, 4, 0, 0, 0]);
        let used: Vec<_> =
            e.uses().iter().map(|u| (u.field, u.write, u.argument, u.span.start, u.span.len())).collect();
        let expected = [
            ("input", false, Some(1), addresses[0], 24),
            ("output", true, Some(2), addresses[1], 12 * 24),
            ("both", true, Some(3), addresses[2], 8),
        ];
        assert_eq!(used, expected);
    });
}

#[test]
fn layout_describes_the_bytes() {
    let l = <Everything<'static, u64, 2> as KernelArgs>::layout();
    let seen: Vec<_> = l.iter().map(|a| (a.name, a.offset, a.size)).collect();
    let expected = [
        ("flag", 0, 1),
        ("input", 8, 8),
        ("output", 16, 8),
        ("both", 24, 8),
        ("n", 32, 4),
        ("node", 40, 24),
        ("size", 64, 8),
    ];
    assert_eq!(seen, expected);
    assert!(matches!(l[0].kind, ArgKind::Value(TypeLayout::Scalar(Scalar::U8))));
    let ArgKind::Slice { access: Access::Out, element } = l[2].kind else { panic!() };
    assert_eq!(element.to_string(), "Node");
    assert!(matches!(l[1].kind, ArgKind::Slice { access: Access::In, .. }));
    assert!(matches!(l[3].kind, ArgKind::Slice { access: Access::InOut, .. }));
    assert!(Nothing::layout().is_empty());
    let names: Vec<_> = Chase::layout().iter().map(|a| (a.name, a.offset)).collect();
    assert_eq!(names, [("root", 0), ("depth", 8)], "a Reach has no member");
}

#[test]
fn short_slices_are_refused() {
    let refused = |n, size| encode(n, size, |e, _| e.err());
    assert_eq!(refused(2, [3, 4]), None);
    assert_eq!(refused(3, [3, 4]), Some(Error::ShortSlice { field: "input", needed: 4, got: 3 }));
    assert_eq!(refused(u32::MAX, [3, 4]), Some(Error::ShortSlice { field: "input", needed: 1 << 32, got: 3 }));
    assert_eq!(refused(2, [13, 1]), Some(Error::ShortSlice { field: "output", needed: 13, got: 12 }));
    let (big, needed) = (u32::MAX, u32::MAX as u64 * u32::MAX as u64);
    assert_eq!(refused(2, [big, big]), Some(Error::ShortSlice { field: "output", needed, got: 12 }));
}

#[derive(KernelArgs)]
struct Lengths<'a> {
    #[len((a - b).max(c as u8 as i64 % 7).div_ceil(0x10 / 4) << 1)]
    x: In<'a, u8>,
    #[len(x.len() / d)]
    y: In<'a, u8>,
    a: u64,
    b: u64,
    c: i64,
    d: u32,
}

#[test]
fn expressions_without_a_value_are_refused() {
    let bytes = [0u8; 10];
    let uses = uses();
    let run = |a, b, c, d| {
        let (x, y) = (lend_in(&bytes, &uses), lend_in(&bytes[..2], &uses));
        let mut e = Encoder::new();
        Lengths::encode(&Lengths { x, y, a, b, c, d }, &mut e);
        e.finish("lengths").err()
    };
    assert_eq!(run(20, 0, 0, 5), None, "20.div_ceil(4) << 1 = 10");
    assert_eq!(run(21, 0, 0, 5), Some(Error::ShortSlice { field: "x", needed: 12, got: 10 }));
    assert_eq!(run(0, u64::MAX, 6, 5), None, "the difference is negative, its max with 6 is not");
    let bad = |e| match e {
        Some(Error::BadLength { field, reason, expression }) => (field, reason, expression),
        other => panic!("{other:?}"),
    };
    assert_eq!(bad(run(0, 0, 256, 5)).1, "a cast in it loses bits");
    assert_eq!(bad(run(0, 0, -1, 5)).1, "a cast in it loses bits");
    assert_eq!(bad(run(20, 0, 0, 0)), ("y", "it divides by zero", "x.len() / d"));
    let message = run(20, 0, 0, 0).unwrap().to_string();
    assert!(message.contains("'y'") && message.contains("divides by zero"), "{message}");
}

#[derive(KernelArgs)]
struct Large {
    a: [u64; 32],
    b: u8,
}

#[test]
fn arguments_beyond_the_capacity_are_an_error() {
    let mut e = Encoder::new();
    Large::encode(&Large { a: [7; 32], b: 1 }, &mut e);
    let expected = Error::ArgumentsTooLarge { kernel: "large".into(), bytes: CAPACITY + 1, limit: CAPACITY };
    assert_eq!(e.finish("large").err(), Some(expected));
    assert_eq!(Large::layout()[1].offset, CAPACITY);
}

#[test]
fn a_reach_is_a_use_without_bytes() {
    let (root, mut nodes, edges) = ([Ptr::<Node>::NULL], [NODE; 2], [0u32; 4]);
    let uses = uses();
    let reach = Reach::new().update(lend_update(&mut nodes, &uses)).read(lend_in(&edges, &uses));
    let mut e = Encoder::new();
    Chase::encode(&Chase { root: lend_in(&root, &uses), reach, depth: 9 }, &mut e);
    let e = e.finish("chase").unwrap();
    assert_eq!(e.bytes()[8..], 9u32.to_ne_bytes());
    let used: Vec<_> = e.uses().iter().map(|u| (u.field, u.write, u.argument, u.span.len())).collect();
    let expected = [("root", false, Some(0), 8), ("reach", true, None, 48), ("reach", false, None, 16)];
    assert_eq!(used, expected);
}

/// Bounds, defaults, where clauses and raw names.
#[derive(KernelArgs)]
struct Bounded<'long, T: GpuStruct + 'long = f32, const N: usize = 2>
where
    [T; N]: Default,
{
    #[len(r#type + N)]
    r#in: In<'long, T>,
    r#type: u8,
    rest: [T; N],
}

/// No slice, no lifetime.
#[derive(KernelArgs)]
#[allow(dead_code)]
struct Plain<T: GpuStruct> {
    value: T,
}

#[test]
fn generics_of_every_kind_are_carried_over() {
    let (values, uses) = ([1.5f32; 9], uses());
    let args = |r#type| Bounded { r#in: lend_in(&values, &uses), r#type, rest: [2.5, 3.5] };
    let run = |kind| {
        let mut e = Encoder::new();
        <Bounded<'static> as crate::KernelArgs>::encode(&args(kind), &mut e);
        e.finish("bounded").map(|e| e.bytes()[8..].to_vec())
    };
    let expected: Vec<u8> = [7u32.to_ne_bytes(), 2.5f32.to_ne_bytes(), 3.5f32.to_ne_bytes()].concat();
    assert_eq!(run(7), Ok(expected));
    assert_eq!(run(255), Err(Error::ShortSlice { field: "in", needed: 257, got: 9 }));
    let names: Vec<_> = <Bounded<'static> as crate::KernelArgs>::layout().iter().map(|a| a.name).collect();
    assert_eq!(names, ["in", "type", "rest"]);
}

#[test]
fn structs_without_a_reach_are_safe() {
    fn safe<A: SafeArgs>() {}
    safe::<Everything<'static, f32, 3>>();
    safe::<Nothing>();
    safe::<Plain<Node>>();
}
