//! Lending memory to launches: the only way to make `In`, `Out` and `InOut`.
//!
//! # Safety
//! A scope hands out pointers for slices that it borrows for `'scope`, and does not return, on a panic either, before
//! every launch that used them has ended. A [`Lent`] hands its slice back to the host only after the launches that
//! conflict have ended, and borrows of it keep new ones from starting meanwhile.
#![allow(unsafe_code)]

use super::{In, InOut, Out};
use crate::{
    Svm,
    addr::Span,
    error::{Error, Result},
    gpu::plan::Owner,
};
use std::{
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

/// Who uses a lent slice: the scope, and for a [`Lent`] the last launches that read and wrote it.
#[derive(Debug)]
pub struct Uses<'s> {
    owner: &'s Arc<Owner>,
    /// `None`: lent once for the whole scope, so that no two launches can conflict.
    hazard: Option<Hazard>,
}

#[derive(Debug, Default)]
struct Hazard {
    read: AtomicU64,
    write: AtomicU64,
}

impl<'s> Uses<'s> {
    /// For slices that are lent once.
    pub(crate) fn once(owner: &'s Arc<Owner>) -> Self {
        Uses { owner, hazard: None }
    }

    /// The last launch that one which reads or writes the slice must come after; 0 for none.
    pub(crate) fn conflict(&self, write: bool) -> u64 {
        match &self.hazard {
            None => 0,
            Some(h) if write => h.read.load(SeqCst).max(h.write.load(SeqCst)),
            Some(h) => h.write.load(SeqCst),
        }
    }

    pub(crate) fn record(&self, write: bool, point: u64) {
        self.owner.used(point);
        if let Some(h) = &self.hazard {
            if write { &h.write } else { &h.read }.fetch_max(point, SeqCst);
        }
    }

    pub(crate) fn owner(&self) -> &Arc<Owner> {
        self.owner
    }
}

/// Lends memory to launches; see [`Svm::scope`].
pub struct Scope<'scope, 'env: 'scope> {
    svm: &'scope Svm,
    owner: &'scope Arc<Owner>,
    once: &'scope Uses<'scope>,
    // Invariant in both, like std::thread::Scope: a shorter 'scope would let borrows end too early.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl Svm {
    /// Runs `f`, which lends slices to launches. Returns when `f` has returned and every launch that uses what the
    /// scope lent has ended, also where `f` panics or fails.
    ///
    /// ```no_run
    /// # use vksvm::*;
    /// # #[derive(KernelArgs)]
    /// # struct Double<'a> { #[len(n)] x: InOut<'a, f32>, n: u32 }
    /// # fn f(svm: &Svm, double: &Kernel<Double<'static>>) -> Result<()> {
    /// let mut x = svm.vec([1.0, 2.0, 3.0]);
    /// svm.scope(|s| double.launch(3u32, Double { x: s.update(&mut x), n: 3 }))?;
    /// assert_eq!(x[..], [2.0, 4.0, 6.0]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What `f` returns, else why a launch could not start or be waited for.
    ///
    /// # Panics
    /// If `f` does.
    pub fn scope<'env, R, F>(&self, f: F) -> Result<R>
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> Result<R>,
    {
        self.try_scope(f)
    }

    /// [`Svm::scope`] for closures with an error type of their own.
    ///
    /// # Errors
    /// What `f` returns, else why a launch could not start or be waited for.
    ///
    /// # Panics
    /// If `f` does.
    pub fn try_scope<'env, R, E, F>(&self, f: F) -> Result<R, E>
    where
        E: From<Error>,
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> Result<R, E>,
    {
        let owner = Owner::of(&self.0.queue);
        let result = run(self, &owner, f);
        let waited = self.0.queue.settle(owner.last());
        let result = result?;
        waited.map_err(E::from)?;
        owner.failed()?;
        Ok(result)
    }
}

