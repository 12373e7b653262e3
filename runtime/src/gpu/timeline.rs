//! Timeline semaphores, and how work of one kind comes to see what work of another did.
//!
//! Launches and copies each count on timelines of their own, on one queue or on two. Who copies has waited for the launches
//! that wrote what is copied, and who launches for the copies in; but a host wait makes what the device wrote visible to the
//! host, not to later submissions. A semaphore wait does (Vulkan, "Semaphore Waiting": its second access scope is all that the
//! device does at the named stages). So each submission waits for what the host has seen reached on the other timelines, once
//! for each value: launches for copies, copies for launches and copies. All of it has happened, so nothing ever waits for work
//! that still runs, which a barrier on a queue of both would.

#[cfg(feature = "seam")]
use super::call::Command;
use super::{call::Call, device::Device};
use crate::error::Result;
use ash::vk;
use smallvec::SmallVec;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Launches,
    Copies,
}

/// A timeline semaphore whose work the device's other work can be ordered after. When it is dropped nothing that signals
/// or waits for it is left on the device.
pub(super) struct Timeline {
    device: Arc<Device>,
    pub raw: vk::Semaphore,
    seen: Arc<AtomicU64>,
}

/// The device's timelines.
#[derive(Default)]
pub(super) struct Timelines(Mutex<Vec<Mark>>);

/// What there is to know of a timeline.
struct Mark {
    raw: vk::Semaphore,
    of: Work,
    /// The highest value that the host has seen.
    seen: Arc<AtomicU64>,
    /// What the last submission of launches, and of copies, has waited for.
    waited: [u64; 2],
}

/// What a submission has to wait for. It is made, and the submission with it, under the queue's lock: who destroys a timeline
/// takes it off the list and then those locks, so these semaphores live until the submission has ended.
pub(super) struct Waits {
    by: Work,
    pub semaphores: SmallVec<[vk::Semaphore; 4]>,
    pub values: SmallVec<[u64; 4]>,
    pub stages: SmallVec<[vk::PipelineStageFlags; 4]>,
}

impl Timeline {
    pub fn new(device: &Arc<Device>, of: Work) -> Result<Self> {
        let mut kind = vk::SemaphoreTypeCreateInfo::default().semaphore_type(vk::SemaphoreType::TIMELINE);
        let info = vk::SemaphoreCreateInfo::default().push_next(&mut kind);
        // SAFETY: timelineSemaphore is a required feature.
        let raw = device.calls.run(Call::CreateSemaphore, || unsafe { device.raw.create_semaphore(&info, None) })?;
        let seen = Arc::new(AtomicU64::new(0));
        device.timelines.lock().push(Mark { raw, of, seen: seen.clone(), waited: [0; 2] });
        Ok(Timeline { device: device.clone(), raw, seen })
    }

    /// Its value.
    pub fn counter(&self) -> Result<u64> {
        // SAFETY: the semaphore is a timeline and lives.
        let value = self
            .device
            .calls
            .run(Call::GetSemaphoreCounterValue, || unsafe { self.device.raw.get_semaphore_counter_value(self.raw) })?;
        self.seen.fetch_max(value, SeqCst);
        Ok(value)
    }

    /// Blocks until it has reached `value`, at most for `timeout`; false where it has not.
    pub fn wait(&self, value: u64, timeout: Duration) -> Result<bool> {
        let timeout = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        self.device.calls.run(Call::WaitSemaphores, || self.wait_raw(value, timeout))
    }

    /// Returns when it has reached `value`, which was submitted, or the device is lost. Past the failure seam, as
    /// `Device::quiesce` is, but for this work alone.
    pub fn settle(&self, value: u64) {
        loop {
            match self.wait_raw(value, u64::MAX) {
                // Nothing runs on a lost device (Vulkan, "Lost Device").
                Ok(true) | Err(vk::Result::ERROR_DEVICE_LOST) => return,
                Ok(false) => {}
                // Out of memory: passes, and there is nothing better to do than to ask again.
                Err(_) => std::thread::yield_now(),
            }
        }
    }

    /// Takes note that all that was submitted has ended, as after `Device::quiesce`.
    pub fn note_quiet(&self) {
        // SAFETY: the semaphore is a timeline and lives.
        if let Ok(value) = unsafe { self.device.raw.get_semaphore_counter_value(self.raw) } {
            self.seen.fetch_max(value, SeqCst);
        }
    }

