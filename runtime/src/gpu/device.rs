//! One logical device and its limits.

use super::{
    call::{Call, Calls},
    features::Features,
    instance::Instance,
    queues::{CopyQueue, DeviceQueue},
    select::Candidate,
};
use crate::{error::Result, os::threads};
use ash::vk;
use rspirv::spirv::Capability;
use smallvec::SmallVec;
use std::sync::Arc;

/// A logical device and its queues; everything made from it holds an `Arc` of it.
pub(crate) struct Device {
    pub raw: ash::Device,
    pub calls: Calls,
    /// Where launches go.
    pub queue: DeviceQueue,
    /// Where copies go, if not there, too.
    copy_queue: Option<DeviceQueue>,
    physical: vk::PhysicalDevice,
    threads: Box<[u32]>,
    pub info: DeviceInfo,
    pub memory: vk::PhysicalDeviceMemoryProperties,
    pub host_import: Option<ash::ext::external_memory_host::Device>,
    features: Features,
    instance: Arc<Instance>,
}

/// What a device is and can take, in plain numbers.
#[derive(Clone, Debug)]
pub(crate) struct DeviceInfo {
    pub name: String,
    pub driver: String,
    /// The Vulkan version, `major.minor.patch`.
    pub version: String,
    pub is_cpu: bool,
    /// Whether the device's memory is the host's: it is the CPU, or integrated with it.
    pub shares_memory: bool,
    pub push_constants: usize,
    pub max_groups: [u32; 3],
    pub max_local: [u32; 3],
    pub max_invocations: u32,
    pub max_shared: u32,
    pub max_import: u64,
    pub import_align: u64,
    /// Nanoseconds a timestamp tick; `None` where the queue has no timestamps.
    pub tick_ns: Option<f64>,
    pub timestamp_bits: u32,
}

impl Device {
    pub fn new(instance: &Arc<Instance>, candidate: &Candidate) -> Result<Arc<Self>> {
        let enabled = candidate.features.to_enable();
        let CopyQueue { family, index } =
            candidate.copy_queue.unwrap_or(CopyQueue { family: candidate.queue_family, index: 0 });
        let one_family = family == candidate.queue_family;
        let priorities = [1.0; 2];
        let queues =
            [(candidate.queue_family, if one_family { index + 1 } else { 1 }), (family, 1)].map(|(family, count)| {
                vk::DeviceQueueCreateInfo::default()
                    .queue_family_index(family)
                    .queue_priorities(&priorities[..count as usize])
            });
        let queues = if one_family { &queues[..1] } else { &queues[..] };
        let calls = instance.calls.clone();
        let is_cpu = candidate.properties.device_type == vk::PhysicalDeviceType::CPU;
        let before = if is_cpu { threads::ids() } else { vec![] };
        let raw = enabled.chain(|info| {
            let info = info.queue_create_infos(queues);
            // SAFETY: the candidate comes from this instance and supports what `enabled` asks for.
            calls.run(Call::CreateDevice, || unsafe { instance.raw.create_device(candidate.raw, &info, None) })
        })?;
        let mut after = if is_cpu { threads::ids() } else { vec![] };
        after.retain(|id| before.binary_search(id).is_err());
        let queue = |family, index| {
            // SAFETY: a queue of this family and index was asked for above.
            DeviceQueue::new(family, unsafe { raw.get_device_queue(family, index) })
        };
        // SAFETY: the candidate comes from this instance.
        let memory = unsafe { instance.raw.get_physical_device_memory_properties(candidate.raw) };
        let host_import = enabled.host_import.then(|| ash::ext::external_memory_host::Device::new(&instance.raw, &raw));
        Ok(Arc::new(Device {
            calls,
            queue: queue(candidate.queue_family, 0),
            copy_queue: candidate.copy_queue.map(|copy| queue(copy.family, copy.index)),
            physical: candidate.raw,
            threads: after.into(),
            info: DeviceInfo::of(instance, candidate),
            memory,
            host_import,
            features: enabled,
            raw,
            instance: instance.clone(),
        }))
    }

    /// Whether a kernel may declare this SPIR-V capability.
    pub fn allows(&self, capability: Capability) -> bool {
        self.features.allows(capability)
    }

    /// Whether a kernel may use the execution mode `LocalSizeId`.
    pub fn local_size_id(&self) -> bool {
        self.features.local_size_id()
    }

    /// The highest SPIR-V version that it takes, as in a module's header.
    pub fn spirv_version(&self) -> u32 {
        self.features.spirv_version
    }

    /// The system's numbers of the threads that came up while the device was made, in ascending order: on a device that is the
    /// CPU, those that run its kernels. A thread that the program started at that very moment may be among them. Empty on
    /// other devices.
    pub fn threads(&self) -> &[u32] {
        &self.threads
    }

    /// Bytes in the device's largest memory of its own.
    pub fn local_bytes(&self) -> u64 {
        let local = |heap: &&vk::MemoryHeap| heap.flags.contains(vk::MemoryHeapFlags::DEVICE_LOCAL);
        self.memory.memory_heaps_as_slice().iter().filter(local).map(|heap| heap.size).max().unwrap_or(0)
    }