/// Runs `f` in a scope of `owner`. The caller waits for the owner's last point; where `f` panics this does.
pub(super) fn run<'env, R, F>(svm: &Svm, owner: &Arc<Owner>, f: F) -> R
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
{
    let once = Uses::once(owner);
    let scope = Scope { svm, owner, once: &once, scope: PhantomData, env: PhantomData };
    catch_unwind(AssertUnwindSafe(|| f(&scope))).unwrap_or_else(|panic| {
        if let Err(error) = svm.0.queue.settle(owner.last()) {
            tracing::warn!("waiting for the launches of a scope that panicked: {error}");
        }
        resume_unwind(panic)
    })
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// Lends a slice for reading until the scope ends. The program may read it meanwhile; launches may share it.
    pub fn read<T>(&'scope self, slice: &'scope [T]) -> In<'scope, T> {
        // SAFETY: borrowed for 'scope, which ends after the launches that `once` records.
        unsafe { In::lent(slice.as_ptr(), slice.len(), self.once) }
    }

    /// Lends a slice to one launch, which writes it, until the scope ends.
    pub fn write<T>(&'scope self, slice: &'scope mut [T]) -> Out<'scope, T> {
        // SAFETY: as in `read`, exclusively.
        unsafe { Out::lent(slice.as_mut_ptr(), slice.len(), self.once) }
    }

    /// Lends a slice to one launch, which reads and writes it, until the scope ends.
    pub fn update<T>(&'scope self, slice: &'scope mut [T]) -> InOut<'scope, T> {
        // SAFETY: as in `read`, exclusively.
        unsafe { InOut::lent(slice.as_mut_ptr(), slice.len(), self.once) }
    }

    /// Lends a slice to many launches, with host access in between, until the scope ends.
    pub fn lend<T>(&'scope self, slice: &'scope mut [T]) -> Lent<'scope, T> {
        Lent {
            ptr: slice.as_mut_ptr(),
            len: slice.len(),
            svm: self.svm,
            uses: Uses { owner: self.owner, hazard: Some(Hazard::default()) },
            borrow: PhantomData,
        }
    }

    /// The `Svm` that the scope belongs to.
    pub fn svm(&self) -> &'scope Svm {
        self.svm
    }
}

impl std::fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scope(last point {})", self.owner.last())
    }
}

/// A slice that a scope has lent to launches until it ends.
///
/// Launches that share it, one of them writing, run in issue order by themselves. [`Lent::host`] and
/// [`Lent::host_mut`] give it back for a while, after the launches on this slice that conflict.
pub struct Lent<'scope, T> {
    ptr: *mut T,
    len: usize,
    svm: &'scope Svm,
    uses: Uses<'scope>,
    borrow: PhantomData<&'scope mut [T]>,
}

// SAFETY: it stands for `&'scope mut [T]`, and what goes with it is Send.
unsafe impl<T: Send> Send for Lent<'_, T> {}
// SAFETY: through a shared reference it gives out `&[T]` and the right to have T read.
unsafe impl<T: Sync> Sync for Lent<'_, T> {}

impl<T> Lent<'_, T> {
    /// For a launch that reads the slice.
    pub fn read(&self) -> In<'_, T> {
        // SAFETY: the slice is borrowed for longer than `self`; `uses` leads to the scope, which waits.
        unsafe { In::lent(self.ptr, self.len, &self.uses) }
    }

    /// For a launch that writes the slice.
    pub fn write(&mut self) -> Out<'_, T> {
        // SAFETY: as in `read`, exclusively.
        unsafe { Out::lent(self.ptr, self.len, &self.uses) }
    }

    /// For a launch that reads and writes the slice.
    pub fn update(&mut self) -> InOut<'_, T> {
        // SAFETY: as in `read`, exclusively.
        unsafe { InOut::lent(self.ptr, self.len, &self.uses) }
    }

    /// The slice, after the launches that write it, and only those.
    ///
    /// # Errors
    /// `NotStarted` where a launch of this scope could not be submitted; as Vulkan's.
    pub fn host(&self) -> Result<&[T]> {
        self.wait(false)?;
        // SAFETY: borrowed for longer than `self`; no launch writes it, and a new one needs `&mut self`.
        Ok(unsafe { std::slice::from_raw_parts(self.ptr, self.len) })
    }

    /// The slice for changing it, after the launches that use it, and only those.
    ///
    /// # Errors
    /// `NotStarted` where a launch of this scope could not be submitted; as Vulkan's.
    pub fn host_mut(&mut self) -> Result<&mut [T]> {
        self.wait(true)?;
        // SAFETY: borrowed for longer than `self`; no launch uses it, and a new one needs `self`.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.ptr, self.len) })
    }

    /// The unified addresses of its elements.
    pub(crate) fn span(&self) -> Span {
        Span::of(std::ptr::slice_from_raw_parts(self.ptr, self.len))
    }

    /// Whose heap it is in.
    pub(crate) fn svm(&self) -> &Svm {
        self.svm
    }

    /// Elements in the slice.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn wait(&self, write: bool) -> Result<()> {
        self.svm.0.queue.wait(self.uses.conflict(write), None)?;
        // An earlier launch than the last one may be what never started.
        self.uses.owner.failed()
    }
}

impl<T> std::fmt::Debug for Lent<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lent({} elements at {:p})", self.len, self.ptr)
    }
}
