//! What Vulkan offers here: devices, what each lacks, and the validation layer.
//!
//! An ICD file and a library do not make a working driver, so the probe creates an instance and asks every device.
//! It runs in a child process: a driver that crashes or hangs costs a message, not this program, and the loader
//! reads its environment anew.
//!
//! # Safety
//!
//! All Vulkan calls are in [`look`], in the child, on one thread; handles are used only between their creation and
//! their destruction there.
#![allow(unsafe_code)]

use std::ffi::{CStr, OsString};

use anyhow::{Context, Result, anyhow, bail};
use ash::vk;
use serde::{Deserialize, Serialize};

use crate::process::Cmd;

/// The hidden subcommand that the child runs.
pub const SUBCOMMAND: &str = "probe-vulkan";

/// Seconds that a driver may take to answer.
const LIMIT: u64 = 60;

const VALIDATION: &CStr = c"VK_LAYER_KHRONOS_validation";

/// What an instance reports.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Vulkan {
    /// Every device, in the loader's order.
    pub devices: Vec<Device>,
    /// Whether the Khronos validation layer is installed.
    pub validation: bool,
}

/// One device.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Device {
    /// `deviceName`.
    pub name: String,
    /// `driverInfo`, e.g. `Mesa 22.3.6 (LLVM 15.0.6)`.
    pub driver: String,
    /// Features that vksvm cannot do without and this device lacks.
    pub missing: Vec<String>,
}

impl Vulkan {
    /// The first device that vksvm can use.
    pub fn usable(&self) -> Option<&Device> {
        self.devices.iter().find(|device| device.missing.is_empty())
    }

    /// The devices that cannot be used, each with the reason, for messages.
    pub fn refused(&self) -> String {
        let refused = self.devices.iter().filter(|device| !device.missing.is_empty());
        let refused: Vec<_> = refused.map(|d| format!("{} lacks {}", d.name, d.missing.join(", "))).collect();
        if refused.is_empty() { "there is none".into() } else { refused.join("; ") }
    }
}

impl Device {
    /// Mesa's version, if the driver is Mesa's.
    pub fn mesa(&self) -> Option<MesaVersion> {
        MesaVersion::parse(self.driver.strip_prefix("Mesa ")?)
    }
}

/// Year, release and patch of a Mesa.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MesaVersion(pub u32, pub u32, pub u32);

impl MesaVersion {
    /// Reads `25.0.7`, also at the start of a longer text such as `25.0.7-2~bpo12+1`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
        let mut parts = number.split('.').map(|part| part.parse().ok());
        Some(MesaVersion(parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)))
    }
}

