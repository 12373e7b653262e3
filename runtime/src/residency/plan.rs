//! Which placement, decided when an `Svm` is opened: from what was asked for, what the device is, and what the probes saw.
//!
//! # Safety
//! Both placements need the heap's views to stay mapped: see `heap::svm`.
#![allow(unsafe_code)]

use super::{
    Discrete, Findings, Imports, Residency, Shown, Unified, Views,
    costs::{self, Decider},
    discrete, probe,
    translation::choose,
};
use crate::{
    addr::{BLOCK, PAGE},
    builder::Seam,
    capabilities::Probe,
    config::{Config, Placement, Translation},
    error::{Error, Result},
    gpu::{Device, DeviceMemory, Queue, default_budget},
    os::{
        faults::Access,
        mapping::{Backing, Mapping},
    },
};
use std::sync::Arc;

/// What will be done.
pub(crate) enum Plan {
    Unified { findings: Findings, shown: Shown },
    Discrete { memory: DeviceMemory, in_place: std::result::Result<Findings, String> },
}

/// What was done, and why: for [`crate::Capabilities`].
pub(crate) struct Reasons {
    pub placement: Placement,
    pub translation: Translation,
    pub faults: &'static str,
    pub backing: Backing,
    /// Bytes of device memory that pages may take.
    pub device_budget: u64,
    pub in_place: bool,
    pub reasons: Vec<String>,
    pub probes: Vec<Probe>,
}

impl Plan {
    /// Tries what is needed on `device`.
    ///
    /// # Errors
    /// `PlacementUnavailable`, `TranslationUnavailable`, `BadOption`; as the system's and Vulkan's.
    pub fn make(config: &Config, seam: &Seam, device: &Arc<Device>) -> Result<Self> {
        let unified = || Self::unified(config, device, seam.shown());
        let discrete = || Self::discrete(config, seam, device);
        // What a device cannot do does not keep it from doing the other.
        let or = |first: Result<Self>, second: &dyn Fn() -> Result<Self>| match first {
            Err(error @ Error::PlacementUnavailable { .. }) => second().map_err(|_| error),
            done => done,
        };
        match config.placement.clone()? {
            Placement::Unified => unified(),
            Placement::Discrete => discrete(),
            // Where all memory is one, moving pages would only cost.
            Placement::Auto if device.info.shares_memory => or(unified(), &discrete),
            Placement::Auto => or(discrete(), &unified),
        }
    }

    /// Tries the backings in order and keeps the first that works.
    fn unified(config: &Config, device: &Arc<Device>, shown: Shown) -> Result<Self> {
        let both = [Backing::Memfd, Backing::Anonymous];
        let tried: &[Backing] = config.backing.as_ref().map_or(&both, std::slice::from_ref);
        let mut refused: Option<Error> = None;
        for &backing in tried {
            let found = match probe::unified(device, backing, shown) {
                // Translating equal addresses would show nothing: the alias's differ.
                Ok(findings)
                    if findings.identity()
                        && matches!(config.translation, Ok(Translation::Offset | Translation::Table)) =>
                {
                    probe::unified(device, backing, Shown::Runtime).map(|findings| (findings, Shown::Runtime))
                }
                other => other.map(|findings| (findings, shown)),
            };
            match found {
                Err(error @ Error::PlacementUnavailable { .. }) => refused = refused.or(Some(error)),
                done => return done.map(|(findings, shown)| Plan::Unified { findings, shown }),
            }
        }
        let none = || Error::BadOption { option: "backing", reason: "none was left to try".into() };
        Err(refused.unwrap_or_else(none))
    }

    fn discrete(config: &Config, seam: &Seam, device: &Arc<Device>) -> Result<Self> {
        if let translation @ (Translation::Identity | Translation::Offset) = config.translation.clone()? {
            return Err(Error::TranslationUnavailable {
                translation: translation.name(),
                device: device.info.name.clone(),
                reason: "pages that move are found through a table; use auto or table, or placement unified".into(),
            });
        }
        if config.backing == Some(Backing::Anonymous) {
            let reason = "pages that move need a second view of their memory, which only a memfd has".into();
            return Err(Error::BadOption { option: "backing", reason });
        }
        let most = device.local_bytes();
        let budget = match config.device_budget {
            Some(bytes) if bytes > most => {
                let reason = format!("{bytes} bytes, but device '{}' has {most} of its own", device.info.name);
                return Err(Error::BadOption { option: "device_budget", reason });
            }
            Some(bytes) => bytes,
            None => default_budget(device),
        };
        let slots = (budget / BLOCK as u64).max(1) * (BLOCK / PAGE) as u64;
        let slots = u32::try_from(slots).unwrap_or(u32::MAX);
        let way = seam.way();
        probe::device_memory(device, way)?;
        let memory = DeviceMemory::new(device, slots, way)?;
        let in_place = match config.in_place {
            true => match probe::unified(device, Backing::Memfd, Shown::Runtime) {
                Ok(findings) => Ok(findings),
                Err(Error::PlacementUnavailable { reason, .. }) => Err(reason),
                Err(error) => return Err(error),
            },
            false => Err("switched off".into()),
        };
        Ok(Plan::Discrete { memory, in_place })
    }

