//! Bad input: a clear error each, and nothing lost.
//!
//! # Safety
//! What is loaded here is either refused, or the valid shader for its struct.
#![allow(unsafe_code)]

use crate::{
    harness::{open, tests},
    kernels::{self, Add, Fill},
    variants::refused_saying,
};
use std::time::Duration;
use vksvm::{GpuStruct, In, InOut, KernelArgs, Out, Result, Svm};

tests![
    options,
    allocations_that_cannot_be,
    modules_that_are_none,
    entry_points,
    capabilities,
    interfaces,
    specialization,
    workgroups,
    arguments_that_differ,
    layouts_that_differ,
    inputs_that_are_written,
    more_arguments_than_fit,
    slices_that_are_too_short,
    lengths_without_a_value,
    slices_that_are_misaligned,
    foreign_memory,
    scope_of_another_svm,
    memory_of_another_svm,
];

const ADD: &[u8] = include_bytes!("../kernels/add.spv");
const FILL: &[u8] = include_bytes!("../kernels/fill.spv");

fn load<A: KernelArgs>(svm: &Svm, spirv: &[u8]) -> Result<vksvm::Kernel<A>> {
    // SAFETY: see the module.
    unsafe { svm.module(spirv).load() }
}

fn options() {
    let refused = |builder: vksvm::SvmBuilder, option| refused_saying(builder.open(), "BadOption", &[option]);
    refused(Svm::builder().group(0), "group");
    refused(Svm::builder().group(4097), "group");
    refused(Svm::builder().heap_size(0), "heap_size");
    refused(Svm::builder().heap_size((2 << 20) - 1), "heap_size");
    refused(Svm::builder().heap_size((16 << 40) + 1), "heap_size");
    refused(Svm::builder().heap_size(u64::MAX), "heap_size");
    refused(Svm::builder().segment_size(0), "segment_size");
    refused(Svm::builder().segment_size((2 << 20) + 1), "segment_size");
    refused(Svm::builder().segment_size(1 << 60), "segment_size");
    refused(Svm::builder().launch_limit(Duration::ZERO), "launch_limit");
    // What lies at the borders is accepted.
    let svm = Svm::builder().group(4096).heap_size(2 << 20).segment_size(2 << 20).open().expect("the least");
    assert_eq!(svm.stats().heap_bytes, 2 << 20);
    let svm = Svm::builder().heap_size(16 << 40).open().expect("the most");
    assert_eq!(svm.stats().heap_bytes, 16 << 40);
}

