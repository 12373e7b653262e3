//! Runs a case in one way: puts its memory where the way wants it, dispatches, waits, and looks at what is left.
//!
//! One device, one set of buffers for all cases. A shader that is wrong may write anywhere in the process: runners live in
//! processes of their own, see the worker.
//!
//! # Safety
//! Every run waits for its submission before it looks at memory or returns; one that does not end returns [`Stuck`], after which
//! the runner must not be used, which its only user keeps: the process ends. Modules have passed spirv-val; that they stay
//! inside the memory of their case is what is being tested.
#![allow(unsafe_code)]

use super::{
    case::{Case, HEAP, LARGEST},
    range::Range,
    tables::{Flat, NullPage, TwoLevels},
    ways::{GAP, Placement, Way, changed, room},
};
use anyhow::{Context, Result};
use gpu_allocator::MemoryLocation::CpuToGpu;
use std::time::Duration;
use vksvm_spirv::{Mirrored, Offset, Table, Translation};
use vksvm_tests::bare::{Buffer, Commands, Device, Kernel, Recording};

/// Filler on each side of an image that lies somewhere else, in bytes. Not a multiple of more than 16, so that the
/// image is aligned to no more.
const MARGIN: usize = 4096 + 16;

/// No module got to its end in time.
#[derive(Debug, thiserror::Error)]
#[error("not at its end after {0:?}")]
pub struct Stuck(pub Duration);

/// What a run left.
pub struct Ran {
    pub image: Vec<u8>,
    /// What was written outside the image, in words.
    pub strays: Vec<String>,
    /// What was written to the null page, in words.
    pub null: Option<String>,
}

/// A device and the memory that cases run on.
pub struct Runner<'d> {
    pub device: &'d Device,
    commands: Commands<'d>,
    range: Range,
    room: Buffer<'d>,
    null: NullPage<'d>,
    flat: Flat<'d>,
    two_levels: Vec<TwoLevels<'d>>,
}

impl<'d> Runner<'d> {
    pub fn new(device: &'d Device) -> Result<Self> {
        let largest = room(LARGEST, 8).max(LARGEST + 2 * MARGIN);
        Ok(Runner {
            device,
            commands: Commands::new(device)?,
            range: Range::new(device)?,
            room: Buffer::new::<u8>(device, CpuToGpu, largest)?,
            null: NullPage::new(device)?,
            flat: Flat::new(device)?,
            two_levels: vec![],
        })
    }

    /// What to lower to for running an image of `len` bytes in this way; nothing for the plain one.
    pub fn translation(&mut self, way: Way, len: usize) -> Result<Option<Translation>> {
        Ok(match way {
            Way::Plain => None,
            Way::Offset => {
                let start = self.room.address() + MARGIN as u64;
                Some(Translation::Offset(Offset(start.wrapping_sub(HEAP))))
            }
            Way::Table { page_shift } => {
                let pages = (len >> page_shift) as u64;
                Some(Translation::Table(Table { base: HEAP, pages, page_shift, entries: self.flat.address() }))
            }
            Way::Mirrored { page_shift } => {
                let tables = self.two_levels(page_shift)?;
                let (root, leaf_shift) = (tables.root(), tables.leaf_shift());
                Some(Translation::Mirrored(Mirrored { root, page_shift, leaf_shift }))
            }
        })
    }