    /// What backs the heap.
    pub fn backing(&self) -> Backing {
        match self {
            Plan::Unified { findings, .. } => findings.backing,
            Plan::Discrete { .. } => Backing::Memfd,
        }
    }

    /// Whether freed pages may go back to the system: not where a device would keep what it had pinned.
    pub fn releases_pages(&self) -> bool {
        match self {
            Plan::Unified { findings, .. } => findings.follows_release,
            Plan::Discrete { in_place, .. } => in_place.as_ref().map_or(true, |findings| findings.follows_release),
        }
    }

    /// Does it, for a heap in `mapping`, whose segments have so many bytes.
    ///
    /// # Errors
    /// `TranslationUnavailable`, `FaultsUnavailable`; as the system's and Vulkan's.
    ///
    /// # Safety
    /// The mapping's memory stays mapped for as long as what is returned lives.
    pub unsafe fn carry_out(
        self,
        config: &Config,
        seam: &Seam,
        device: &Arc<Device>,
        queue: &Arc<Queue>,
        mapping: &Arc<Mapping>,
        segment: usize,
    ) -> Result<(Residency, Reasons)> {
        let start = mapping.user_base() as u64;
        let user = crate::addr::Span { start, end: start + mapping.len() as u64 };
        let views = |shown| Views { user, runtime: mapping.runtime_base() as u64, shown };
        let backing = self.backing();
        match self {
            Plan::Unified { findings, shown } => {
                let segments = mapping.len().div_ceil(segment);
                let (translation, why) = choose(config.translation.clone()?, &findings, segments, &device.info.name)?;
                // SAFETY: the caller's promise.
                let imports = unsafe { Imports::new(device, views(shown), segment) };
                let unified = Unified::new(device, imports, translation, queue.trace().clone())?;
                let reasons = vec![
                    "placement unified: the device reads and writes the heap's own memory, tried at start-up".into(),
                    format!("translation {}: {why}{}", translation.name(), unified.translation_cost()),
                    "faults none: unified placement takes no page away from the CPU".into(),
                ];
                let reasons = Reasons {
                    placement: Placement::Unified,
                    translation,
                    faults: "none",
                    backing,
                    device_budget: 0,
                    in_place: true,
                    reasons,
                    probes: findings.probes().into(),
                };
                Ok((Residency::Unified(unified), reasons))
            }
            Plan::Discrete { memory, in_place } => {
                let access = Access::open(config.faults.clone()?, mapping.clone(), &seam.system_calls())?;
                let budget = u64::from(memory.slots()) * PAGE as u64;
                let how = if memory.is_mapped() { "memcpy through a mapping" } else { "copies by the device" };
                // SAFETY: the caller's promise.
                let imports =
                    in_place.as_ref().ok().map(|_| unsafe { Imports::new(device, views(Shown::Runtime), segment) });
                let hunt = config.detect_untranslated && device.info.is_cpu;
                let Decider { policy, costs, why: decides } = costs::policy(config, seam, device, in_place.is_ok())?;
                let parts = discrete::Parts {
                    device: device.clone(),
                    queue: queue.clone(),
                    views: views(Shown::Runtime),
                    memory,
                    access,
                    imports,
                    hunt,
                    trace: queue.trace().clone(),
                    policy,
                    costs,
                };
                let discrete = Discrete::new(parts, seam)?;
                let mut reasons = vec![
                    format!("placement discrete: pages move to {} MiB of device memory, by {how}", budget >> 20),
                    format!("translation table: every page is looked up{}", discrete.table_cost()),
                ];
                for (faults, why) in discrete.faults_tried() {
                    reasons.push(format!("faults {}: {why}", faults.name()));
                }
                reasons.push(match &in_place {
                    Ok(_) => "in place: launches use what does not fit where it is".into(),
                    Err(why) => format!("not in place: {why}; all that a launch uses is moved"),
                });
                reasons.push(decides);
                let seen = format!("{how}; a kernel found what came in, and what it wrote came out");
                let mut probes = vec![Probe { name: "device memory", works: true, detail: seen }];
                probes.extend(in_place.iter().flat_map(Findings::probes));
                let reasons = Reasons {
                    placement: Placement::Discrete,
                    translation: Translation::Table,
                    faults: discrete.faults().name(),
                    backing,
                    device_budget: budget,
                    in_place: in_place.is_ok(),
                    reasons,
                    probes,
                };
                Ok((Residency::Discrete(discrete), reasons))
            }
        }
    }
}