impl std::fmt::Display for MesaVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Asks in a child process, in this environment and `env`. An error says why there is no answer.
pub fn vulkan(env: &[(&'static str, OsString)]) -> Result<Vulkan> {
    // The link to our own file stays good when a build replaces that file.
    let ended = Cmd::new("/proc/self/exe").arg(SUBCOMMAND).envs(env).limit(LIMIT).run_kept()?;
    // Layers and drivers may print before the answer, which is the last line, and around the error.
    if let Some(answer) = ended.stdout.lines().last().and_then(|line| serde_json::from_str(line).ok()) {
        return Ok(answer);
    }
    match ended.stderr.lines().find_map(|line| line.strip_prefix("error: ")) {
        Some(error) => bail!("{error}"),
        None => bail!("{}", ended.check().err().context("the Vulkan probe gave no answer")?),
    }
}

/// The child's part: prints a [`Vulkan`] as a line of JSON.
pub fn answer() -> Result<()> {
    println!("{}", serde_json::to_string(&look()?)?);
    Ok(())
}

fn look() -> Result<Vulkan> {
    // SAFETY: loading runs the initialisers of the Vulkan loader that the system's linker finds, as every Vulkan program does.
    let entry = unsafe { ash::Entry::load() }.map_err(|error| anyhow!("cannot load the Vulkan loader: {error}"))?;
    // SAFETY: the loader is loaded; the call has no other precondition.
    let layers = unsafe { entry.enumerate_instance_layer_properties() }.context("cannot list Vulkan's layers")?;
    let validation = layers.iter().any(|layer| layer.layer_name_as_c_str() == Ok(VALIDATION));
    let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_2);
    let create = vk::InstanceCreateInfo::default().application_info(&application);
    // SAFETY: `create` and what it points to outlive the call.
    let instance = match unsafe { entry.create_instance(&create, None) } {
        Ok(instance) => instance,
        // Layers without any driver: an answer, not a failure.
        Err(vk::Result::ERROR_INCOMPATIBLE_DRIVER) => return Ok(Vulkan { devices: vec![], validation }),
        Err(error) => bail!("cannot create a Vulkan instance: {error}"),
    };
    // SAFETY: the instance is alive until the last line of this function.
    let devices = unsafe { instance.enumerate_physical_devices() };
    let devices = devices.map(|devices| devices.into_iter().map(|device| describe(&instance, device)).collect());
    // SAFETY: the instance has no child objects and is not used afterwards.
    unsafe { instance.destroy_instance(None) };
    Ok(Vulkan { devices: devices.context("cannot list Vulkan's devices")?, validation })
}

fn describe(instance: &ash::Instance, device: vk::PhysicalDevice) -> Device {
    // SAFETY: `device` belongs to `instance`, which the caller keeps alive.
    let basics = unsafe { instance.get_physical_device_properties(device) };
    let name = basics.device_name_as_c_str().unwrap_or_default().to_string_lossy().into_owned();
    if basics.api_version < vk::API_VERSION_1_2 {
        let (major, minor) = (vk::api_version_major(basics.api_version), vk::api_version_minor(basics.api_version));
        return Device { name, driver: String::new(), missing: vec![format!("Vulkan 1.2 (it has {major}.{minor})")] };
    }
    let mut driver = vk::PhysicalDeviceDriverProperties::default();
    let mut properties = vk::PhysicalDeviceProperties2::default().push_next(&mut driver);
    // SAFETY: the device has Vulkan 1.2, in which the call and the chained structure are core.
    unsafe { instance.get_physical_device_properties2(device, &mut properties) };
    let mut core12 = vk::PhysicalDeviceVulkan12Features::default();
    let mut features = vk::PhysicalDeviceFeatures2::default().push_next(&mut core12);
    // SAFETY: as above.
    unsafe { instance.get_physical_device_features2(device, &mut features) };
    let int64 = features.features.shader_int64;
    let required = [
        ("shaderInt64", int64),
        ("bufferDeviceAddress", core12.buffer_device_address),
        ("timelineSemaphore", core12.timeline_semaphore),
        ("scalarBlockLayout", core12.scalar_block_layout),
    ];
    Device {
        name,
        driver: driver.driver_info_as_c_str().unwrap_or_default().to_string_lossy().into_owned(),
        missing: required.iter().filter(|(_, has)| *has == 0).map(|(name, _)| (*name).to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mesa_versions() {
        let parse = |text| MesaVersion::parse(text).map(|v| (v.0, v.1, v.2));
        assert_eq!(parse("22.3.6 (LLVM 15.0.6)"), Some((22, 3, 6)));
        assert_eq!(parse("25.0.7-2~bpo12+1"), Some((25, 0, 7)));
        assert_eq!(parse("24.2-devel"), Some((24, 2, 0)));
        assert_eq!(parse("git"), None);
        assert_eq!(parse("25"), None);
        assert!(MesaVersion::parse("25.0.7") > MesaVersion::parse("22.3.6"));
        assert_eq!(MesaVersion(25, 0, 7).to_string(), "25.0.7");
    }

    #[test]
    fn a_device_that_lacks_something_is_not_usable() {
        let device = |missing: &[&str]| Device {
            name: "D".into(),
            driver: "Mesa 25.0.7".into(),
            missing: missing.iter().map(|m| (*m).to_owned()).collect(),
        };
        let vulkan = Vulkan { devices: vec![device(&["shaderInt64"])], validation: false };
        assert!(vulkan.usable().is_none());
        assert_eq!(vulkan.refused(), "D lacks shaderInt64");
        let vulkan = Vulkan { devices: vec![device(&["shaderInt64"]), device(&[])], validation: false };
        assert_eq!(vulkan.usable().unwrap().mesa(), Some(MesaVersion(25, 0, 7)));
        let proprietary = Device { driver: "550.54".into(), ..device(&[]) };
        assert_eq!(proprietary.mesa(), None);
    }
}