    /// Runs `words` on the case's memory. `seed` decides where pages lie.
    ///
    /// # Safety
    /// `words` are valid SPIR-V.
    ///
    /// # Errors
    /// What Vulkan's calls return, or [`Stuck`].
    pub unsafe fn run(&mut self, case: &Case, way: Way, words: &[u32], seed: u64, limit: Duration) -> Result<Ran> {
        // SAFETY: the caller's promise.
        let kernel = unsafe { Kernel::from_words(self.device, words, case.arguments.len()) }?;
        let placement = self.place(case, way, seed)?;
        let record = |c: &Recording<'_>| {
            c.bind(&kernel);
            // SAFETY: bound just above with as many bytes of arguments; for what it touches see this module's header.
            unsafe { c.dispatch_bytes(&kernel, &case.arguments, case.groups) };
            c.shaders_then_host();
        };
        // SAFETY: the run before waited for its submission.
        unsafe { self.commands.record(record) }?;
        let point = self.device.submit(&self.commands)?;
        if let Err(error) = self.device.wait_within(point, limit) {
            let late = error.downcast_ref() == Some(&ash::vk::Result::TIMEOUT);
            if late {
                // Nothing may be destroyed under it.
                std::mem::forget(kernel);
            }
            return if late { Err(Stuck(limit).into()) } else { Err(error) };
        }
        Ok(self.collect(case, way, placement.as_ref()))
    }

    /// Writes image and poison.
    fn place(&mut self, case: &Case, way: Way, seed: u64) -> Result<Option<Placement>> {
        let (image, len) = (&case.image[..], case.image.len());
        let start = self.room.address();
        let null = self.null.address();
        let page_shift = match way {
            Way::Plain => {
                // SAFETY: the run before has ended.
                let bytes = unsafe { self.range.bytes_mut() };
                bytes[..len].copy_from_slice(image);
                return Ok(None);
            }
            Way::Offset => {
                // SAFETY: the run before has ended.
                let room = unsafe { self.room.host_mut::<u8>() };
                room[..MARGIN].fill(GAP);
                room[MARGIN..][..len].copy_from_slice(image);
                room[MARGIN + len..][..MARGIN].fill(GAP);
                return Ok(None);
            }
            Way::Table { page_shift } | Way::Mirrored { page_shift } => page_shift,
        };
        let placement = Placement::scattered(len, page_shift, &mut fastrand::Rng::with_seed(seed));
        let pages = placement.starts().iter().map(|at| start + *at as u64);
        if let Way::Table { .. } = way {
            // SAFETY: the run before has ended.
            unsafe { self.flat.write(pages, null) };
        } else {
            let tables = self.two_levels(page_shift)?;
            // SAFETY: the run before has ended.
            unsafe { tables.write(pages) };
        }
        // SAFETY: the run before has ended.
        placement.write(image, &mut unsafe { self.room.host_mut::<u8>() }[..room(len, page_shift)]);
        Ok(Some(placement))
    }

    /// Reads the image back and looks at all poison. The range is left full of it.
    fn collect(&mut self, case: &Case, way: Way, placement: Option<&Placement>) -> Ran {
        let len = case.image.len();
        let mut strays = vec![];
        // SAFETY: the run has ended.
        let (room, range) = (unsafe { self.room.host::<u8>() }, &mut self.range);
        let image = match (way, placement) {
            (Way::Plain, _) => {
                // SAFETY: the run has ended.
                let image = unsafe { range.bytes_mut() }[..len].to_vec();
                // SAFETY: the run has ended.
                unsafe { range.fill(0, len) };
                image
            }
            (_, None) => {
                if let Some(at) = changed(&room[..MARGIN], GAP) {
                    strays.push(format!("{} bytes before the moved image: {}", MARGIN - at, dump(&room[at..])));
                }
                if let Some(at) = changed(&room[MARGIN + len..][..MARGIN], GAP) {
                    strays.push(format!("{at} bytes after the moved image: {}", dump(&room[MARGIN + len + at..])));
                }
                room[MARGIN..][..len].to_vec()
            }
            (Way::Offset, Some(_)) => unreachable!("an offset image lies in one piece"),
            (Way::Table { page_shift } | Way::Mirrored { page_shift }, Some(placement)) => {
                let used = &room[..self::room(len, page_shift)];
                if let Some((page, distance)) = placement.damage(used) {
                    let place = page.map_or("behind the last page".into(), |p| format!("before page {p:#x}"));
                    strays.push(format!("the filler {place}, {distance} bytes away: an access that straddles pages"));
                }
                placement.gather(used)
            }
        };
        // SAFETY: the run has ended.
        if let Some(at) = unsafe { range.damage() } {
            // SAFETY: the run has ended.
            let found = dump(&unsafe { range.bytes_mut() }[at..]);
            let why = if way == Way::Plain { "past the image" } else { "a write that was not translated" };
            strays.push(format!("the poison at {:#x} (heap + {at:#x}): {found}: {why}", HEAP + at as u64));
            // SAFETY: the run has ended.
            unsafe { range.restore() };
        }
        // SAFETY: the run has ended.
        let null = unsafe { self.null.damage() };
        if null.is_some() {
            // SAFETY: the run has ended.
            unsafe { self.null.restore() };
        }
        let null = null.map(|at| format!("the null page, byte {at}: a write that was translated wrongly"));
        // SAFETY: the run has ended.
        if matches!(way, Way::Table { .. }) && unsafe { self.flat.is_damaged() } {
            strays.push("the table itself".into());
        }
        Ran { image, strays, null }
    }

    fn two_levels(&mut self, page_shift: u32) -> Result<&mut TwoLevels<'d>> {
        if !self.two_levels.iter().any(|t| t.page_shift == page_shift) {
            let tables = TwoLevels::new(self.device, page_shift, self.null.address());
            self.two_levels.push(tables.context("tables of two levels")?);
        }
        Ok(self.two_levels.iter_mut().find(|t| t.page_shift == page_shift).expect("made just above"))
    }
}

/// The first bytes, for reading.
pub fn dump(bytes: &[u8]) -> String {
    bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