fn allocations_that_cannot_be() {
    let svm = Svm::builder().heap_size(4 << 20).open().expect("open");
    let kept = svm.vec(0..1000);
    refused_saying(svm.try_zeroed::<u32>(2 << 20), "HeapExhausted", &["8388608 bytes", "4194304", "larger heap_size"]);
    refused_saying(svm.try_zeroed::<u8>(isize::MAX as usize), "HeapExhausted", &[]);
    refused_saying(svm.try_with_capacity::<u64>(usize::MAX), "CapacityOverflow", &["8 bytes"]);
    refused_saying(svm.try_zeroed::<u64>(usize::MAX / 8), "CapacityOverflow", &[]);
    refused_saying(svm.try_vec((0..).take(usize::MAX)), "CapacityOverflow", &[]);
    refused_saying(svm.try_vec(std::iter::from_fn(|| Some(1u8))), "HeapExhausted", &[]);
    #[repr(align(4194304))]
    struct Aligned(#[allow(dead_code)] u8);
    refused_saying(svm.try_with_capacity::<Aligned>(1), "Alignment", &["4194304", "2097152"]);
    // Of no size is none.
    assert!(svm.try_zeroed::<u32>(0).expect("nothing").is_empty());
    assert!(svm.try_vec([(); 5]).is_ok_and(|v| v.len() == 5));
    assert!(kept.iter().copied().eq(0..1000));
    assert_eq!(svm.stats().live_allocations, 1);
}

fn modules_that_are_none() {
    let svm = open();
    let refused = |spirv: &[u8], says| refused_saying(load::<Add<'static>>(&svm, spirv), "InvalidSpirv", &[says]);
    refused(&[], "0 bytes");
    refused(b"#version 460\nvoid main() {}", "");
    refused(&ADD[..ADD.len() - 1], "4-byte words");
    refused(&[0; 1024], "");
    for len in (20..ADD.len()).step_by(4) {
        // Truncated at a word: wherever that is, it is noticed, if only because the entry point is gone.
        let error = load::<Add<'static>>(&svm, &ADD[..len]).expect_err("a part is no module");
        assert!(
            matches!(error, vksvm::Error::InvalidSpirv { .. } | vksvm::Error::NoEntryPoint { .. }),
            "{len}: {error}"
        );
    }
    // Neither alignment nor byte order matters.
    let mut moved = vec![0];
    moved.extend_from_slice(ADD);
    load::<Add<'static>>(&svm, &moved[1..]).expect("unaligned");
    let swapped: Vec<u8> = ADD.chunks(4).flat_map(|word| word.iter().rev().copied()).collect();
    load::<Add<'static>>(&svm, &swapped).expect("in the other byte order");
}

fn entry_points() {
    let svm = open();
    // SAFETY: refused.
    let none = unsafe { svm.module(ADD).entry("mian").load::<Add<'static>>() };
    refused_saying(none, "NoEntryPoint", &["'mian'", "it has: main"]);
}

/// `{ pointer, u32 }`, the block of most shaders here.
#[derive(KernelArgs)]
struct Words<'a> {
    #[len(n)]
    to: InOut<'a, u32>,
    n: u32,
}

fn capabilities() {
    let svm = open();
    let clock = load::<Words<'static>>(&svm, include_bytes!("../kernels/clock.spv"));
    refused_saying(clock, "MissingCapabilities", &["ShaderClock", &svm.capabilities().device]);
}

fn interfaces() {
    let svm = open();
    let bound = load::<Words<'static>>(&svm, include_bytes!("../kernels/descriptor.spv"));
    refused_saying(bound, "UnsupportedInterface", &["storage buffer", "set 2, binding 7", "pointers"]);
}

const CONSTANTS: &[u8] = include_bytes!("../kernels/constants.spv");

fn specialization() {
    let svm = open();
    let run = |loader: vksvm::Loader<'_>, local| -> Vec<u32> {
        // SAFETY: the shader stays below `n`.
        let kernel = unsafe { loader.load::<Words<'static>>() }.expect("load");
        assert_eq!(kernel.local_size(), [local, 1, 1]);
        let mut v = svm.vec([100u32; 40]);
        svm.scope(|s| kernel.launch(40u32, Words { to: s.update(&mut v), n: 40 })).expect("scope");
        v.to_vec()
    };
    let expected = |f: &dyn Fn(u32) -> u32| (0..40).map(f).collect::<Vec<u32>>();
    let module = || svm.module(CONSTANTS);
    assert_eq!(run(module(), 1), expected(&|i| 100 + 10 * i));
    assert_eq!(run(module().constant(0, 32u32).constant(1, 3u32), 32), expected(&|i| 100 + 3 * i));
    assert_eq!(run(module().constant(2, 1u32).constant(3, 0.5f32), 1), expected(&|i| 99 + 5 * i));
    assert_eq!(run(module().constant(1, 3u32).constant(1, 4u32), 1), expected(&|i| 100 + 4 * i), "the last counts");
    // SAFETY: refused.
    let load = |loader: vksvm::Loader<'_>| unsafe { loader.load::<Words<'static>>() };
    refused_saying(load(module().constant(9, 1u32)), "BadConstant", &["constant 9", "no such", "3"]);
    refused_saying(load(module().constant(1, 1.5f32)), "BadConstant", &["constant 1", "f32"]);
    refused_saying(load(module().constant(1, 1u64)), "BadConstant", &["constant 1", "8 bytes"]);
}

fn workgroups() {
    let svm = open();
    // SAFETY: refused.
    let load = |size: u32| unsafe { svm.module(CONSTANTS).constant(0, size).load::<Words<'static>>() };
    refused_saying(load(1 << 20), "WorkgroupTooLarge", &["1048576", "limit"]);
    assert!(load(0).is_err());
    load(svm.capabilities().max_workgroup_invocations.min(svm.capabilities().max_workgroup[0])).expect("the largest");
}

fn arguments_that_differ() {
    #[derive(KernelArgs)]
    struct Fewer<'a> {
        #[allow(dead_code)]
        x: In<'a, u32>,
        #[allow(dead_code)]
        y: InOut<'a, u32>,
    }
    #[derive(KernelArgs)]
    struct More<'a> {
        #[allow(dead_code)]
        x: In<'a, u32>,
        #[allow(dead_code)]
        y: InOut<'a, u32>,
        #[allow(dead_code)]
        n: u32,
        #[allow(dead_code)]
        extra: f32,
    }
    #[derive(KernelArgs)]
    struct Other<'a> {
        #[allow(dead_code)]
        x: In<'a, u32>,
        #[allow(dead_code)]
        y: InOut<'a, u32>,
        #[allow(dead_code)]
        n: f32,
    }
    #[derive(KernelArgs)]
    struct Moved<'a> {
        #[allow(dead_code)]
        n: u32,
        #[allow(dead_code)]
        x: In<'a, u32>,
        #[allow(dead_code)]
        y: InOut<'a, u32>,
    }
    let svm = open();
    // The shaders carry no names: their members go by number.
    refused_saying(
        load::<Fewer<'static>>(&svm, ADD),
        "ArgumentMismatch",
        &["the Rust struct does not have", "number 2"],
    );
    refused_saying(load::<More<'static>>(&svm, ADD), "ArgumentMismatch", &["'extra'"]);
    refused_saying(load::<Other<'static>>(&svm, ADD), "ArgumentMismatch", &["'n'"]);
    refused_saying(load::<Moved<'static>>(&svm, ADD), "ArgumentMismatch", &["'n'"]);
}

#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
struct Body {
    position: [f32; 3],
    id: u32,
    tag: u64,
}

/// As [`Body`], but with two fields exchanged.
#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
struct Exchanged {
    id: u32,
    position: [f32; 3],
    tag: u64,
}

/// As [`Body`], but with a number of another kind.
#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
struct Kind {
    position: [f32; 3],
    id: f32,
    tag: u64,
}

#[derive(KernelArgs)]
struct Bodies<'a, T: GpuStruct> {
    #[len(n)]
    bodies: InOut<'a, T>,
    n: u32,
    by: f32,
}

const BODIES: &[u8] = include_bytes!("../kernels/bodies.spv");

fn layouts_that_differ() {
    let svm = open();
    refused_saying(load::<Bodies<'static, Exchanged>>(&svm, BODIES), "LayoutMismatch", &["'bodies'", "Exchanged."]);
    refused_saying(load::<Bodies<'static, Kind>>(&svm, BODIES), "LayoutMismatch", &["'bodies'", "Kind.id", "f32"]);
    refused_saying(load::<Bodies<'static, [f32; 3]>>(&svm, BODIES), "LayoutMismatch", &["'bodies'"]);
    let kernel = load::<Bodies<'static, Body>>(&svm, BODIES).expect("the shader's own layout");
    let mut bodies = svm.vec([Body { position: [1.0, 2.0, 3.0], id: 7, tag: u64::MAX }; 3]);
    svm.scope(|s| kernel.launch(1u32, Bodies { bodies: s.update(&mut bodies), n: 3, by: 0.5 })).expect("scope");
    assert!(bodies.iter().all(|b| (b.position, b.id, b.tag) == ([1.5, 2.5, 3.5], 7, u64::MAX)));
}

fn inputs_that_are_written() {
    #[derive(KernelArgs)]
    struct Wrong<'a> {
        #[allow(dead_code)]
        x: In<'a, u32>,
        #[allow(dead_code)]
        y: In<'a, u32>,
        #[allow(dead_code)]
        n: u32,
    }
    refused_saying(load::<Wrong<'static>>(&open(), ADD), "WritesInput", &["'y' is In", "readonly"]);
}

fn more_arguments_than_fit() {
    #[derive(KernelArgs)]
    struct Large<'a> {
        #[allow(dead_code)]
        to: InOut<'a, u32>,
        #[allow(dead_code)]
        values: [u32; 96],
    }
    let large = load::<Large<'static>>(&open(), include_bytes!("../kernels/large.spv"));
    refused_saying(large, "ArgumentsTooLarge", &["392 bytes", "struct in the heap"]);
}

/// Launches that are refused, in a scope with one that is not: the others leave no trace.
fn slices_that_are_too_short() {
    let svm = open();
    let (add, x, mut y) = (kernels::add(&svm), svm.vec([1, 2, 3]), svm.vec([0, 0, 0]));
    svm.scope(|s| {
        let mut y = s.lend(&mut y);
        let short = add.launch(4u32, Add { x: s.read(&x), y: y.update(), n: 4 });
        refused_saying(short, "ShortSlice", &["'x' has 3 elements", "needs 4"]);
        let short = add.launch(3u32, Add { x: s.read(&x[1..]), y: y.update(), n: u32::MAX });
        refused_saying(short, "ShortSlice", &["'x' has 2 elements"]);
        add.launch(3u32, Add { x: s.read(&x), y: y.update(), n: 3 })?;
        Ok(())
    })
    .expect("the refused launches are not the scope's");
    assert_eq!((&y[..], svm.stats().launches), (&[1, 2, 3][..], 1));
}

fn lengths_without_a_value() {
    #[derive(KernelArgs)]
    struct Divided<'a> {
        #[len(n / first)]
        to: Out<'a, u32>,
        n: u32,
        first: u32,
    }
    #[derive(KernelArgs)]
    struct Less<'a> {
        #[len(n - first)]
        to: Out<'a, u32>,
        n: u32,
        first: u32,
    }
    let svm = open();
    let mut v = svm.vec([7u32; 4]);
    let divided = load::<Divided<'static>>(&svm, FILL).expect("load");
    let less = load::<Less<'static>>(&svm, FILL).expect("load");
    svm.scope(|s| {
        let mut v = s.lend(&mut v);
        let result = divided.launch(1u32, Divided { to: v.write(), n: 4, first: 0 });
        refused_saying(result, "BadLength", &["'to'", "n / first", "divides by zero"]);
        let result = less.launch(1u32, Less { to: v.write(), n: 0, first: 1 });
        refused_saying(result, "BadLength", &["'to'", "n - first", "negative"]);
        Ok(())
    })
    .expect("scope");
    assert_eq!(v[..], [7; 4]);
}

#[derive(KernelArgs)]
struct Quads<'a> {
    #[len(n)]
    to: InOut<'a, [u32; 4]>,
    n: u32,
}

