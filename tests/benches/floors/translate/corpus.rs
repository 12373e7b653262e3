//! Kernels of the lowering's corpus, on buffers of the bare layer: as they are, and lowered.
//!
//! Both sides have the same image at the same unified addresses. The floor's buffer lies at those; the other side's lies somewhere
//! else, and what the kernels write must come out the same. A corpus kernel works with 256 invocations, which is over before a
//! dispatch's own cost is: so when it is timed a dispatch does the same work many times over, in the second dimension, which the
//! kernels do not look at, and what as large a dispatch of the same kernel costs that finds nothing to do is taken off.
//!
//! # Safety
//! The corpus' modules stay inside the image, for any number of invocations up to 256, and when the same work is done more than
//! once at a time each writes the same there (or counts atomically). Each submission is waited for before the host looks at a
//! buffer or records again.
#![allow(unsafe_code)]

// The corpus' tests describe its image; what else they have there is not needed here.
#[allow(dead_code)]
#[path = "../../../device/lowering/case.rs"]
mod case;
#[allow(dead_code)]
#[path = "../../../device/lowering/image.rs"]
mod image;

use crate::measure::Rounds;
use anyhow::{Context, Result, ensure};
use case::HEAP;
use gpu_allocator::MemoryLocation;
use image::{GROUPS, INVOCATIONS};
use std::{fs, time::Duration};
use vksvm::{PAGE, Translation};
use vksvm_spirv::{Offset, Options, Table, lower};
use vksvm_tests::bare::{Buffer, Commands, Device, Kernel};

/// Modules of each kind: what is read and written and how, pointers kept where, lists, loops, atomics. Chosen by what they do, not by
/// what came out. Those with barriers are left out, since they have work to do even without data, and those that build what they
/// then follow: doing that twice at a time they would lead each other astray.
#[rustfmt::skip]
const MODULES: &[&str] = &[
    "scalars_8", "scalars_32", "scalars_64", "vectors_32", "unaligned_vec4", "vec3_arrays",
    "struct_whole", "struct_std430_whole", "struct_nested_arrays", "struct_unaligned",
    "matrices_column", "matrices_row", "matrix_elements", "runtime_arrays", "reinterpret",
    "pointer_arrays", "pointer_variables", "pointer_parameters", "list_walk",
    "loop_changing", "loop_alternating", "atomics_int32", "atomics_scoped",
];

/// How often a timed dispatch does a kernel's work.
const TIMES: u32 = 1000;

/// Pointers in the image: those of the root struct, and two at the start of each node.
const ROOTS: usize = 64;
const NODES: usize = 1024;
const NODE: usize = 64;
/// The root's pointer to the nodes.
const NODES_ROOT: usize = 16;

/// Measures each module.
pub fn session(rounds: &mut Rounds, translation: Translation) -> Result<()> {
    let device = Device::open_for_modules()?;
    for module in MODULES {
        compare(&device, module, rounds, translation).with_context(|| format!("corpus module {module}"))?;
    }
    Ok(())
}

fn compare(device: &Device, name: &str, rounds: &mut Rounds, translation: Translation) -> Result<()> {
    let path = format!("{}/../runtime/spirv/corpus/{name}.spv", env!("CARGO_MANIFEST_DIR"));
    let bytes = fs::read(&path).with_context(|| path)?;
    let words: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let image = image::image(1);
    let (mut here, mut there) = (Place::new(device, image.len())?, Place::new(device, image.len())?);
    let heap = here.start;
    let image = moved(image, heap);
    here.fill(&image);
    there.fill(&image);
    let pages = image.len() / PAGE;
    let mut table = Buffer::new::<u64>(device, MemoryLocation::CpuToGpu, pages + 1)?;
    // SAFETY: nothing was submitted yet.
    let entries = unsafe { table.host_mut::<u64>() };
    for (entry, page) in entries.iter_mut().zip(0u64..) {
        *entry = there.start + page * PAGE as u64;
    }
    let lowering = match translation {
        Translation::Offset => vksvm_spirv::Translation::Offset(Offset(there.start.wrapping_sub(heap))),
        _ => vksvm_spirv::Translation::Table(Table {
            base: heap,
            pages: pages as u64,
            page_shift: PAGE.trailing_zeros(),
            entries: table.address(),
        }),
    };
    let lowered = lower(&words, &Options::new(lowering))?.words;
    let mut ours = Side::new(device, &lowered, heap)?;
    let mut floor = Side::new(device, &words, heap)?;
    ours.run(INVOCATIONS, 1)?;
    floor.run(INVOCATIONS, 1)?;
    ensure!(here.bytes() == there.bytes(), "the lowered module left other bytes");
    rounds.interleave_part(name, || ours.time(), || floor.time())
}

