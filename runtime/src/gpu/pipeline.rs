//! Compute pipelines.

use super::{call::Call, device::Device};
use crate::error::Result;
use ash::vk;
use std::{ffi::CString, sync::Arc};

/// A compute pipeline whose only interface is its push constants.
pub(crate) struct Pipeline {
    device: Arc<Device>,
    pub raw: vk::Pipeline,
    pub layout: vk::PipelineLayout,
    /// The entry point, for messages.
    pub name: String,
}

/// What a pipeline is made from.
pub(crate) struct PipelineSource<'a> {
    pub words: &'a [u32],
    pub entry: &'a str,
    /// Bytes of arguments, a multiple of 4.
    pub push_constants: u32,
    /// Specialization constants: id and bytes.
    pub constants: &'a [(u32, Vec<u8>)],
}

impl Pipeline {
    /// # Safety
    /// The module is valid SPIR-V for this device: reflection and capability checks have passed, and the loader
    /// vouched for the rest.
    pub unsafe fn new(device: &Arc<Device>, source: &PipelineSource<'_>) -> Result<Arc<Self>> {
        let calls = &device.calls;
        let range = vk::PushConstantRange {
            stage_flags: vk::ShaderStageFlags::COMPUTE,
            offset: 0,
            size: source.push_constants,
        };
        let ranges = if source.push_constants > 0 { std::slice::from_ref(&range) } else { &[] };
        let info = vk::PipelineLayoutCreateInfo::default().push_constant_ranges(ranges);
        // SAFETY: one range within the device's limit, as the caller has checked.
        let layout =
            calls.run(Call::CreatePipelineLayout, || unsafe { device.raw.create_pipeline_layout(&info, None) })?;
        // From here on a failure drops what exists.
        let mut pipeline =
            Pipeline { device: device.clone(), raw: vk::Pipeline::null(), layout, name: source.entry.into() };

        let info = vk::ShaderModuleCreateInfo::default().code(source.words);
        // SAFETY: the caller vouches for the module.
        let module = calls.run(Call::CreateShaderModule, || unsafe { device.raw.create_shader_module(&info, None) })?;
        let (mut entries, mut data) = (vec![], vec![]);
        for (id, bytes) in source.constants {
            let entry = vk::SpecializationMapEntry { constant_id: *id, offset: data.len() as u32, size: bytes.len() };
            entries.push(entry);
            data.extend_from_slice(bytes);
        }
        let constants = vk::SpecializationInfo::default().map_entries(&entries).data(&data);
        // A SPIR-V string has no zero byte inside, so neither has an entry point that was found in the module.
        let name = CString::new(source.entry).unwrap_or_default();
        let stage = vk::PipelineShaderStageCreateInfo::default()
            .stage(vk::ShaderStageFlags::COMPUTE)
            .module(module)
            .name(&name)
            .specialization_info(&constants);
        let info = vk::ComputePipelineCreateInfo::default().stage(stage).layout(layout);
        let made = calls.run(Call::CreateComputePipelines, || {
            let infos = std::slice::from_ref(&info);
            // SAFETY: stage, layout and constants live through the call and belong to this device.
            unsafe { device.raw.create_compute_pipelines(vk::PipelineCache::null(), infos, None) }
                .map(|made| made[0])
                .map_err(|(_, result)| result)
        });
        // SAFETY: the pipeline is made; Vulkan lets the module go then.
        unsafe { device.raw.destroy_shader_module(module, None) };
        pipeline.raw = made?;
        Ok(Arc::new(pipeline))
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // SAFETY: kernels and launches in flight hold an Arc of this; null is ignored.
        unsafe { self.device.raw.destroy_pipeline(self.raw, None) };
        // SAFETY: as above.
        unsafe { self.device.raw.destroy_pipeline_layout(self.layout, None) };
    }
}