    /// Where copies go: the launches' queue where there is no other.
    pub fn copies(&self) -> &DeviceQueue {
        self.copy_queue.as_ref().unwrap_or(&self.queue)
    }

    /// Whether copies have a queue to themselves, so that they do not wait behind launches.
    pub fn has_copy_queue(&self) -> bool {
        self.copy_queue.is_some()
    }

    /// The families that use memory which both launches and copies use, each once.
    pub fn families(&self) -> SmallVec<[u32; 2]> {
        let mut families = SmallVec::from_slice(&[self.queue.family]);
        if self.copies().family != self.queue.family {
            families.push(self.copies().family);
        }
        families
    }

    /// The device's memory, and how much of each heap this process may use by now, where the driver tells that.
    pub fn memory_budget(
        &self,
    ) -> (vk::PhysicalDeviceMemoryProperties, Option<[vk::DeviceSize; vk::MAX_MEMORY_HEAPS]>) {
        let mut budget = vk::PhysicalDeviceMemoryBudgetPropertiesEXT::default();
        if !self.features.memory_budget {
            return (self.memory, None);
        }
        let mut query = vk::PhysicalDeviceMemoryProperties2::default().push_next(&mut budget);
        // SAFETY: the physical device comes from this instance and has the extension that the chained structure belongs to.
        unsafe { self.instance.raw.get_physical_device_memory_properties2(self.physical, &mut query) };
        let memory = query.memory_properties;
        (memory, Some(budget.heap_budget))
    }

    /// Waits until no submitted work is left, launches and copies, or the device is lost.
    ///
    /// Past the failure seam: this is for the places that give memory back, where a failed call must not let a
    /// running kernel outlive what it works on.
    pub fn quiesce(&self) {
        let _launches = self.queue.lock();
        let _copies = self.copy_queue.as_ref().map(DeviceQueue::lock);
        loop {
            // SAFETY: nobody else uses a queue: both locks are held.
            match unsafe { self.raw.device_wait_idle() } {
                // Nothing runs on a lost device (Vulkan, "Lost Device").
                Ok(()) | Err(vk::Result::ERROR_DEVICE_LOST) => return,
                // Out of memory: passes, and there is nothing better to do than to ask again.
                Err(_) => std::thread::yield_now(),
            }
        }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: everything made from the device held an Arc of it and is gone; the queue drained itself.
        unsafe { self.raw.destroy_device(None) };
    }
}

impl DeviceInfo {
    fn of(instance: &Instance, candidate: &Candidate) -> Self {
        let limits = &candidate.properties.limits;
        let mut import = vk::PhysicalDeviceExternalMemoryHostPropertiesEXT::default();
        let mut v11 = vk::PhysicalDeviceVulkan11Properties::default();
        let mut v12 = vk::PhysicalDeviceVulkan12Properties::default();
        let mut v13 = vk::PhysicalDeviceVulkan13Properties::default();
        let mut query = vk::PhysicalDeviceProperties2::default().push_next(&mut v11).push_next(&mut v12);
        if candidate.properties.api_version >= vk::API_VERSION_1_3 {
            query = query.push_next(&mut v13);
        }
        if candidate.features.host_import {
            query = query.push_next(&mut import);
        }
        // SAFETY: the chained structures belong to Vulkan 1.2 and to an extension that the device has.
        unsafe { instance.raw.get_physical_device_properties2(candidate.raw, &mut query) };
        let text = |s: std::result::Result<&std::ffi::CStr, _>| -> String {
            s.map(|s| s.to_string_lossy().into_owned()).unwrap_or_else(|_: std::ffi::FromBytesUntilNulError| "?".into())
        };
        let driver = format!("{} {}", text(v12.driver_name_as_c_str()), text(v12.driver_info_as_c_str()));
        DeviceInfo {
            name: candidate.name.clone(),
            driver,
            version: {
                let v = candidate.properties.api_version;
                format!("{}.{}.{}", vk::api_version_major(v), vk::api_version_minor(v), vk::api_version_patch(v))
            },
            is_cpu: candidate.properties.device_type == vk::PhysicalDeviceType::CPU,
            shares_memory: matches!(
                candidate.properties.device_type,
                vk::PhysicalDeviceType::CPU | vk::PhysicalDeviceType::INTEGRATED_GPU
            ),
            push_constants: limits.max_push_constants_size as usize,
            max_groups: limits.max_compute_work_group_count,
            max_local: limits.max_compute_work_group_size,
            max_invocations: limits.max_compute_work_group_invocations,
            max_shared: limits.max_compute_shared_memory_size,
            // Before Vulkan 1.3 nothing tells how large a buffer may be.
            max_import: match v13.max_buffer_size {
                0 => v11.max_memory_allocation_size,
                largest => v11.max_memory_allocation_size.min(largest),
            },
            import_align: import.min_imported_host_pointer_alignment.max(1),
            tick_ns: (candidate.timestamp_bits > 0).then_some(f64::from(limits.timestamp_period)),
            timestamp_bits: candidate.timestamp_bits,
        }
    }
}
