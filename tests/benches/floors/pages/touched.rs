//! Words that a launch owns: it is declared to write all of them and adds one to the first.
//!
//! # Safety
//! The kernel's source is next to this crate's tests; what it touches is said where it is loaded. The bare side waits for each
//! submission before it looks at a buffer, records again or drops anything.
#![allow(unsafe_code)]

use crate::launches::{BareIncrementArguments, INCREMENT, Increment};
use anyhow::Result;
use gpu_allocator::MemoryLocation;
use vksvm::{Kernel, Svm, SvmVec};
use vksvm_tests::bare;

/// vksvm's side.
pub struct Touched {
    svm: Svm,
    kernel: Kernel<Increment<'static>>,
    /// Word i was i before the first launch.
    pub words: SvmVec<u32>,
    /// Launches so far, hence what the first word is.
    pub launched: u32,
}

/// The floor's side.
pub struct BareTouched<'d> {
    device: &'d bare::Device,
    kernel: bare::Kernel<'d>,
    commands: bare::Commands<'d>,
    buffer: bare::Buffer<'d>,
    /// Launches so far, hence what the first word is.
    pub launched: u32,
}

impl Touched {
    /// `bytes` of words in the heap.
    pub fn new(svm: &Svm, bytes: usize) -> Result<Self> {
        // SAFETY: the shader updates y[i] for i < n, each by one invocation.
        let kernel = unsafe { svm.module(INCREMENT).load::<Increment>()? };
        let words = svm.try_vec((0..bytes / 4).map(|i| i as u32))?;
        Ok(Touched { svm: svm.clone(), kernel, words, launched: 0 })
    }

    /// Has a launch write the words, and waits for it.
    pub fn launch(&mut self) -> Result<()> {
        let Touched { svm, kernel, words, launched } = self;
        svm.scope(|s| kernel.launch(1u32, Increment { y: s.update(words), n: 1 })?.wait())?;
        *launched += 1;
        Ok(())
    }
}

impl<'d> BareTouched<'d> {
    /// `bytes` of words in device memory that is mapped.
    pub fn new(device: &'d bare::Device, bytes: usize) -> Result<Self> {
        // SAFETY: a module of this crate, checked with spirv-val.
        let kernel = unsafe { bare::Kernel::new(device, INCREMENT, size_of::<BareIncrementArguments>())? };
        let mut buffer = bare::Buffer::new::<u32>(device, MemoryLocation::CpuToGpu, bytes / 4)?;
        // SAFETY: nothing was submitted yet.
        let words = unsafe { buffer.host_mut::<u32>() };
        words.iter_mut().enumerate().for_each(|(i, word)| *word = i as u32);
        Ok(BareTouched { device, kernel, commands: bare::Commands::new(device)?, buffer, launched: 0 })
    }

    /// Has a launch write the words, and waits for it.
    pub fn launch(&mut self) -> Result<()> {
        let arguments = BareIncrementArguments::new(&self.buffer, 1);
        let kernel = &self.kernel;
        let record = |c: &bare::Recording<'_>| {
            c.bind(kernel);
            // SAFETY: bound just above; the shader updates the buffer's first word, which lives in `self`.
            unsafe { c.dispatch(kernel, &arguments, 1) };
            c.shaders_then_host();
        };
        // SAFETY: the launch before was waited for.
        unsafe { self.commands.record(record)? };
        self.device.wait(self.device.submit(&self.commands)?)?;
        self.launched += 1;
        Ok(())
    }

    /// The words, as the host sees device memory.
    pub fn words(&self) -> &[u32] {
        // SAFETY: every launch was waited for.
        unsafe { self.buffer.host() }
    }

    /// The words, for the host to write.
    pub fn words_mut(&mut self) -> &mut [u32] {
        // SAFETY: every launch was waited for.
        unsafe { self.buffer.host_mut() }
    }
}
