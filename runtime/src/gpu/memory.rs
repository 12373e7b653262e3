//! Device memory for pages, and the copies between it and the host.
//!
//! Memory comes in *chunks* of 64 MiB. A *slot* is one page of it; slots are numbered from 0 across chunks, which are only ever
//! added, so a slot's address never changes, and finding it takes neither a lock nor an allocation.
//!
//! Copies go one of two ways, chosen once ([`Choice`]):
//!
//! - *Mapped*: through a mapping that lasts as long as the chunk, see [`super::streaming`]. What the host writes there before a
//!   submission, the submission's shaders see (Vulkan, "Host Write Ordering Guarantees"); what shaders wrote, the host sees once
//!   it has waited for them, since every submission of launches ends with a barrier to the host.
//! - *Staged*: through host memory that the device copies from and to, see [`super::staging`].
//!
//! What follows for real devices, from Vulkan's memory properties and not from trying: a card whose whole memory the host can map
//! (resizable BAR) offers it without `HOST_CACHED`. Writing to it is as fast as the bus, reading goes word by word over it and is
//! slower by orders of magnitude. There pages go in by memcpy and come out staged, if the device has a queue for that beside the
//! launches'; without one, copying out would wait behind unrelated kernels, and slow reading is the lesser evil. A card that shows
//! the host only a window of its memory, 256 MiB usually, is staged both ways unless the budget fits into the window. A device
//! that is the CPU, or whose memory is the host's, has everything mapped and cached.

use super::{
    chunk::Chunk,
    device::Device,
    staging::{Direction, Place, Staging},
    streaming,
};
use crate::{
    addr::{DeviceAddr, PAGE},
    error::{Error, Result},
};
use ash::vk;
use std::{
    ops::Range,
    ptr::NonNull,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

/// Bytes in a chunk: few allocations even for the largest cards (devices promise 4096 of them), little waste for small budgets.
const CHUNK: usize = 64 << 20;

/// Slots in a chunk; the last one may have fewer.
pub(crate) const CHUNK_SLOTS: u32 = (CHUNK / PAGE) as u32;

/// How copies are to be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// What the device does best.
    #[default]
    Auto,
    /// Memcpy in both directions.
    #[cfg_attr(not(feature = "seam"), allow(dead_code, reason = "only tests ask for it"))]
    Mapped,
    /// The device copies, in both directions.
    #[cfg_attr(not(feature = "seam"), allow(dead_code, reason = "only tests ask for it"))]
    Staged,
}

/// Pages of device memory, in chunks. A *slot* is one page of it (64 KiB), numbered from 0 across chunks.
pub(crate) struct DeviceMemory {
    device: Arc<Device>,
    slots: u32,
    choice: Choice,
    /// Where a direction is not mapped. Dropped before the chunks that it copies from and to.
    staging: Option<Staging>,
    chunks: Box<[OnceLock<Chunk>]>,
    /// Chunks that exist.
    grown: Mutex<usize>,
}

/// Pages to copy: consecutive on both sides, in one chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Host side: the runtime view, never revoked.
    pub host: NonNull<u8>,
    /// The first slot.
    pub slot: u32,
    /// How many pages.
    pub pages: u32,
}

impl Part {
    fn bytes(&self) -> usize {
        self.pages as usize * PAGE
    }
}

/// The memory type for chunks, and which directions go through a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Choice {
    kind: u32,
    mapped_in: bool,
    mapped_out: bool,
}

impl DeviceMemory {
    /// Room for at most `slots` slots. No page of it is allocated yet.
    ///
    /// # Errors
    /// `PlacementUnavailable` where the device has no memory for `way`; as Vulkan's.
    pub fn new(device: &Arc<Device>, slots: u32, way: Way) -> Result<Self> {
        let kinds = Chunk::kinds(device)?;
        let bytes = u64::from(slots) * PAGE as u64;
        let choice = Choice::make(&device.memory, kinds, bytes, way, device.has_copy_queue());
        let Some(choice) = choice else {
            let reason =
                format!("it has no memory of its own for {bytes} bytes of pages that can be copied so: {way:?}");
            return Err(Error::PlacementUnavailable {
                placement: "discrete",
                device: device.info.name.clone(),
                reason,
            });
        };
        let chunks = (0..slots.div_ceil(CHUNK_SLOTS)).map(|_| OnceLock::new()).collect();
        let staging = if choice.mapped_in && choice.mapped_out { None } else { Some(Staging::new(device, bytes)?) };
        Ok(DeviceMemory { device: device.clone(), slots, choice, staging, chunks, grown: Mutex::new(0) })
    }

