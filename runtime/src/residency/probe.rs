//! Start-up probes: each capability is tried on a tiny case before anything relies on it.
//!
//! # Safety
//! The probe writes and reads words of a mapping that it owns, while no launch runs on it.
#![allow(unsafe_code)]

use super::{Shown, Views, alone::Alone};
use crate::{
    addr::{BLOCK, DeviceAddr, PAGE, Span},
    capabilities::Probe,
    error::{Error, Result},
    gpu::{Device, DeviceMemory, Import, PROBE_SPIRV, Part, Way},
    os::mapping::{Backing, Mapping},
};
use std::sync::Arc;

/// What trying unified placement showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Findings {
    /// What the memory was.
    pub backing: Backing,
    /// Device address minus unified address of the two imports tried, wrapping.
    pub offsets: [u64; 2],
    /// Whether the device follows when a page is given back to the operating system and touched again. Drivers that
    /// pin what they import keep the old page; there the heap must not give pages back.
    pub follows_release: bool,
}

impl Findings {
    /// Whether device addresses of imports are the host's unified ones.
    pub fn identity(&self) -> bool {
        self.offsets == [0, 0]
    }

    /// What was seen, for those who ask.
    pub fn probes(&self) -> [Probe; 2] {
        let [a, b] = self.offsets;
        let seen = format!("{:?} memory; device minus unified address {a:#x} and {b:#x}", self.backing);
        let released = if self.follows_release {
            "the device follows when a page is given back and touched again: freed pages go back to the system"
        } else {
            "the device keeps a page that was given back: freed pages stay with the process"
        };
        [
            Probe { name: "host import", works: true, detail: seen },
            Probe { name: "released pages", works: self.follows_release, detail: released.into() },
        ]
    }
}

/// Imports two blocks of memory of this backing, through the view that is `shown`, and has the device read and write them.
///
/// # Errors
/// `PlacementUnavailable` where the device refuses the import or does not see the same memory; as Vulkan's.
pub(super) fn unified(device: &Arc<Device>, backing: Backing, shown: Shown) -> Result<Findings> {
    let unavailable =
        |reason: String| Error::PlacementUnavailable { placement: "unified", device: device.info.name.clone(), reason };
    if !(BLOCK as u64).is_multiple_of(device.info.import_align) {
        let align = device.info.import_align;
        return Err(unavailable(format!("it imports host memory in units of {align} bytes, blocks have {BLOCK}")));
    }
    let mapping = Mapping::new(2 * BLOCK, BLOCK, backing)?;
    let start = mapping.user_base() as u64;
    let user = Span { start, end: start + mapping.len() as u64 };
    let views = Views { user, runtime: mapping.runtime_base() as u64, shown };
    let part = |i: usize| {
        let start = start + (i * BLOCK) as u64;
        Span { start, end: start + BLOCK as u64 }
    };
    let import = |i| {
        // SAFETY: the mapping is declared before the imports, so it outlives them.
        unsafe { Import::new(device, views.shown(i, part(i))) }.map_err(|error| match error {
            // What a driver answers to memory that it does not take.
            Error::Vulkan { .. } => unavailable(format!("importing {backing:?} memory: {error}")),
            other => other,
        })
    };
    let imports = [import(0)?, import(1)?];
    let device_side = Ask::new(device)?;
    let ask = |i: usize, what: &str| -> Result<bool> {
        let question = 0x5eed + i as u32;
        let word = mapping.user(i * BLOCK).cast::<u32>();
        // SAFETY: the first word of a block of our own mapping; no launch runs.
        unsafe { word.write_volatile(question) };
        device_side.ask(imports[i].address)?;
        let answer = i * BLOCK + size_of::<u32>();
        // SAFETY: the second word; the launch has ended.
        let user = unsafe { mapping.user(answer).cast::<u32>().read_volatile() };
        // SAFETY: the same word through the runtime view.
        let runtime = unsafe { mapping.runtime(answer).cast::<u32>().read_volatile() };
        let seen = [user, runtime] == [question + 1; 2];
        tracing::debug!("probe {what}: asked {question}, user view {user}, runtime view {runtime}");
        Ok(seen)
    };
    for i in 0..2 {
        if !ask(i, "import")? {
            return Err(unavailable(format!("it does not see {backing:?} memory that it imported")));
        }
    }
    // SAFETY: the probe's own memory, with nothing in it that is still wanted.
    unsafe { mapping.release(0..BLOCK) }?;
    let follows_release = ask(0, "released page")?;
    let offsets = [0, 1].map(|i| imports[i].address.0.wrapping_sub(part(i).start));
    Ok(Findings { backing, offsets, follows_release })
}

/// Copies a page to device memory made for it, has the device read and write it there, and copies it back.
///
/// # Errors
/// `PlacementUnavailable` where that does not give what it should; as Vulkan's.
pub(super) fn device_memory(device: &Arc<Device>, way: Way) -> Result<()> {
    let memory = DeviceMemory::new(device, (BLOCK / PAGE) as u32, way)?;
    let Some(slots) = memory.grow()? else {
        return Err(Error::PlacementUnavailable {
            placement: "discrete",
            device: device.info.name.clone(),
            reason: "it has no memory for a block of pages".into(),
        });
    };
    let mapping = Mapping::new(BLOCK, BLOCK, Backing::Memfd)?;
    let part = Part { host: mapping.runtime(0), slot: slots.start, pages: 1 };
    const QUESTION: u32 = 0x5eed;
    let word = mapping.runtime(0).cast::<u32>();
    // SAFETY: the first word of our own mapping, which nothing else uses.
    unsafe { word.write_volatile(QUESTION) };
    // SAFETY: the slot was made above and is ours, like the page.
    unsafe { memory.copy_in(&[part]) }?;
    Ask::new(device)?.ask(memory.address(slots.start))?;
    // SAFETY: as above; the launch has ended.
    unsafe { memory.copy_out(&[part]) }?;
    // SAFETY: the second word of the same page.
    let answer = unsafe { mapping.runtime(size_of::<u32>()).cast::<u32>().read_volatile() };
    if answer == QUESTION + 1 {
        return Ok(());
    }
    Err(Error::PlacementUnavailable {
        placement: "discrete",
        device: device.info.name.clone(),
        reason: format!("a kernel that was to answer {} in device memory answered {answer}", QUESTION + 1),
    })
}

/// Runs the probe's kernel.
struct Ask(Alone);

impl Ask {
    fn new(device: &Arc<Device>) -> Result<Self> {
        // SAFETY: the module is the project's own and needs only required features.
        unsafe { Alone::new(device, PROBE_SPIRV, 8) }.map(Ask)
    }

    fn ask(&self, at: DeviceAddr) -> Result<()> {
        self.0.run(&at.0.to_ne_bytes(), 1, None)
    }
}
