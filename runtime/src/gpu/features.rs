//! Which features a device has: the required ones, the optional ones that are switched on, and the SPIR-V
//! capabilities that follow.

use super::{
    call::{Call, Calls},
    instance::Instance,
};
use crate::error::Result;
use ash::vk;
use rspirv::spirv::Capability;
use std::ffi::CStr;

/// The Vulkan version that the library is written for.
pub(crate) const MIN_VERSION: u32 = vk::API_VERSION_1_2;

/// The feature structures of one device, as supported or as enabled.
#[derive(Clone, Default)]
pub(crate) struct Features {
    core: vk::PhysicalDeviceFeatures,
    v11: vk::PhysicalDeviceVulkan11Features<'static>,
    v12: vk::PhysicalDeviceVulkan12Features<'static>,
    /// All off before Vulkan 1.3.
    v13: vk::PhysicalDeviceVulkan13Features<'static>,
    float_atomics: vk::PhysicalDeviceShaderAtomicFloatFeaturesEXT<'static>,
    subgroups: vk::SubgroupFeatureFlags,
    /// Highest SPIR-V version that the device takes, as in a module's header.
    pub spirv_version: u32,
    pub host_import: bool,
    /// `VK_EXT_memory_budget`, which is asked about the physical device and needs no enabling.
    pub memory_budget: bool,
}

/// Where a feature's switch is.
type Switch = fn(&mut Features) -> &mut vk::Bool32;