fn slices_that_are_misaligned() {
    let svm = open();
    let kernel = load::<Quads<'static>>(&svm, include_bytes!("../kernels/quads.spv")).expect("load");
    let mut v = svm.zeroed::<u32>(64);
    let aligned = v.as_ptr().align_offset(16);
    for off in [1, 2, 3, 0] {
        let (quads, _) = v[aligned + off..].as_chunks_mut::<4>();
        let result = svm.scope(|s| kernel.launch(1u32, Quads { to: s.update(&mut quads[..2]), n: 2 }).map(drop));
        match off {
            0 => result.expect("aligned"),
            _ => refused_saying(result, "Misaligned", &["'to'", "alignment of 16 bytes"]),
        }
    }
    assert_eq!(v[aligned..aligned + 9], [1, 2, 3, 4, 1, 2, 3, 4, 0]);
}

fn foreign_memory() {
    let svm = open();
    let (add, fill) = (kernels::add(&svm), kernels::fill(&svm));
    let (mut own, mut foreign, x) = (svm.vec([0; 3]), vec![0; 3], svm.vec([1, 2, 3]));
    let on_stack = [1, 2, 3];
    svm.scope(|s| {
        let mut own = s.lend(&mut own);
        let result = add.launch(3u32, Add { x: s.read(&on_stack), y: own.update(), n: 3 });
        refused_saying(result, "ForeignMemory", &["'x' (12 bytes", "svm.vec"]);
        let result = fill.launch(3u32, Fill { to: s.write(&mut foreign), n: 3, first: 1 });
        refused_saying(result, "ForeignMemory", &["'to'"]);
        add.launch(3u32, Add { x: s.read(&x), y: own.update(), n: 3 })?;
        Ok(())
    })
    .expect("scope");
    assert_eq!((&own[..], &foreign[..]), (&[1, 2, 3][..], &[0; 3][..]));
    let owned = fill.launch_owned(3u32, vec![0; 3], |s, v| Fill { to: s.write(v), n: 3, first: 0 });
    refused_saying(owned, "ForeignMemory", &["'to'"]);
}

