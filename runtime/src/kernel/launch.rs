//! Starting kernels and waiting for them.
//!
//! # Safety
//! [`Kernel::launch`] is safe because of three promises: the loader's, that the shader keeps to its slices, as declared,
//! for all arguments that pass the checks; the scope's, that they stay lent until the launch has ended; and the checks
//! here, that they are memory of this heap, aligned as the shader assumes, and long enough.
#![allow(unsafe_code)]

use super::{
    Grid, KernelArgs, SafeArgs, Scope,
    args::Used,
    encode::Encoder,
    loader::Kernel,
    owned::Running,
    scope::{self, Uses},
};
use crate::{
    Svm,
    error::{Error, Result},
    gpu::{
        Timer,
        plan::{Dispatch, Use},
    },
    heap::registry,
    hints::Region,
    os::threads,
    trace::Entry,
};
use std::{sync::Arc, time::Duration};

impl<A: KernelArgs> Kernel<A> {
    /// Starts the kernel after every earlier launch that it conflicts with on a lent slice; returns at once.
    ///
    /// # Errors
    /// `ShortSlice`, `BadLength`, `ForeignMemory`, `OtherSvm`, `Misaligned`, `EmptyGrid`, `GridTooLarge`; as Vulkan's.
    /// Nothing was started then.
    pub fn launch(&self, grid: impl Into<Grid>, args: A::With<'_>) -> Result<Launch>
    where
        A: SafeArgs,
    {
        self.submit(grid.into(), &args)
    }

    /// [`Kernel::launch`] for kernels that follow pointers stored in memory.
    ///
    /// # Errors
    /// As [`Kernel::launch`].
    ///
    /// # Safety
    /// Every pointer that the kernel follows stays inside `args`' slices and reach, with the access declared there.
    pub unsafe fn launch_reaching(&self, grid: impl Into<Grid>, args: A::With<'_>) -> Result<Launch> {
        self.submit(grid.into(), &args)
    }

    /// Starts the kernel on buffers that it owns until it ends: for `async`, for structs, for other threads.
    ///
    /// `args` lends parts of the buffers in a scope that lasts as long as the launch.
    ///
    /// ```no_run
    /// # use vksvm::*;
    /// # #[derive(KernelArgs)]
    /// # struct Double<'a> { #[len(n)] x: InOut<'a, f32>, n: u32 }
    /// # fn f(svm: &Svm, double: &Kernel<Double<'static>>) -> Result<()> {
    /// let x = svm.vec([1.0, 2.0, 3.0]);
    /// let running = double.launch_owned(3u32, x, |s, x| Double { x: s.update(x), n: 3 })?;
    /// // … other work …
    /// let x = running.wait()?;
    /// assert_eq!(x[..], [2.0, 4.0, 6.0]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Kernel::launch`]; the buffers are dropped then.
    pub fn launch_owned<B, F>(&self, grid: impl Into<Grid>, buffers: B, args: F) -> Result<Running<B>>
    where
        A: SafeArgs,
        B: Send + 'static,
        F: for<'s> FnOnce(&'s Scope<'s, 'static>, &'s mut B) -> A::With<'s>,
    {
        let mut running = Running::new(&self.svm, Box::new(buffers));
        let owner = running.owner().clone();
        let buffers = running.buffers();
        let started = scope::run(&self.svm, &owner, |s| {
            // SAFETY: `running` keeps the buffers in place, untouched, until all launches of `owner` have ended: on
            // success, on an error (it is dropped below) and on a panic (`run` waits).
            let buffers = unsafe { &mut *buffers };
            self.submit(grid.into(), &args(s, buffers))
        });
        started.map(|launch| {
            // Also where it uses nothing that was lent.
            running.owner().used(launch.point);
            running.timer = launch.timer;
            running
        })
    }

    fn submit(&self, grid: Grid, args: &A::With<'_>) -> Result<Launch> {
        let code = &*self.code;
        let name = &code.pipeline.name;
        let groups = grid.workgroups(code.local_size, self.svm.0.device.info.max_groups)?;
        let mut encoder = Encoder::new();
        A::encode(args, &mut encoder);
        let encoder = encoder.finish(name)?;
        let uses = encoder.uses();
        if let Some(used) = uses.iter().find(|used| !used.uses.owner().is_of(&self.svm.0.queue)) {
            return Err(Error::OtherScope { field: used.field });
        }
        for used in uses.iter().filter(|used| !used.span.is_empty()) {
            self.check(used)?;
        }
        let trace = &self.svm.0.trace;
        let _span = tracing::trace_span!("launch", kernel = name.as_str()).entered();
        let timer = match self.timed {
            true => self.svm.0.timers.take()?,
            // That the log lacks a time is no reason not to launch.
            false if trace.is_on() => self.svm.0.timers.take().unwrap_or_default(),
            false => None,
        };
        let mut dispatch = Dispatch {
            pipeline: code.pipeline.clone(),
            args: encoder.bytes().into(),
            timer: timer.clone(),
            owners: Default::default(),
            groups,
            uses: uses.iter().map(|used| Use { span: used.span, write: used.write }).collect(),
        };
        // vkCmdPushConstants takes multiples of four bytes.
        dispatch.args.resize(dispatch.args.len().next_multiple_of(4), 0);
        for used in uses {
            let owner = used.uses.owner();
            if !dispatch.owners.iter().any(|known| Arc::ptr_eq(known, owner)) {
                dispatch.owners.push(owner.clone());
            }
        }
        let after = || uses.iter().map(|used| used.uses.conflict(used.write)).max().unwrap_or(0);
        for (span, hint) in
            uses.iter().filter_map(|used| Some((used.span, used.hint?))).filter(|(span, _)| !span.is_empty())
        {
            self.svm.access_hint(Region::from(span), hint)?;
        }
        let residency = &self.svm.0.residency;
        let mut ready = Some(residency.ready(&dispatch.uses, code.number)?);
        // Before the submission, which the device may begin at once.
        let at = trace.now();
        let record = |point| {
            uses.iter().for_each(|used| Uses::record(used.uses, used.write, point));
            let kernel = code.traced;
            trace.note(|| Entry::Launched { point, kernel, thread: threads::current(), at });
            let spans = uses.iter().map(|used| Use { span: used.span, write: used.write });
            residency.issued(ready.take().flatten(), spans, point);
        };
        let issued = self.svm.0.queue.launch(dispatch, after, record);
        residency.withdrawn(ready.flatten());
        let point = issued?;
        Ok(Launch { svm: self.svm.clone(), point, timer: timer.filter(|_| self.timed) })
    }

    fn check(&self, used: &Used<'_>) -> Result<()> {
        let (field, span) = (used.field, used.span);
        if !self.svm.0.span().contains(span) {
            return Err(match registry::touches(span) {
                true => Error::OtherSvm { field },
                false => Error::ForeignMemory { field, address: span.start, bytes: span.len() },
            });
        }
        let align = used.argument.and_then(|index| self.code.alignments.get(index)).copied().unwrap_or(1);
        if !span.start.is_multiple_of(u64::from(align)) {
            return Err(Error::Misaligned { field, address: span.start, align });
        }
        Ok(())
    }
}

/// A launch that was issued. Dropping it neither waits nor cancels; clones are the same launch.
#[derive(Clone)]
pub struct Launch {
    svm: Svm,
    point: u64,
    timer: Option<Arc<Timer>>,
}

impl Launch {
    /// Waits until it has ended.
    ///
    /// # Errors
    /// `NotStarted` where it was never submitted; as Vulkan's.
    pub fn wait(&self) -> Result<()> {
        self.svm.0.queue.wait(self.point, None)
    }

    /// Waits until it has ended, at most for `limit`.
    ///
    /// # Errors
    /// As [`Launch::wait`]; `Timeout` where it still runs.
    pub fn wait_for(&self, limit: Duration) -> Result<()> {
        self.svm.0.queue.wait(self.point, Some(limit))
    }

    /// Whether it has ended, be it because it could not be submitted; [`Launch::wait`] tells.
    /// A lost device has ended every launch.
    pub fn is_done(&self) -> bool {
        self.svm.0.queue.has_ended(self.point)
    }

    /// The time that the device took for it, measured by the device. Waits until it has ended. `None` where it was
    /// not asked for ([`Kernel::timed`]) or the device has no timestamps.
    ///
    /// # Errors
    /// As [`Launch::wait`].
    pub fn gpu_time(&self) -> Result<Option<Duration>> {
        self.wait()?;
        self.timer.as_ref().map(|timer| timer.elapsed()).transpose()
    }
}

impl std::fmt::Debug for Launch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Launch(point {})", self.point)
    }
}
