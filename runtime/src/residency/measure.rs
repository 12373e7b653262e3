//! Measures what copying pages and using them in place cost on the device at hand.
//!
//! # Safety
//! As in `probe`: memory of its own, which no launch uses while the host touches it.
#![allow(unsafe_code)]

use super::{Shown, Views, alone::Alone};
use crate::{
    addr::{BLOCK, DeviceAddr, PAGE, Span},
    error::{Error, Result},
    gpu::{Device, DeviceMemory, Import, Part, SWEEP_SPIRV, Timers, Way},
    os::mapping::{Backing, Mapping},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use vksvm_pages::Costs;

/// What is copied and swept: enough that starting it is a small part, little enough for a few milliseconds.
const BYTES: usize = 4 * BLOCK;

/// Pages in that.
const PAGES: u32 = (BYTES / PAGE) as u32;

/// Each is measured so often, and the shortest time counts: what else a machine does only ever makes it longer. The first is dear, by
/// pages that are touched for the first time.
const ROUNDS: usize = 4;

/// Bytes that the kernel takes at once, its invocations in a workgroup, and how many times each takes some: enough workgroups for any
/// device.
const QUAD: u32 = 16;
const THREADS: u32 = 64;
const EACH: u32 = 16;

/// Measures them. Where the device cannot use the host's memory in place, that counts as dear as copying there and back.
///
/// # Errors
/// As the system's and Vulkan's.
pub(super) fn costs(device: &Arc<Device>, way: Way, in_place: bool) -> Result<Costs> {
    let memory = DeviceMemory::new(device, PAGES, way)?;
    let mapping = Mapping::new(BYTES, BLOCK, Backing::Memfd)?;
    let Some(slots) = memory.grow()? else {
        return Err(Error::PlacementUnavailable {
            placement: "discrete",
            device: device.info.name.clone(),
            reason: format!("it has no memory for {BYTES} bytes of pages to measure copies with"),
        });
    };
    let part = |page: u32, pages: u32| {
        let host = mapping.runtime(page as usize * PAGE);
        Part { host, slot: slots.start + page, pages }
    };
    let whole = [part(0, PAGES)];
    let each: Vec<Part> = (0..PAGES).map(|page| part(page, 1)).collect();
    // SAFETY: the slots were made above and are ours, like the pages; nothing else uses either.
    let copy_in = shortest(|| unsafe { memory.copy_in(&whole) })?;
    // SAFETY: as above.
    let copy_out = shortest(|| unsafe { memory.copy_out(&whole) })?;
    // SAFETY: as above.
    let pieces = shortest(|| unsafe { memory.copy_in(&each) })?;

    let sweep = Sweep::new(device)?;
    let local = sweep.times(memory.address(slots.start))?;
    let start = mapping.user_base() as u64;
    let user = Span { start, end: start + BYTES as u64 };
    let views = Views { user, runtime: mapping.runtime_base() as u64, shown: Shown::Runtime };
    let far = match in_place {
        true => {
            // SAFETY: the mapping is declared before the import, so it outlives it.
            let import = unsafe { Import::new(device, views.shown(0, user)) }?;
            sweep.times(import.address)?
        }
        false => [copy_in, copy_in + copy_out],
    };
    let a_page = |time: Duration| u32::try_from(time.as_nanos() / u128::from(PAGES)).unwrap_or(u32::MAX);
    let more = |time: Duration, than: Duration| time.saturating_sub(than);
    Ok(Costs {
        copy_in: a_page(copy_in),
        copy_out: a_page(copy_out),
        copy_start: a_page(more(pieces, copy_in)),
        in_place_read: a_page(far[0]),
        // A sweep that writes reads first.
        in_place_write: a_page(more(far[1], far[0])),
        local: a_page(local[0]),
        ..Costs::PCIE4
    })
}

/// The shortest of several times.
fn shortest(run: impl Fn() -> Result<()>) -> Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        run()?;
        best = best.min(began.elapsed());
    }
    Ok(best)
}

/// A kernel that goes through memory.
struct Sweep {
    kernel: Alone,
    timers: Arc<Timers>,
}

impl Sweep {
    fn new(device: &Arc<Device>) -> Result<Self> {
        // SAFETY: the module is the project's own and needs only required features.
        let kernel = unsafe { Alone::new(device, SWEEP_SPIRV, 16) }?;
        Ok(Sweep { kernel, timers: Timers::new(device) })
    }

    /// How long reading pages takes, and reading and writing them.
    fn times(&self, at: DeviceAddr) -> Result<[Duration; 2]> {
        let mut times = [Duration::MAX; 2];
        for (change, best) in times.iter_mut().enumerate() {
            for _ in 0..ROUNDS {
                *best = (*best).min(self.time(at, change as u32)?);
            }
        }
        Ok(times)
    }

    fn time(&self, at: DeviceAddr, change: u32) -> Result<Duration> {
        let quads = BYTES as u32 / QUAD;
        let timer = self.timers.take()?;
        let mut args = at.0.to_ne_bytes().to_vec();
        args.extend([quads.to_ne_bytes(), change.to_ne_bytes()].concat());
        let began = Instant::now();
        self.kernel.run(&args, quads.div_ceil(EACH * THREADS), timer.clone())?;
        // By the host's clock, which counts starting and waiting, where the device has none.
        timer.map_or_else(|| Ok(began.elapsed()), |timer| timer.elapsed())
    }
}
