//! Loading kernels: everything that is checked once, so that a launch need not.
//!
//! # Safety
//! A module reaches the driver only after its structure, its interface and its needs were checked; that it keeps to its
//! arguments is what the caller of [`Loader::load`] vouches for.
#![allow(unsafe_code)]

use super::{
    GpuStruct, KernelArgs,
    check::check,
    encode::CAPACITY,
    reflect::{Override, Reflection},
};
use crate::{
    Svm,
    error::{Error, Result},
    gpu::{Device, Pipeline, PipelineSource},
};
use rspirv::spirv::{Capability, Op};
use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    marker::PhantomData,
    sync::Arc,
};

/// A kernel that is ready to be launched with arguments `A`. Clones share it; `Send` and `Sync`; keep it in a struct
/// as `Kernel<Saxpy<'static>>`.
pub struct Kernel<A: KernelArgs> {
    pub(super) svm: Svm,
    pub(super) code: Arc<Code>,
    pub(super) timed: bool,
    args: PhantomData<fn(A)>,
}

/// What the clones of a kernel share.
pub(super) struct Code {
    pub pipeline: Arc<Pipeline>,
    pub local_size: [u32; 3],
    /// What each argument's address must be a multiple of, in bytes.
    pub alignments: Vec<u32>,
    /// What the log calls it.
    pub traced: u32,
    /// Of what it was made from: the same in every run of a program, so that launches can be told by it.
    pub number: u64,
}

impl<A: KernelArgs> Clone for Kernel<A> {
    fn clone(&self) -> Self {
        Kernel { svm: self.svm.clone(), code: self.code.clone(), timed: self.timed, args: PhantomData }
    }
}

impl<A: KernelArgs> Kernel<A> {
    /// The same kernel, whose launches measure the device's time for [`Launch::gpu_time`](crate::Launch::gpu_time).
    pub fn timed(&self) -> Self {
        Kernel { timed: true, ..self.clone() }
    }

    /// Invocations in a workgroup, in each dimension.
    pub fn local_size(&self) -> [u32; 3] {
        self.code.local_size
    }

    /// The entry point's name.
    pub fn name(&self) -> &str {
        &self.code.pipeline.name
    }

    /// The `Svm` that it was loaded for.
    pub fn svm(&self) -> &Svm {
        &self.svm
    }
}

impl<A: KernelArgs> std::fmt::Debug for Kernel<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kernel('{}', workgroup {:?})", self.name(), self.local_size())
    }
}

/// A module on its way to becoming a kernel; see [`Svm::module`].
#[must_use = "nothing is loaded before `load`"]
pub struct Loader<'m> {
    svm: Svm,
    spirv: &'m [u8],
    entry: String,
    constants: BTreeMap<u32, Override>,
}

impl Svm {
    /// Starts loading a SPIR-V module: any Vulkan compute module that gets its data through pointers in its
    /// push-constant block, from any compiler. `spirv` needs no alignment.
    pub fn module<'m>(&self, spirv: &'m [u8]) -> Loader<'m> {
        Loader { svm: self.clone(), spirv, entry: DEFAULT_ENTRY.into(), constants: BTreeMap::new() }
    }
}

