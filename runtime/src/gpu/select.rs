//! Which physical device: the best one, or the one that `VKSVM_DEVICE` or the builder names.

use super::{
    call::Call,
    features::{Features, MIN_VERSION},
    instance::Instance,
    queues::CopyQueue,
};
use crate::error::{Error, Result};
use ash::vk;

/// A physical device that was looked at.
pub(crate) struct Candidate {
    pub raw: vk::PhysicalDevice,
    pub name: String,
    pub properties: vk::PhysicalDeviceProperties,
    pub features: Features,
    pub queue_family: u32,
    /// A queue for copies beside the first one of that family, if there is one.
    pub copy_queue: Option<CopyQueue>,
    /// Valid bits of the queue's timestamps; 0 where it has none.
    pub timestamp_bits: u32,
}

/// The devices to try, best first. A selection leaves one; without one, those that lack something are left out.
///
/// # Errors
/// `NoDevice` where nothing matches, `MissingFeatures` where what matches lacks something.
pub(crate) fn candidates(instance: &Instance, wanted: Option<&str>) -> Result<Vec<Candidate>> {
    // SAFETY: no preconditions.
    let devices =
        instance.calls.run(Call::EnumeratePhysicalDevices, || unsafe { instance.raw.enumerate_physical_devices() })?;
    let mut listed = vec![];
    for (index, raw) in devices.into_iter().enumerate() {
        // SAFETY: `raw` comes from this instance.
        let properties = unsafe { instance.raw.get_physical_device_properties(raw) };
        let name = properties.device_name_as_c_str().unwrap_or_default().to_string_lossy().into_owned();
        listed.push((index, raw, name, properties));
    }
    let found = match &listed[..] {
        [] => "the loader found none".into(),
        some => {
            let names: Vec<_> = some.iter().map(|(i, _, name, _)| format!("{i}: '{name}'")).collect();
            format!("there are {}", names.join(", "))
        }
    };
    if let Some(wanted) = wanted {
        // A number beyond the list may be part of a name.
        let index = wanted.parse::<usize>().ok().filter(|index| *index < listed.len());
        let part = wanted.to_lowercase();
        let by_name = |name: &str| index.is_none() && name.to_lowercase().contains(&part);
        listed.retain(|(i, _, name, _)| index == Some(*i) || by_name(name));
        if listed.is_empty() {
            return Err(Error::NoDevice { wanted: format!("matches '{wanted}'"), found });
        }
    }
    if listed.is_empty() {
        return Err(Error::NoDevice { wanted: "is present".into(), found });
    }
    listed.sort_by_key(|(_, _, _, properties)| rank(properties.device_type));
    let mut usable = vec![];
    let mut refused = None;
    for (_, raw, name, properties) in listed {
        match inspect(instance, raw, name, properties) {
            Ok(candidate) => usable.push(candidate),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    match refused {
        Some(error) if usable.is_empty() => Err(error),
        _ => Ok(usable),
    }
}

/// Discrete devices first: they are the fastest where they work, and the caller goes on to the next where not.
fn rank(kind: vk::PhysicalDeviceType) -> u32 {
    match kind {
        vk::PhysicalDeviceType::DISCRETE_GPU => 0,
        vk::PhysicalDeviceType::INTEGRATED_GPU => 1,
        vk::PhysicalDeviceType::VIRTUAL_GPU => 2,
        vk::PhysicalDeviceType::CPU => 3,
        _ => 4,
    }
}

fn inspect(
    instance: &Instance,
    raw: vk::PhysicalDevice,
    name: String,
    properties: vk::PhysicalDeviceProperties,
) -> Result<Candidate> {
    let version = properties.api_version;
    let mut missing = vec![];
    if version < MIN_VERSION {
        let (major, minor) = (vk::api_version_major(version), vk::api_version_minor(version));
        // Nothing newer can be asked of such a device.
        let missing = vec![format!("Vulkan 1.2 (it has {major}.{minor})")];
        return Err(Error::MissingFeatures { device: name, missing });
    }
    let features = Features::of(instance, raw, version)?;
    missing.extend(features.missing());
    // SAFETY: `raw` comes from this instance.
    let families = unsafe { instance.raw.get_physical_device_queue_family_properties(raw) };
    // A family without graphics is a queue of its own on desktop hardware, undisturbed by what is drawn.
    let family = families
        .iter()
        .enumerate()
        .filter(|(_, f)| f.queue_flags.contains(vk::QueueFlags::COMPUTE) && f.queue_count > 0)
        .min_by_key(|(_, f)| f.queue_flags.contains(vk::QueueFlags::GRAPHICS));
    match family {
        Some((index, family)) if missing.is_empty() => Ok(Candidate {
            raw,
            name,
            properties,
            features,
            queue_family: index as u32,
            copy_queue: CopyQueue::among(&families, index as u32),
            timestamp_bits: family.timestamp_valid_bits,
        }),
        family => {
            if family.is_none() {
                missing.push("a compute queue".into());
            }
            Err(Error::MissingFeatures { device: name, missing })
        }
    }
}
