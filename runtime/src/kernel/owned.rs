//! Launches that own their buffers.

use crate::{
    Svm,
    error::Result,
    gpu::{Timer, plan::Owner},
    os::exit::before_exit,
};
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// A launch that owns its buffers. Wait for it or `.await` it to get them back. Dropping it never blocks: the buffers
/// are freed when the launch has ended.
#[must_use = "wait for it to get the buffers back"]
pub struct Running<B: Send + 'static> {
    svm: Svm,
    owner: Arc<Owner>,
    /// Boxed, so that they stay where the launch was told they are. `None` once given back.
    buffers: Option<Box<B>>,
    pub(super) timer: Option<Arc<Timer>>,
    waker: Option<Arc<Mutex<Waker>>>,
}

impl<B: Send + 'static> Running<B> {
    pub(super) fn new(svm: &Svm, buffers: Box<B>) -> Self {
        Running { svm: svm.clone(), owner: Owner::of(&svm.0.queue), buffers: Some(buffers), timer: None, waker: None }
    }

    pub(super) fn owner(&self) -> &Arc<Owner> {
        &self.owner
    }

    pub(super) fn buffers(&mut self) -> *mut B {
        self.buffers.as_deref_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut)
    }

    /// Whether it has ended; [`Running::wait`] tells how.
    pub fn is_done(&self) -> bool {
        self.svm.0.queue.has_ended(self.owner.last())
    }

    /// Waits until it has ended and gives the buffers back.
    ///
    /// # Errors
    /// `NotStarted` where it was never submitted; as Vulkan's. The buffers are dropped then; [`Running::finish`]
    /// keeps them.
    pub fn wait(self) -> Result<B> {
        let (buffers, result) = self.finish();
        result.map(|()| buffers)
    }

    /// Waits until it has ended and gives the buffers back, whatever became of it.
    ///
    /// # Panics
    /// If the buffers were already given back by polling a reference to it.
    pub fn finish(mut self) -> (B, Result<()>) {
        let result = self.settle();
        (self.take(), result)
    }

    fn take(&mut self) -> B {
        *self.buffers.take().expect("the buffers are given back once, and polling has done so")
    }

    /// The time that the device took for it; see [`Launch::gpu_time`](crate::Launch::gpu_time).
    ///
    /// # Errors
    /// As [`Running::wait`].
    pub fn gpu_time(&self) -> Result<Option<Duration>> {
        self.settle()?;
        self.timer.as_ref().map(|timer| timer.elapsed()).transpose()
    }

    /// When it returns nothing uses the buffers.
    fn settle(&self) -> Result<()> {
        self.svm.0.queue.settle(self.owner.last())?;
        self.owner.failed()
    }
}

impl<B: Send + 'static> Drop for Running<B> {
    fn drop(&mut self) {
        let Some(buffers) = self.buffers.take() else { return };
        if !matches!(self.svm.0.queue.is_done(self.owner.last()), Ok(true)) {
            self.svm.0.queue.when_done(self.owner.last(), Box::new(move || before_exit(|| drop(buffers))));
        }
    }
}

impl<B: Send + 'static> Unpin for Running<B> {}

impl<B: Send + 'static> Future for Running<B> {
    type Output = Result<B>;

    /// # Panics
    /// If polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.is_done() {
            let result = self.settle();
            let buffers = self.take();
            return Poll::Ready(result.map(|()| buffers));
        }
        match &self.waker {
            Some(slot) => slot.lock().unwrap_or_else(PoisonError::into_inner).clone_from(cx.waker()),
            None => {
                let slot = Arc::new(Mutex::new(cx.waker().clone()));
                self.waker = Some(slot.clone());
                let wake = move || {
                    let waker = slot.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    // It may drop the future, and with it the last handle.
                    before_exit(|| waker.wake());
                };
                self.svm.0.queue.when_done(self.owner.last(), Box::new(wake));
            }
        }
        // It may have ended, and woken the waker that was known before, while this one was put in place.
        if self.is_done() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<B: Send + 'static> std::fmt::Debug for Running<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Running(last point {})", self.owner.last())
    }
}
