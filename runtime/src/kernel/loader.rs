//! Loading kernels: everything that is checked once, so that a launch need not.
//!
//! # Safety
//! A module reaches the driver only after its structure, its interface and its needs were checked; that it keeps to its
//! arguments is what the caller of [`Loader::load`] vouches for.
#![allow(unsafe_code)]

use super::{GpuStruct, KernelArgs};
use crate::{
    Svm,
    error::{Error, Result},
    gpu::{Pipeline, PipelineSource},
};
use std::{borrow::Cow, marker::PhantomData, sync::Arc};

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
    spirv: Cow<'m, [u8]>,
    entry: String,
    constants: Vec<(u32, Vec<u8>)>,
}

impl Svm {
    /// Starts loading a SPIR-V module: any Vulkan compute module that gets its data through pointers in its
    /// push-constant block, from any compiler. `spirv` needs no alignment.
    pub fn module<'m>(&self, spirv: &'m [u8]) -> Loader<'m> {
        Loader { svm: self.clone(), spirv: Cow::Borrowed(spirv), entry: "main".into(), constants: vec![] }
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
    pub fn constant(self, id: u32, value: impl GpuStruct) -> Self {
        let _ = (id, value);
        self
    }

    /// Checks the module against `A` and the device, and compiles it.
    ///
    /// # Errors
    /// `InvalidSpirv`, `NoEntryPoint`, `MissingCapabilities`, `UnsupportedInterface`, `BadConstant`,
    /// `WorkgroupTooLarge`, `ArgumentMismatch`, `LayoutMismatch`, `WritesInput`, `ArgumentsTooLarge`; as Vulkan's.
    ///
    /// # Safety
    /// The module is valid SPIR-V. For every argument value that safe code can build and `A`'s `#[len]` checks accept, the
    /// shader touches only `A`'s slices, in bounds, as declared, without data races; with a `Reach` field also what
    /// that covers, provided that the launch keeps its own promise.
    pub unsafe fn load<A: KernelArgs>(self) -> Result<Kernel<A>> {
        let Loader { svm, spirv, entry, constants } = self;
        let device = &svm.0.device;
        let words: Vec<u32> = spirv.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
        let layout = A::layout();
        let bytes = layout.last().map_or(0, |arg| arg.offset + arg.size);
        if bytes > device.info.push_constants {
            let limit = device.info.push_constants;
            return Err(Error::ArgumentsTooLarge { kernel: entry, bytes, limit });
        }
        let module = rspirv::dr::load_words(&words).map_err(|e| Error::InvalidSpirv { reason: e.to_string() })?;
        let mut local_size = [1; 3];
        for mode in &module.execution_modes {
            if let [
                _,
                _,
                rspirv::dr::Operand::LiteralBit32(x),
                rspirv::dr::Operand::LiteralBit32(y),
                rspirv::dr::Operand::LiteralBit32(z),
            ] = mode.operands[..]
            {
                local_size = [x, y, z];
            }
        }
        let source = PipelineSource {
            words: &words,
            entry: &entry,
            push_constants: bytes.next_multiple_of(4) as u32,
            constants: &constants,
        };
        // SAFETY: the caller vouches for the module.
        let pipeline = unsafe { Pipeline::new(device, &source) }?;
        let code = Arc::new(Code { pipeline, local_size, alignments: vec![] });
        Ok(Kernel { svm, code, timed: false, args: PhantomData })
    }
}