    /// One more chunk: 64 MiB, or what is left of `slots`; `None` when all are there. Returns its slots.
    ///
    /// # Errors
    /// `OutOfDeviceMemory` where the device has no more: what is there stays usable, and a later try may succeed; as Vulkan's.
    pub fn grow(&self) -> Result<Option<Range<u32>>> {
        let mut grown = self.grown.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = self.chunks.get(*grown) else { return Ok(None) };
        let first = *grown as u32 * CHUNK_SLOTS;
        let slots = first..(first + CHUNK_SLOTS).min(self.slots);
        let bytes = slots.len() as u64 * PAGE as u64;
        let Choice { kind, mapped_in, mapped_out } = self.choice;
        let chunk = Chunk::new(&self.device, bytes, kind, mapped_in || mapped_out)?;
        tracing::debug!("device memory: slots {slots:?} at {:?}", chunk.address);
        // Set by nobody else: chunks are made under the lock, each once.
        let _ = place.set(chunk);
        *grown += 1;
        Ok(Some(slots))
    }

    /// The most slots that there can be.
    pub fn slots(&self) -> u32 {
        self.slots
    }

    /// Where shaders find a slot. No lock, no allocation: also called in signal handlers.
    ///
    /// # Panics
    /// If [`DeviceMemory::grow`] has not returned the slot yet.
    pub fn address(&self, slot: u32) -> DeviceAddr {
        let (chunk, offset) = self.find(slot);
        DeviceAddr(chunk.address.0 + offset as u64)
    }

    /// Whether copies are memcpy through a persistent mapping, hence allowed in signal handlers.
    pub fn is_mapped(&self) -> bool {
        self.choice.mapped_in && self.choice.mapped_out
    }

    /// Host to device; returns when launches submitted from now on see it.
    ///
    /// # Safety
    /// Each part's slots exist, lie in one chunk and are the caller's: neither a launch nor another copy uses them. Its host
    /// memory is as many pages, valid, and nobody writes it meanwhile.
    ///
    /// # Errors
    /// As Vulkan's, where the device copies; the slots' content is unspecified then, and no copy runs any more.
    pub unsafe fn copy_in(&self, parts: &[Part]) -> Result<()> {
        if let Some(staging) = self.staging.as_ref().filter(|_| !self.choice.mapped_in) {
            // SAFETY: the caller's promise; `place` knows every slot that exists.
            return unsafe { staging.copy(Direction::In, parts, &|slot| self.place(slot)) };
        }
        let all = parts.iter().map(Part::bytes).sum();
        for part in parts {
            let (device, bytes) = self.mapping(part);
            // SAFETY: both sides are valid for as many bytes and nobody else's meanwhile (the caller); they do not overlap:
            // one is the heap, the other device memory.
            unsafe { streaming::copy(part.host, device, bytes, all) };
        }
        Ok(())
    }

    /// Device to host; returns when the host may read it.
    ///
    /// # Safety
    /// Each part's slots exist, lie in one chunk and are the caller's: no other copy uses them, no launch that writes them
    /// runs, and the last one that did was waited for. Its host memory is as many pages, valid, and nobody else uses it
    /// meanwhile.
    ///
    /// # Errors
    /// As Vulkan's, where the device copies; the slots keep their content, the host memory's is unspecified, and no copy runs
    /// any more.
    pub unsafe fn copy_out(&self, parts: &[Part]) -> Result<()> {
        if let Some(staging) = self.staging.as_ref().filter(|_| !self.choice.mapped_out) {
            // SAFETY: the caller's promise; `place` knows every slot that exists.
            return unsafe { staging.copy(Direction::Out, parts, &|slot| self.place(slot)) };
        }
        let all = parts.iter().map(Part::bytes).sum();
        for part in parts {
            let (device, bytes) = self.mapping(part);
            // SAFETY: as in `copy_in`.
            unsafe { streaming::copy(device, part.host, bytes, all) };
        }
        Ok(())
    }

    /// The part's device side, mapped, and its length in bytes.
    fn mapping(&self, part: &Part) -> (NonNull<u8>, usize) {
        let (chunk, offset) = self.find(part.slot);
        let bytes = part.bytes();
        debug_assert!(offset + bytes <= CHUNK, "{part:?} lies in two chunks");
        let start = chunk.mapped.expect("chunks are mapped where a copy goes that way");
        // SAFETY: the offset is inside the chunk.
        (unsafe { start.add(offset) }, bytes)
    }

    fn place(&self, slot: u32) -> Place {
        let (chunk, offset) = self.find(slot);
        Place { buffer: chunk.buffer, offset: offset as u64 }
    }

    /// The chunk of a slot, and its place in that in bytes.
    fn find(&self, slot: u32) -> (&Chunk, usize) {
        let chunk = self.chunks[(slot / CHUNK_SLOTS) as usize].get().expect("a slot that `grow` has returned");
        (chunk, (slot % CHUNK_SLOTS) as usize * PAGE)
    }
}

