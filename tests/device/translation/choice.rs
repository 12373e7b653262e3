//! Which translation comes of what is asked for and what the device does, and what is refused.
//!
//! # Safety
//! Every kernel that is loaded here is refused.
#![allow(unsafe_code)]

use super::{HEAP, WAYS};
use crate::{
    child::{play, said},
    harness::{Ignored, needs_cpu_device, tests},
    kernels::{self, Add},
    variants::refused_saying,
};
use vksvm::{GpuStruct, In, KernelArgs, Out, Placement, Svm, Translation};

tests![
    what_is_asked_for_and_what_comes_of_it,
    the_environment_asks_too,
    what_cannot_be_had_is_refused,
    a_kernel_that_cannot_be_lowered,
    a_kernel_that_was_lowered_before,
];

const ADD: &[u8] = include_bytes!("../../kernels/add.spv");

fn what_is_asked_for_and_what_comes_of_it() -> Result<(), Ignored> {
    needs_cpu_device()?;
    for way in &WAYS {
        let svm = way.open();
        let c = svm.capabilities();
        assert_eq!(c.translation, way.becomes, "{}", way.name);
        let reason = format!("translation {}: ", way.becomes.name());
        let told = c.reasons.iter().find(|told| told.starts_with(&reason));
        let told = told.unwrap_or_else(|| panic!("{}: {:?}", way.name, c.reasons));
        assert_eq!(told.contains("asked for"), way.asked != Translation::Auto, "{told}");
        // An offset is known when the first kernel is loaded; else segments wait until they are used.
        let stats = svm.stats();
        let imported = if way.becomes == Translation::Offset { stats.segments } else { 0 };
        assert_eq!(stats.imported_segments, imported, "{}", way.name);
    }
    Ok(())
}

fn the_environment_asks_too() -> Result<(), Ignored> {
    needs_cpu_device()?;
    for name in ["identity", "offset", "table"] {
        let text = said(&play("open", &[("VKSVM_TRANSLATION", name)]));
        assert!(text.contains("opened") && text.contains(&format!("translation {name}")), "{name}: {text}");
    }
    let text = said(&play("open", &[("VKSVM_TRANSLATION", "sideways")]));
    assert!(text.contains("BadOption") && text.contains("'sideways'") && text.contains("table"), "{text}");
    Ok(())
}

fn what_cannot_be_had_is_refused() -> Result<(), Ignored> {
    needs_cpu_device()?;
    let small = || Svm::builder().placement(Placement::Unified).heap_size(HEAP).segment_size(2 << 20);
    let identity = small().translation(Translation::Identity);
    identity.clone().open().expect("addresses equal the host's");
    for in_turns in [false, true] {
        let result = identity.clone().addresses_differ(in_turns).open();
        refused_saying(result, "TranslationUnavailable", &["translation identity", "differ", "table"]);
    }
    // The first segment's offset is zero, the second's is not.
    let offset = small().translation(Translation::Offset).addresses_differ(true).open();
    refused_saying(
        offset,
        "TranslationUnavailable",
        &["translation offset", "the segment of the heap at", "use table"],
    );
    // 2 GiB of entries, and the device allocates no more than that at once.
    let table = Svm::builder().placement(Placement::Unified).heap_size(16 << 40).translation(Translation::Table).open();
    refused_saying(table, "TranslationUnavailable", &["translation table", "smaller heap"]);
    Ok(())
}

/// A page's worth of numbers, which the kernel moves in one load and one store.
#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
struct Page {
    at: [u32; 16384],
}

#[derive(KernelArgs)]
struct Whole<'a> {
    #[len(1)]
    from: In<'a, Page>,
    #[len(1)]
    to: Out<'a, Page>,
}

fn a_kernel_that_cannot_be_lowered() -> Result<(), Ignored> {
    needs_cpu_device()?;
    const WHOLE: &[u8] = include_bytes!("../../kernels/whole.spv");
    // Where nothing is lowered a compiler would be at it for half a minute.
    for way in WAYS.iter().filter(|way| way.becomes != Translation::Identity) {
        let svm = way.open();
        // SAFETY: not launched.
        let result = unsafe { svm.module(WHOLE).load::<Whole<'static>>() };
        refused_saying(result, "NotLowerable", &["'main'", "OpLoad", "in function", "16384 numbers"]);
        // The next one is not concerned.
        kernels::add(&svm);
    }
    Ok(())
}

fn a_kernel_that_was_lowered_before() -> Result<(), Ignored> {
    needs_cpu_device()?;
    let words: Vec<u32> = ADD.as_chunks::<4>().0.iter().map(|word| u32::from_ne_bytes(*word)).collect();
    let offset = vksvm_spirv::Translation::Offset(vksvm_spirv::Offset(1 << 20));
    let lowered = vksvm_spirv::lower(&words, &vksvm_spirv::Options::new(offset)).expect("lowering").words;
    let bytes: Vec<u8> = lowered.iter().flat_map(|word| word.to_ne_bytes()).collect();
    for way in WAYS.iter().filter(|way| way.becomes != Translation::Identity) {
        // SAFETY: refused.
        let result = unsafe { way.open().module(&bytes).load::<Add<'static>>() };
        refused_saying(result, "AlreadyLowered", &["'main'", "offset", "compiler's own output"]);
    }
    Ok(())
}