fn scope_of_another_svm() {
    let (svm, other) = (open(), open());
    let add = kernels::add(&svm);
    let (x, mut y) = (svm.vec([1, 2, 3]), svm.vec([0; 3]));
    let result = other.scope(|s| add.launch(3u32, Add { x: s.read(&x), y: s.update(&mut y), n: 3 }).map(drop));
    refused_saying(result, "OtherScope", &["'x'", "another Svm"]);
    // No memory of the other is touched, and still its scope would wait for a point that is not its own.
    let result = other.scope(|s| add.launch(1u32, Add { x: s.read(&[]), y: s.update(&mut []), n: 0 }).map(drop));
    refused_saying(result, "OtherScope", &["'x'"]);
    svm.scope(|s| add.launch(3u32, Add { x: s.read(&x), y: s.update(&mut y), n: 3 }).map(drop)).expect("scope");
    assert_eq!(y[..], [1, 2, 3]);
}

fn memory_of_another_svm() {
    let (svm, other) = (open(), open());
    let add = kernels::add(&svm);
    let (x, mut own, mut others) = (svm.vec([1, 2, 3]), svm.vec([0; 3]), other.vec([0; 3]));
    let result = svm.scope(|s| add.launch(3u32, Add { x: s.read(&x), y: s.update(&mut others), n: 3 }).map(drop));
    refused_saying(result, "OtherSvm", &["'y'", "another Svm"]);
    svm.scope(|s| add.launch(3u32, Add { x: s.read(&x), y: s.update(&mut own), n: 3 }).map(drop)).expect("scope");
    assert_eq!((&own[..], &others[..]), (&[1, 2, 3][..], &[0; 3][..]));
    // Once it is gone its addresses are nobody's.
    assert!(svm.contains(x.as_ptr()) && !svm.contains(others.as_ptr()) && other.contains(others.as_ptr()));
}