impl Choice {
    /// What to do for `bytes` of pages on a device with this memory, of which the types in `kinds` can be used. `aside` says
    /// whether copies have a queue to themselves. `None` where nothing will do.
    fn make(
        memory: &vk::PhysicalDeviceMemoryProperties,
        kinds: u32,
        bytes: u64,
        way: Way,
        aside: bool,
    ) -> Option<Self> {
        use vk::MemoryPropertyFlags as F;
        let types = memory.memory_types_as_slice();
        let flags = |kind: u32| types[kind as usize].property_flags;
        let heap = |kind: u32| memory.memory_heaps[types[kind as usize].heap_index as usize].size;
        let local = || {
            // AMD's DEVICE_COHERENT needs a feature that is not enabled, PROTECTED memory another kind of queue.
            let unusable = F::DEVICE_COHERENT_AMD | F::PROTECTED | F::LAZILY_ALLOCATED;
            (0..types.len() as u32)
                .filter(|kind| kinds & (1 << kind) != 0)
                .filter(move |kind| flags(*kind).contains(F::DEVICE_LOCAL) && !flags(*kind).intersects(unusable))
        };
        let mappable = local()
            .filter(|kind| flags(*kind).contains(F::HOST_VISIBLE | F::HOST_COHERENT) && heap(*kind) >= bytes)
            .max_by_key(|kind| flags(*kind).contains(F::HOST_CACHED));
        // What the host can map may be a small window; staged copies need none of it.
        let staged = local().max_by_key(|kind| (heap(*kind), !flags(*kind).contains(F::HOST_VISIBLE)));
        let staged = || staged.map(|kind| Choice { kind, mapped_in: false, mapped_out: false });
        match (way, mappable) {
            (Way::Mapped, kind) => kind.map(|kind| Choice { kind, mapped_in: true, mapped_out: true }),
            (Way::Auto, Some(kind)) => {
                let mapped_out = flags(kind).contains(F::HOST_CACHED) || !aside;
                Some(Choice { kind, mapped_in: true, mapped_out })
            }
            (Way::Auto, None) | (Way::Staged, _) => staged(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vk::MemoryPropertyFlags as F;

    fn memory(heaps: &[u64], types: &[(F, u32)]) -> vk::PhysicalDeviceMemoryProperties {
        let mut memory = vk::PhysicalDeviceMemoryProperties {
            memory_heap_count: heaps.len() as u32,
            memory_type_count: types.len() as u32,
            ..Default::default()
        };
        for (heap, size) in memory.memory_heaps.iter_mut().zip(heaps) {
            heap.size = *size;
        }
        for (kind, (property_flags, heap_index)) in memory.memory_types.iter_mut().zip(types) {
            *kind = vk::MemoryType { property_flags: *property_flags, heap_index: *heap_index };
        }
        memory
    }

    const SEEN: F = F::from_raw(F::HOST_VISIBLE.as_raw() | F::HOST_COHERENT.as_raw());

    /// A card with 8 GB, of which the host can map `window`.
    fn card(window: u64) -> vk::PhysicalDeviceMemoryProperties {
        let types = [
            (SEEN, 1),
            (SEEN | F::HOST_CACHED, 1),
            (F::DEVICE_LOCAL, 0),
            (F::DEVICE_LOCAL | SEEN, if window == 8_000 { 0 } else { 2 }),
        ];
        memory(&[8_000, 16_000, window], &types)
    }

    fn choice(kind: u32, mapped_in: bool, mapped_out: bool) -> Option<Choice> {
        Some(Choice { kind, mapped_in, mapped_out })
    }

    #[test]
    fn auto_maps_what_it_can_and_reads_back_what_it_should() {
        let auto = |memory: &_, bytes, aside| Choice::make(memory, !0, bytes, Way::Auto, aside);
        let shared = memory(&[16_000], &[(F::DEVICE_LOCAL | SEEN | F::HOST_CACHED, 0)]);
        assert_eq!(auto(&shared, 4_000, false), choice(0, true, true));
        assert_eq!(auto(&shared, 4_000, true), choice(0, true, true));
        assert_eq!(auto(&card(8_000), 6_400, true), choice(3, true, false));
        assert_eq!(auto(&card(8_000), 6_400, false), choice(3, true, true));
        assert_eq!(auto(&card(256), 6_400, true), choice(2, false, false));
        assert_eq!(auto(&card(256), 6_400, false), choice(2, false, false));
        assert_eq!(auto(&card(256), 200, true), choice(3, true, false));
    }

    #[test]
    fn what_is_asked_for_is_done_or_refused() {
        let asked = |way, kinds| Choice::make(&card(256), kinds, 6_400, way, true);
        assert_eq!(asked(Way::Mapped, !0), None);
        assert_eq!(asked(Way::Staged, !0), choice(2, false, false));
        // Only what buffers can be made of counts.
        assert_eq!(asked(Way::Staged, 0b1011), choice(3, false, false));
        assert_eq!(asked(Way::Staged, 0b0011), None);
        assert_eq!(asked(Way::Auto, 0b0011), None);
        let odd = memory(&[9_000], &[(F::DEVICE_LOCAL | SEEN | F::DEVICE_COHERENT_AMD, 0)]);
        assert_eq!(Choice::make(&odd, !0, 100, Way::Auto, false), None);
    }
}
