//! How much of a device's memory pages may take when the program does not say.

use super::device::Device;
use crate::os::memory::total_memory;
use ash::vk;

/// Share of what the driver offers that pages take, in percent: the budget shrinks at run time as other programs come, and this
/// process's pipelines, staging memory and tables need some, too.
const SHARE: u64 = 80;

/// On a device that is the CPU, the part of the machine's memory that pages take at most: there the host copy, the device
/// copy and everything else share one memory.
const CPU_PART: u64 = 4;

/// Bytes of device memory that pages may take by default: 80 % of the largest device-local heap's budget as
/// `VK_EXT_memory_budget` tells it, else of the heap's size; on CPU devices at most a quarter of the machine's memory.
pub(crate) fn default_budget(device: &Device) -> u64 {
    let (memory, budgets) = device.memory_budget();
    let machine = device.info.is_cpu.then(|| total_memory() as u64);
    budget(&memory, budgets.as_ref(), machine)
}

fn budget(
    memory: &vk::PhysicalDeviceMemoryProperties,
    budgets: Option<&[vk::DeviceSize; vk::MAX_MEMORY_HEAPS]>,
    machine: Option<u64>,
) -> u64 {
    let heaps = memory.memory_heaps_as_slice().iter().enumerate();
    let local = heaps.filter(|(_, heap)| heap.flags.contains(vk::MemoryHeapFlags::DEVICE_LOCAL));
    // Vulkan promises one device-local heap ("Device Memory Properties"); a driver without leaves nothing.
    let Some((index, largest)) = local.max_by_key(|(_, heap)| heap.size) else { return 0 };
    // The budget may be larger than the heap, where the driver would move what does not fit.
    let offered = budgets.map_or(largest.size, |budgets| budgets[index].min(largest.size));
    let share = offered / 100 * SHARE;
    machine.map_or(share, |machine| share.min(machine / CPU_PART))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heaps(sizes: &[(u64, bool)]) -> vk::PhysicalDeviceMemoryProperties {
        let mut memory =
            vk::PhysicalDeviceMemoryProperties { memory_heap_count: sizes.len() as u32, ..Default::default() };
        for (heap, (size, local)) in memory.memory_heaps.iter_mut().zip(sizes) {
            let flags = if *local { vk::MemoryHeapFlags::DEVICE_LOCAL } else { vk::MemoryHeapFlags::empty() };
            *heap = vk::MemoryHeap { size: *size, flags };
        }
        memory
    }

    #[test]
    fn a_share_of_the_largest_device_local_heap() {
        let card = heaps(&[(64_000, false), (8_000, true), (256, true)]);
        assert_eq!(budget(&card, None, None), 6_400);
        let mut offered = [0; vk::MAX_MEMORY_HEAPS];
        offered[..3].copy_from_slice(&[60_000, 5_000, 200]);
        assert_eq!(budget(&card, Some(&offered), None), 4_000);
        offered[1] = 9_000;
        assert_eq!(budget(&card, Some(&offered), None), 6_400);
        assert_eq!(budget(&heaps(&[(64_000, false)]), None, None), 0);
    }

    #[test]
    fn a_quarter_of_the_machine_at_most_where_the_device_is_the_machine() {
        assert_eq!(budget(&heaps(&[(64_000, true)]), None, Some(40_000)), 10_000);
        assert_eq!(budget(&heaps(&[(1_000, true)]), None, Some(40_000)), 800);
    }
}
