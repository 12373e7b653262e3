//! A compute pipeline with a push-constant block and nothing else.
//!
//! # Safety
//! A kernel borrows its [`Device`], so it is destroyed first, once the device is idle.
#![allow(unsafe_code)]

use super::Device;
use anyhow::{Context, Result, ensure};
use ash::{util, vk};
use std::io::Cursor;

/// A pipeline and its layout.
pub struct Kernel<'d> {
    device: &'d Device,
    layout: vk::PipelineLayout,
    pipeline: vk::Pipeline,
}

impl<'d> Kernel<'d> {
    /// Builds the entry point `main` of `spirv`, which takes `arguments` bytes of push constants.
    ///
    /// # Safety
    /// `spirv` is a valid module: Vulkan does not check it.
    ///
    /// # Errors
    /// Too many arguments, or what Vulkan's calls return.
    pub unsafe fn new(device: &'d Device, spirv: &[u8], arguments: usize) -> Result<Self> {
        let words = util::read_spv(&mut Cursor::new(spirv))?;
        // SAFETY: the caller's promise.
        unsafe { Self::from_words(device, &words, arguments) }
    }

    /// As [`new`](Self::new), of words in the host's byte order.
    ///
    /// # Safety
    /// As there.
    ///
    /// # Errors
    /// As there.
    pub unsafe fn from_words(device: &'d Device, spirv: &[u32], arguments: usize) -> Result<Self> {
        ensure!(arguments <= 128, "every device takes 128 bytes of push constants, not {arguments}");
        let info = vk::ShaderModuleCreateInfo::default().code(spirv);
        // SAFETY: the caller vouches for the module.
        let module = unsafe { device.device.create_shader_module(&info, None) }.context("vkCreateShaderModule")?;
        let ranges =
            [vk::PushConstantRange::default().stage_flags(vk::ShaderStageFlags::COMPUTE).size(arguments as u32)];
        let used = if arguments == 0 { &[][..] } else { &ranges[..] };
        let info = vk::PipelineLayoutCreateInfo::default().push_constant_ranges(used);
        // SAFETY: `info` and what it points at live through the call.
        let layout = unsafe { device.device.create_pipeline_layout(&info, None) }.context("vkCreatePipelineLayout")?;
        let stage = vk::PipelineShaderStageCreateInfo::default()
            .stage(vk::ShaderStageFlags::COMPUTE)
            .module(module)
            .name(c"main");
        let info = vk::ComputePipelineCreateInfo::default().stage(stage).layout(layout);
        // SAFETY: module and layout were made just above and live through the call.
        let made = unsafe { device.device.create_compute_pipelines(vk::PipelineCache::null(), &[info], None) };
        // SAFETY: pipelines do not keep the module they were made from.
        unsafe { device.device.destroy_shader_module(module, None) };
        let pipeline = made.map_err(|(_, e)| e).context("vkCreateComputePipelines")?[0];
        Ok(Kernel { device, layout, pipeline })
    }

    pub(super) fn layout(&self) -> vk::PipelineLayout {
        self.layout
    }

    pub(super) fn pipeline(&self) -> vk::Pipeline {
        self.pipeline
    }
}

impl Drop for Kernel<'_> {
    fn drop(&mut self) {
        if !self.device.is_idle() {
            return;
        }
        // SAFETY: the device is idle.
        unsafe { self.device.device.destroy_pipeline(self.pipeline, None) };
        // SAFETY: its only pipeline is gone.
        unsafe { self.device.device.destroy_pipeline_layout(self.layout, None) };
    }
}
