//! What the queue hands to a device: launches, the barriers between them, and the points that end them.
//!
//! [`crate::gpu::queue`] decides; a [`QueueDevice`] carries out. The Vulkan one is in [`super::submit`]; tests put
//! their own in its place to check the plan (feature `seam`).

use super::{pipeline::Pipeline, queue::Queue, timing::Timer};
use crate::{
    addr::Span,
    error::{Error, Result},
};
use smallvec::SmallVec;
use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A range that a launch was declared to touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// Unified addresses.
    pub span: Span,
    /// Whether it may be written.
    pub write: bool,
}

/// One launch, ready to be recorded.
pub struct Dispatch {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) args: SmallVec<[u8; 128]>,
    pub(crate) timer: Option<Arc<Timer>>,
    pub(crate) owners: SmallVec<[Arc<Owner>; 2]>,
    /// Workgroups in each dimension.
    pub groups: [u32; 3],
    /// What it was declared to touch.
    pub uses: SmallVec<[Use; 4]>,
}

impl Dispatch {
    /// The kernel's entry point.
    pub fn name(&self) -> &str {
        &self.pipeline.name
    }
}

impl fmt::Debug for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?} {:?}", self.name(), self.groups, self.uses)
    }
}

/// A launch in a batch.
#[derive(Debug)]
pub struct Step {
    /// Its point: launches are numbered from 1 in issue order.
    pub point: u64,
    /// Whether a barrier comes first: everything recorded before it is done and visible to it and to what follows.
    pub barrier: bool,
    /// The launch.
    pub dispatch: Dispatch,
}

/// Launches that are submitted together. The device makes their writes visible to the host, then signals.
#[derive(Debug)]
pub struct Batch<'a> {
    /// In issue order.
    pub steps: &'a [Step],
    /// The timeline value that the batch's end signals: its last step's point.
    pub signal: u64,
}

/// A queue with a timeline. `submit` and `quiesce` are called under the queue's lock, the others at any time.
pub trait QueueDevice: Send + Sync {
    /// Records and submits the batches, in order, all or none. What signalled `reached` or less has ended.
    ///
    /// # Errors
    /// As Vulkan's; nothing was submitted then.
    fn submit(&self, batches: &[Batch<'_>], reached: u64) -> Result<()>;
    /// The timeline's value.
    ///
    /// # Errors
    /// As Vulkan's.
    fn counter(&self) -> Result<u64>;
    /// Blocks until the timeline has reached `point`, at most for `timeout`; false where it has not.
    ///
    /// # Errors
    /// As Vulkan's.
    fn wait(&self, point: u64, timeout: Duration) -> Result<bool>;
    /// Returns when nothing runs any more, be it that the device is lost.
    fn quiesce(&self);
}

/// Who lent memory to launches, a scope: learns the last point that uses it and whether a launch was never started.
#[derive(Debug, Default)]
pub(crate) struct Owner {
    /// Whose points these are: the queue's address, which is not used again while a token of the owner exists.
    queue: usize,
    last: AtomicU64,
    failed: OnceLock<Error>,
}

impl Owner {
    pub fn of(queue: &Arc<Queue>) -> Arc<Self> {
        Arc::new(Owner { queue: Arc::as_ptr(queue).addr(), ..Default::default() })
    }

    /// Whether its points are those of `queue`.
    pub fn is_of(&self, queue: &Arc<Queue>) -> bool {
        self.queue == Arc::as_ptr(queue).addr()
    }

    pub fn used(&self, point: u64) {
        self.last.fetch_max(point, Ordering::SeqCst);
    }

    /// The last point that uses what it lent; 0 where none does.
    pub fn last(&self) -> u64 {
        self.last.load(Ordering::SeqCst)
    }

    pub fn fail(&self, error: &Error) {
        // The first failure is the cause; those that follow from it add nothing.
        let _ = self.failed.set(error.clone());
    }

    /// `NotStarted` where a launch that used what it lent never started.
    pub fn failed(&self) -> Result<()> {
        match self.failed.get() {
            Some(cause) => Err(Error::NotStarted { cause: Box::new(cause.clone()) }),
            None => Ok(()),
        }
    }
}