/// One optional feature: what it is called in SPIR-V, and its switch.
type Optional = (&'static [Capability], Switch);

/// Optional features that cost nothing where unused. A kernel that needs one loads only where it is enabled.
const OPTIONAL: &[Optional] = &[
    (&[Capability::Float64], |f| &mut f.core.shader_float64),
    (&[Capability::Int16], |f| &mut f.core.shader_int16),
    (&[Capability::Int8], |f| &mut f.v12.shader_int8),
    (&[Capability::Float16], |f| &mut f.v12.shader_float16),
    (&[Capability::StorageBuffer16BitAccess], |f| &mut f.v11.storage_buffer16_bit_access),
    (&[Capability::UniformAndStorageBuffer16BitAccess], |f| &mut f.v11.uniform_and_storage_buffer16_bit_access),
    (&[Capability::StoragePushConstant16], |f| &mut f.v11.storage_push_constant16),
    (&[Capability::StorageBuffer8BitAccess], |f| &mut f.v12.storage_buffer8_bit_access),
    (&[Capability::UniformAndStorageBuffer8BitAccess], |f| &mut f.v12.uniform_and_storage_buffer8_bit_access),
    (&[Capability::StoragePushConstant8], |f| &mut f.v12.storage_push_constant8),
    (&[Capability::VariablePointersStorageBuffer], |f| &mut f.v11.variable_pointers_storage_buffer),
    (&[Capability::VariablePointers], |f| &mut f.v11.variable_pointers),
    (&[Capability::Int64Atomics], |f| &mut f.v12.shader_buffer_int64_atomics),
    (&[], |f| &mut f.v12.shader_shared_int64_atomics),
    (&[Capability::VulkanMemoryModel], |f| &mut f.v12.vulkan_memory_model),
    (&[Capability::VulkanMemoryModelDeviceScope], |f| &mut f.v12.vulkan_memory_model_device_scope),
    (&[], |f| &mut f.v12.shader_subgroup_extended_types),
    // Workgroup sizes from specialization constants by LocalSizeId.
    (&[], |f| &mut f.v13.maintenance4),
    (&[], |f| &mut f.v12.subgroup_broadcast_dynamic_id),
    (&[Capability::AtomicFloat32AddEXT], |f| &mut f.float_atomics.shader_buffer_float32_atomic_add),
    (&[], |f| &mut f.float_atomics.shader_buffer_float32_atomics),
    (&[], |f| &mut f.float_atomics.shader_shared_float32_atomics),
    (&[], |f| &mut f.float_atomics.shader_shared_float32_atomic_add),
    (&[Capability::AtomicFloat64AddEXT], |f| &mut f.float_atomics.shader_buffer_float64_atomic_add),
    (&[], |f| &mut f.float_atomics.shader_buffer_float64_atomics),
];

/// Required features: name and switch.
const REQUIRED: &[(&str, Switch)] = &[
    ("bufferDeviceAddress", |f| &mut f.v12.buffer_device_address),
    ("timelineSemaphore", |f| &mut f.v12.timeline_semaphore),
    ("shaderInt64", |f| &mut f.core.shader_int64),
    ("scalarBlockLayout", |f| &mut f.v12.scalar_block_layout),
];

/// Capabilities of every compute device that passes the requirements. Matrix and Int64 follow from the features,
/// ShaderNonUniform from Vulkan 1.2.
const ALWAYS: &[Capability] = &[
    Capability::Shader,
    Capability::Matrix,
    Capability::Int64,
    Capability::PhysicalStorageBufferAddresses,
    Capability::ShaderNonUniform,
];

/// Capabilities of subgroup operations, each with the flag that the device reports.
const SUBGROUP: &[(Capability, vk::SubgroupFeatureFlags)] = &[
    (Capability::GroupNonUniform, vk::SubgroupFeatureFlags::BASIC),
    (Capability::GroupNonUniformVote, vk::SubgroupFeatureFlags::VOTE),
    (Capability::GroupNonUniformArithmetic, vk::SubgroupFeatureFlags::ARITHMETIC),
    (Capability::GroupNonUniformBallot, vk::SubgroupFeatureFlags::BALLOT),
    (Capability::GroupNonUniformShuffle, vk::SubgroupFeatureFlags::SHUFFLE),
    (Capability::GroupNonUniformShuffleRelative, vk::SubgroupFeatureFlags::SHUFFLE_RELATIVE),
    (Capability::GroupNonUniformClustered, vk::SubgroupFeatureFlags::CLUSTERED),
    (Capability::GroupNonUniformQuad, vk::SubgroupFeatureFlags::QUAD),
];

impl Features {
    /// Asks the device what it supports. The device's version must be at least [`MIN_VERSION`].
    pub fn of(instance: &Instance, device: vk::PhysicalDevice, version: u32) -> Result<Self> {
        let extensions = extensions(instance, device)?;
        let has = |name: &CStr| extensions.iter().any(|e| e.extension_name_as_c_str() == Ok(name));
        let mut f = Features {
            host_import: has(vk::EXT_EXTERNAL_MEMORY_HOST_NAME) && importable(instance, device),
            memory_budget: has(vk::EXT_MEMORY_BUDGET_NAME),
            // SPIR-V 1.5 comes with Vulkan 1.2, 1.6 with 1.3; the instance is made for 1.3.
            spirv_version: if version >= vk::API_VERSION_1_3 { 0x0001_0600 } else { 0x0001_0500 },
            ..Default::default()
        };
        let mut query = vk::PhysicalDeviceFeatures2::default().push_next(&mut f.v11).push_next(&mut f.v12);
        if version >= vk::API_VERSION_1_3 {
            query = query.push_next(&mut f.v13);
        }
        if has(vk::EXT_SHADER_ATOMIC_FLOAT_NAME) {
            query = query.push_next(&mut f.float_atomics);
        }
        // SAFETY: the structures in the chain belong to versions and extensions that the device reports.
        unsafe { instance.raw.get_physical_device_features2(device, &mut query) };
        f.core = query.features;
        let mut v11 = vk::PhysicalDeviceVulkan11Properties::default();
        let mut query = vk::PhysicalDeviceProperties2::default().push_next(&mut v11);
        // SAFETY: as above; Vulkan11Properties needs Vulkan 1.2.
        unsafe { instance.raw.get_physical_device_properties2(device, &mut query) };
        if v11.subgroup_supported_stages.contains(vk::ShaderStageFlags::COMPUTE) {
            f.subgroups = v11.subgroup_supported_operations;
        }
        for (name, at) in REQUIRED {
            if instance.calls.lacks(name) {
                *at(&mut f) = vk::FALSE;
            }
        }
        Ok(f.unchained())
    }

    /// The required features that are absent.
    pub fn missing(&self) -> Vec<String> {
        let mut f = self.clone();
        REQUIRED.iter().filter(|(_, at)| *at(&mut f) == vk::FALSE).map(|(name, _)| format!("feature {name}")).collect()
    }

    /// The required and the supported optional features, and nothing else.
    pub fn to_enable(&self) -> Self {
        let mut from = self.clone();
        let mut to = Features {
            subgroups: self.subgroups,
            spirv_version: self.spirv_version,
            host_import: self.host_import,
            memory_budget: self.memory_budget,
            ..Default::default()
        };
        for at in REQUIRED.iter().map(|(_, at)| at).chain(OPTIONAL.iter().map(|(_, at)| at)) {
            *at(&mut to) = *at(&mut from);
        }
        to
    }

    /// Whether a kernel may declare `capability`.
    pub fn allows(&self, capability: Capability) -> bool {
        let mut f = self.clone();
        ALWAYS.contains(&capability)
            || SUBGROUP.iter().any(|(c, flag)| *c == capability && self.subgroups.contains(*flag))
            || OPTIONAL.iter().any(|(c, at)| c.contains(&capability) && *at(&mut f) == vk::TRUE)
    }

    /// Calls `f` with a device-creation info that enables these features and the extensions that go with them.
    pub fn chain<R>(&self, f: impl FnOnce(vk::DeviceCreateInfo<'_>) -> R) -> R {
        let Features { core, mut v11, mut v12, mut v13, mut float_atomics, .. } = self.clone().unchained();
        let mut extensions = vec![];
        if self.host_import {
            extensions.push(vk::EXT_EXTERNAL_MEMORY_HOST_NAME.as_ptr());
        }
        let mut all = vk::PhysicalDeviceFeatures2::default().features(core);
        let atomics = self.has_float_atomics();
        if atomics {
            extensions.push(vk::EXT_SHADER_ATOMIC_FLOAT_NAME.as_ptr());
        }
        let mut info = vk::DeviceCreateInfo::default()
            .enabled_extension_names(&extensions)
            .push_next(&mut v11)
            .push_next(&mut v12);
        if self.local_size_id() {
            info = info.push_next(&mut v13);
        }
        if atomics {
            info = info.push_next(&mut float_atomics);
        }
        f(info.push_next(&mut all))
    }

    /// Whether a kernel may give its workgroup size by the execution mode `LocalSizeId`.
    pub fn local_size_id(&self) -> bool {
        self.v13.maintenance4 == vk::TRUE
    }

    fn has_float_atomics(&self) -> bool {
        let a = &self.float_atomics;
        [a.shader_buffer_float32_atomics, a.shader_buffer_float64_atomics, a.shader_shared_float32_atomics]
            .contains(&vk::TRUE)
    }

    /// Clears the chain pointers that a query left in the structures.
    fn unchained(mut self) -> Self {
        self.v11.p_next = std::ptr::null_mut();
        self.v12.p_next = std::ptr::null_mut();
        self.v13.p_next = std::ptr::null_mut();
        self.float_atomics.p_next = std::ptr::null_mut();
        self
    }
}

// SAFETY: the structures hold plain flags; their chain pointers are null outside `of` and `chain`.
unsafe impl Send for Features {}
// SAFETY: as above; nothing is changed through a shared reference.
unsafe impl Sync for Features {}

/// Whether a buffer of the kind that imports use may be bound to imported host memory.
fn importable(instance: &Instance, device: vk::PhysicalDevice) -> bool {
    let info =
        vk::PhysicalDeviceExternalBufferInfo::default().usage(super::import::USAGE).handle_type(super::import::HANDLE);
    let mut found = vk::ExternalBufferProperties::default();
    // SAFETY: `device` comes from this instance, which is made for Vulkan 1.1 and later.
    unsafe { instance.raw.get_physical_device_external_buffer_properties(device, &info, &mut found) };
    let features = found.external_memory_properties.external_memory_features;
    features.contains(vk::ExternalMemoryFeatureFlags::IMPORTABLE)
}

fn extensions(instance: &Instance, device: vk::PhysicalDevice) -> Result<Vec<vk::ExtensionProperties>> {
    let calls: &Calls = &instance.calls;
    // SAFETY: `device` comes from this instance.
    calls.run(Call::EnumerateDeviceExtensionProperties, || unsafe {
        instance.raw.enumerate_device_extension_properties(device)
    })
}