impl Loader<'_> {
    /// The entry point. Default `main`.
    pub fn entry(mut self, name: &str) -> Self {
        self.entry = name.into();
        self
    }

    /// Sets a specialization constant; of several settings of one constant the last counts. A `bool` in the shader
    /// takes a `u32`, zero for false.
    pub fn constant(mut self, id: u32, value: impl GpuStruct) -> Self {
        self.constants.insert(id, Override::of(value));
        self
    }

    /// Checks the module against `A` and the device, and compiles it.
    ///
    /// # Errors
    /// `InvalidSpirv`, `NoEntryPoint`, `MissingCapabilities`, `UnsupportedInterface`, `BadConstant`,
    /// `WorkgroupTooLarge`, `ArgumentMismatch`, `LayoutMismatch`, `WritesInput`, `ArgumentsTooLarge`; `NotLowerable` and
    /// `AlreadyLowered` where addresses are translated; as Vulkan's.
    ///
    /// # Safety
    /// The module is valid SPIR-V. For every grid, and every argument value that safe code can build and `A`'s `#[len]` checks accept, the
    /// shader touches only `A`'s slices, in bounds, as declared, without data races; with a `Reach` field also what
    /// that covers, provided that the launch keeps its own promise.
    pub unsafe fn load<A: KernelArgs>(self) -> Result<Kernel<A>> {
        let Loader { svm, spirv, entry, constants } = self;
        let mut number = DefaultHasher::new();
        (spirv, &entry).hash(&mut number);
        let device = &svm.0.device;
        let mut words = words(spirv)?;
        let layout = A::layout();
        let mut module = Reflection::new(&words, &entry, &constants)?;
        // No descriptor is left after reflection, so nothing needs what this capability allows.
        drop_capability(&mut words, NEEDLESS);
        module.capabilities.retain(|capability| *capability != NEEDLESS);
        require(device, &entry, &module, words[VERSION_WORD])?;
        let facts = check(&entry, &module, &layout)?;
        let bytes = layout.last().map_or(0, |arg| arg.offset + arg.size);
        let limit = device.info.push_constants.min(CAPACITY);
        if bytes > limit {
            return Err(Error::ArgumentsTooLarge { kernel: entry, bytes, limit });
        }
        let local_size = module.local_size;
        let constants: Vec<_> = constants.into_iter().map(|(id, value)| (id, value.bytes)).collect();
        constants.hash(&mut number);
        let lowered;
        let words: &[u32] = match &svm.0.lowering {
            Some(lowering) => {
                lowered = lowering.lower(words).map_err(|error| not_lowered(&entry, error))?;
                require_more(device, &entry, &lowered)?;
                &lowered.words
            }
            None => &words,
        };
        let source = PipelineSource {
            words,
            entry: &entry,
            push_constants: bytes.next_multiple_of(4) as u32,
            constants: &constants,
        };
        // SAFETY: structure, interface and needs were checked above, lowering keeps a valid module valid, and the caller
        // vouches for the rest.
        let pipeline = unsafe { Pipeline::new(device, &source) }?;
        let alignments = facts.iter().map(|fact| fact.alignment).collect();
        let traced = svm.0.trace.kernel(&traced_name::<A>(&entry));
        let code = Arc::new(Code { pipeline, local_size, alignments, number: number.finish(), traced });
        Ok(Kernel { svm, code, timed: false, args: PhantomData })
    }
}

/// What a kernel is called in traces: by its entry point, unless that is `main`, which nearly all of them are; by its arguments' type then.
fn traced_name<A>(entry: &str) -> String {
    if entry != DEFAULT_ENTRY {
        return entry.into();
    }
    let path = std::any::type_name::<A>();
    let path = path.split('<').next().unwrap_or(path);
    path.rsplit("::").next().unwrap_or(path).into()
}

/// The entry point that GLSL has.
const DEFAULT_ENTRY: &str = "main";

/// Where a module's header has the SPIR-V version.
const VERSION_WORD: usize = 1;