    fn wait_raw(&self, value: u64, timeout: u64) -> ash::prelude::VkResult<bool> {
        let (semaphores, values) = ([self.raw], [value]);
        let info = vk::SemaphoreWaitInfo::default().semaphores(&semaphores).values(&values);
        // SAFETY: the semaphore is a timeline and lives.
        match unsafe { self.device.raw.wait_semaphores(&info, timeout) } {
            Ok(()) => {
                self.seen.fetch_max(value, SeqCst);
                Ok(true)
            }
            Err(vk::Result::TIMEOUT) => Ok(false),
            Err(other) => Err(other),
        }
    }
}

impl Drop for Timeline {
    fn drop(&mut self) {
        // From here on no submission waits for it.
        self.device.timelines.lock().retain(|mark| mark.raw != self.raw);
        self.device.quiesce();
        // SAFETY: nothing runs any more, and nobody else has it.
        unsafe { self.device.raw.destroy_semaphore(self.raw, None) };
    }
}

impl Timelines {
    fn lock(&self) -> MutexGuard<'_, Vec<Mark>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a submission of this kind has to wait for. Called with its queue's lock held, under which it is submitted.
    pub fn waits(&self, by: Work) -> Waits {
        let stage = match by {
            Work::Launches => vk::PipelineStageFlags::COMPUTE_SHADER,
            Work::Copies => vk::PipelineStageFlags::TRANSFER,
        };
        let mut waits = Waits { by, semaphores: SmallVec::new(), values: SmallVec::new(), stages: SmallVec::new() };
        for mark in self.lock().iter().filter(|mark| mark.matters(by)) {
            waits.semaphores.push(mark.raw);
            waits.values.push(mark.seen.load(SeqCst));
            waits.stages.push(stage);
        }
        waits
    }

    /// The submission was made: later ones on that queue come after the same waits (Vulkan: their second scope takes in all
    /// later submissions).
    fn note(&self, waits: &Waits) {
        let mut marks = self.lock();
        for (raw, value) in waits.semaphores.iter().zip(&waits.values) {
            let mark = marks.iter_mut().find(|mark| mark.raw == *raw);
            mark.into_iter().for_each(|mark| mark.waited[waits.by as usize] = *value);
        }
    }
}

impl Mark {
    /// Whether there is something that work of this kind has not been ordered after yet. Among launches the queue sees to
    /// that by itself, with barriers.
    fn matters(&self, by: Work) -> bool {
        (by == Work::Copies || self.of == Work::Copies) && self.seen.load(SeqCst) > self.waited[by as usize]
    }
}

impl Waits {
    /// The submission was made. Called with the queue's lock still held.
    pub fn submitted(self, device: &Device) {
        device.timelines.note(&self);
        #[cfg(feature = "seam")]
        if let Some(before) = self.stages.first() {
            device.calls.note(Command::Await { before: *before });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ash::vk::Handle;

    fn semaphore(raw: u64) -> vk::Semaphore {
        vk::Semaphore::from_raw(raw)
    }

    fn made(timelines: &Timelines, by: Work) -> Vec<(u64, u64)> {
        let waits = timelines.waits(by);
        timelines.note(&waits);
        waits.semaphores.iter().map(|semaphore| semaphore.as_raw()).zip(waits.values).collect()
    }

    #[test]
    fn each_kind_waits_once_for_what_the_host_has_seen() {
        let seen: [Arc<AtomicU64>; 3] = Default::default();
        let of = [Work::Launches, Work::Copies, Work::Copies];
        let mark = |i: usize| Mark { raw: semaphore(i as u64 + 1), of: of[i], seen: seen[i].clone(), waited: [0; 2] };
        let timelines = Timelines(Mutex::new((0..3).map(mark).collect()));
        assert_eq!(made(&timelines, Work::Copies), []);
        seen[0].store(5, SeqCst);
        seen[1].store(7, SeqCst);
        // That copies have waited says nothing for launches, which order themselves among each other.
        assert_eq!(made(&timelines, Work::Copies), [(1, 5), (2, 7)]);
        assert_eq!(made(&timelines, Work::Launches), [(2, 7)]);
        assert_eq!(made(&timelines, Work::Launches), []);
        assert_eq!(made(&timelines, Work::Copies), []);
        seen[2].store(1, SeqCst);
        // A submission that is not made leaves its waits to the next one.
        assert_eq!(timelines.waits(Work::Launches).values[..], [1]);
        assert_eq!(made(&timelines, Work::Launches), [(3, 1)]);
        seen[1].store(8, SeqCst);
        assert_eq!(made(&timelines, Work::Copies), [(2, 8), (3, 1)]);
        assert_eq!(made(&timelines, Work::Launches), [(2, 8)]);
    }
}