/// The image for a heap that starts elsewhere.
fn moved(mut image: Vec<u8>, heap: u64) -> Vec<u8> {
    let nodes = u64_at(&image, 8 * NODES_ROOT) - HEAP;
    let roots = (0..ROOTS).map(|i| 8 * i);
    let in_nodes = (0..NODES).flat_map(|i| [0, 8].map(|at| nodes as usize + NODE * i + at));
    for at in roots.chain(in_nodes) {
        let pointer = u64_at(&image, at);
        if pointer != 0 {
            image[at..at + 8].copy_from_slice(&(pointer - HEAP + heap).to_le_bytes());
        }
    }
    image
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Room for an image in a buffer, at a multiple of the page size.
struct Place<'d> {
    buffer: Buffer<'d>,
    /// The image's device address.
    start: u64,
    len: usize,
}

impl<'d> Place<'d> {
    fn new(device: &'d Device, len: usize) -> Result<Self> {
        let buffer = Buffer::new::<u8>(device, MemoryLocation::CpuToGpu, len + PAGE)?;
        let start = buffer.address().next_multiple_of(PAGE as u64);
        Ok(Place { buffer, start, len })
    }

    fn skip(&self) -> usize {
        (self.start - self.buffer.address()) as usize
    }

    fn fill(&mut self, image: &[u8]) {
        let skip = self.skip();
        // SAFETY: called before anything is submitted.
        let bytes = unsafe { self.buffer.host_mut::<u8>() };
        bytes[skip..][..self.len].copy_from_slice(image);
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: every submission was waited for.
        let bytes = unsafe { self.buffer.host::<u8>() };
        &bytes[self.skip()..][..self.len]
    }
}

/// A module, and how it is launched.
struct Side<'d> {
    device: &'d Device,
    kernel: Kernel<'d>,
    commands: Commands<'d>,
    heap: u64,
}

impl<'d> Side<'d> {
    fn new(device: &'d Device, words: &[u32], heap: u64) -> Result<Self> {
        // SAFETY: the corpus' modules are valid, and lowering keeps them so.
        let kernel = unsafe { Kernel::from_words(device, words, 16) }?;
        Ok(Side { device, kernel, commands: Commands::new(device)?, heap })
    }

    /// What the work takes, so many times.
    fn time(&mut self) -> Result<Duration> {
        let idle = self.run(0, TIMES)?;
        let busy = self.run(INVOCATIONS, TIMES)?;
        // Less than nothing is noise; were it the median, there would be no ratio, which is within no bound.
        Ok(busy.saturating_sub(idle))
    }

    fn run(&mut self, invocations: u32, times: u32) -> Result<Duration> {
        // The root struct's address, the invocations, a seed.
        let arguments = [&self.heap.to_le_bytes()[..], &invocations.to_le_bytes(), &1u32.to_le_bytes()].concat();
        let kernel = &self.kernel;
        let record = |commands: &vksvm_tests::bare::Recording<'_>| {
            commands.bind(kernel);
            commands.start_clock();
            let [x, ..] = GROUPS;
            // SAFETY: bound, the block has 16 bytes, and the corpus' modules stay inside the image.
            unsafe { commands.dispatch_bytes(kernel, &arguments, [x, times, 1]) };
            commands.shaders_then_host();
            commands.stop_clock();
        };
        // SAFETY: the last submission was waited for, below.
        unsafe { self.commands.record(record) }?;
        let point = self.device.submit(&self.commands)?;
        self.device.wait(point)?;
        self.commands.elapsed()
    }
}