/// The module's words in this machine's byte order.
fn words(bytes: &[u8]) -> Result<Vec<u32>> {
    let (words, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() || words.len() < HEADER_WORDS {
        let reason = format!("{} bytes: a module is a 20-byte header and whole 4-byte words", bytes.len());
        return Err(Error::InvalidSpirv { reason });
    }
    let words = words.iter().map(|word| u32::from_ne_bytes(*word));
    Ok(match words.clone().next() == Some(rspirv::spirv::MAGIC_NUMBER.swap_bytes()) {
        true => words.map(u32::swap_bytes).collect(),
        false => words.collect(),
    })
}

/// Words in a module's header.
const HEADER_WORDS: usize = 5;

/// What glslang declares, by mistake, for some buffers that end in an array of references. It is about arrays of
/// descriptors, and devices lack it (lavapipe before Mesa 23).
const NEEDLESS: Capability = Capability::RuntimeDescriptorArray;

/// Takes a capability's declaration out of a module whose instructions' lengths were checked.
fn drop_capability(words: &mut Vec<u32>, capability: Capability) {
    let mut at = HEADER_WORDS;
    while let Some(first) = words.get(at).copied() {
        let (op, len) = (first & 0xffff, (first >> 16) as usize);
        // Declarations of capabilities come first in every module.
        if op != Op::Capability as u32 || len == 0 {
            return;
        }
        if words.get(at + 1) == Some(&(capability as u32)) {
            words.drain(at..at + len);
        } else {
            at += len;
        }
    }
}

/// Checks what a lowered module needs more than the module as it came did; what was checked on that stays true, since its
/// interface is left alone.
fn require_more(device: &Device, kernel: &str, lowered: &vksvm_spirv::Lowered) -> Result<()> {
    let more = lowered.facts.capabilities_added.iter();
    let missing: Vec<_> = more.filter(|c| !device.allows(**c)).map(|c| format!("capability {c:?}")).collect();
    if !missing.is_empty() {
        return Err(Error::MissingCapabilities { kernel: kernel.into(), device: device.info.name.clone(), missing });
    }
    tracing::debug!("lowered kernel '{kernel}': {:?}", lowered.facts.dereferences);
    Ok(())
}

/// Why a kernel cannot be lowered, in this library's terms.
fn not_lowered(kernel: &str, error: vksvm_spirv::Error) -> Error {
    use vksvm_spirv::Error as Cause;
    let kernel = kernel.to_owned();
    match error {
        Cause::Unsupported { instruction, function, reason } => {
            Error::NotLowerable { kernel, instruction, function, reason }
        }
        Cause::AlreadyLowered { how } => Error::AlreadyLowered { kernel, how },
        other => Error::InvalidSpirv { reason: format!("kernel '{kernel}': {other}") },
    }
}

/// Refuses what the device cannot run.
fn require(device: &Device, kernel: &str, module: &Reflection, version: u32) -> Result<()> {
    let mut missing: Vec<_> =
        module.capabilities.iter().filter(|c| !device.allows(**c)).map(|c| format!("capability {c:?}")).collect();
    if module.local_size_id && !device.local_size_id() {
        missing.push("execution mode LocalSizeId (feature maintenance4)".into());
    }
    if version > device.spirv_version() {
        missing.push(format!("SPIR-V {}.{}", version >> 16 & 0xff, version >> 8 & 0xff));
    }
    if !missing.is_empty() {
        let device = device.info.name.clone();
        return Err(Error::MissingCapabilities { kernel: kernel.into(), device, missing });
    }
    let (size, info) = (module.local_size, &device.info);
    let invocations = size.iter().map(|n| u64::from(*n)).product::<u64>();
    let shared = module.shared_bytes.unwrap_or(0);
    let limit = if size.contains(&0) {
        "at least 1 in every dimension".into()
    } else if (0..3).any(|i| size[i] > info.max_local[i]) {
        format!("{:?} in each dimension", info.max_local)
    } else if invocations > u64::from(info.max_invocations) {
        format!("{} invocations", info.max_invocations)
    } else if shared > u64::from(info.max_shared) {
        format!("{} bytes of shared memory, it has {shared}", info.max_shared)
    } else {
        return Ok(());
    };
    Err(Error::WorkgroupTooLarge { kernel: kernel.into(), size, limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_is_dropped_from_the_declarations_only() {
        let declare = |c: Capability| [2 << 16 | Op::Capability as u32, c as u32];
        let header = [rspirv::spirv::MAGIC_NUMBER, 0x10500, 0, 1, 0];
        let rest = [3 << 16 | Op::MemoryModel as u32, 5348, 1];
        let with = [declare(Capability::Shader), declare(NEEDLESS), declare(Capability::Int64)].concat();
        let without = [declare(Capability::Shader), declare(Capability::Int64)].concat();
        let mut words = [&header[..], &with, &rest].concat();
        drop_capability(&mut words, NEEDLESS);
        assert_eq!(words, [&header[..], &without, &rest].concat());
        drop_capability(&mut words, NEEDLESS);
        assert_eq!(words.len(), header.len() + without.len() + rest.len());
    }
}
