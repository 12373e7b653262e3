//! The Vulkan loader and instance.

use super::{
    call::{Call, Calls},
    validation,
};
use crate::error::{Error, Result};
use ash::vk;

/// The loader's entry points and one instance; destroyed when the last device made from it is gone.
pub(crate) struct Instance {
    pub raw: ash::Instance,
    pub calls: Calls,
    messenger: Option<(ash::ext::debug_utils::Instance, vk::DebugUtilsMessengerEXT)>,
    /// Keeps the loader's library loaded.
    _entry: ash::Entry,
}

impl Instance {
    pub fn new(calls: Calls, validate: bool) -> Result<Self> {
        // SAFETY: the loader is a system library whose initialisers do nothing that could conflict with this process.
        let entry = unsafe { ash::Entry::load() }.map_err(|e| Error::NoVulkan { reason: e.to_string() })?;
        if validate {
            // SAFETY: no preconditions.
            let layers = calls.run(Call::EnumerateInstanceLayerProperties, || unsafe {
                entry.enumerate_instance_layer_properties()
            })?;
            let present = layers.iter().any(|l| l.layer_name_as_c_str() == Ok(validation::LAYER));
            if !present {
                return Err(Error::NoValidationLayer);
            }
        }
        let app = vk::ApplicationInfo::default()
            .application_name(c"vksvm")
            .engine_name(c"vksvm")
            .api_version(vk::API_VERSION_1_3);
        let layers = if validate { vec![validation::LAYER.as_ptr()] } else { vec![] };
        let extensions = if validate {
            vec![vk::EXT_DEBUG_UTILS_NAME.as_ptr(), vk::EXT_VALIDATION_FEATURES_NAME.as_ptr()]
        } else {
            vec![]
        };
        let checks = [vk::ValidationFeatureEnableEXT::SYNCHRONIZATION_VALIDATION];
        let mut features = vk::ValidationFeaturesEXT::default().enabled_validation_features(&checks);
        let mut messenger_info = validation::messenger_info();
        let mut info = vk::InstanceCreateInfo::default()
            .application_info(&app)
            .enabled_layer_names(&layers)
            .enabled_extension_names(&extensions);
        if validate {
            info = info.push_next(&mut features).push_next(&mut messenger_info);
        }
        // SAFETY: `info` and what it points to live until the call returns; layer and extensions were checked or
        // belong to the layer.
        let made = calls.run(Call::CreateInstance, || match unsafe { entry.create_instance(&info, None) } {
            // What the loader answers where it finds no driver at all.
            Err(vk::Result::ERROR_INCOMPATIBLE_DRIVER) => Ok(None),
            made => made.map(Some),
        })?;
        let Some(raw) = made else {
            let found = "the loader found no driver; install one (Debian: mesa-vulkan-drivers)".into();
            return Err(Error::NoDevice { wanted: "is present".into(), found });
        };
        let mut instance = Instance { raw, calls, messenger: None, _entry: entry };
        if validate {
            let utils = ash::ext::debug_utils::Instance::new(&instance._entry, &instance.raw);
            let info = validation::messenger_info();
            // SAFETY: VK_EXT_debug_utils was enabled above.
            let messenger = instance
                .calls
                .run(Call::CreateDebugUtilsMessenger, || unsafe { utils.create_debug_utils_messenger(&info, None) })?;
            instance.messenger = Some((utils, messenger));
        }
        Ok(instance)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some((utils, messenger)) = self.messenger.take() {
            // SAFETY: made by this instance, destroyed once, here.
            unsafe { utils.destroy_debug_utils_messenger(messenger, None) };
        }
        // SAFETY: devices hold an Arc of this, so none is left.
        unsafe { self.raw.destroy_instance(None) };
    }
}
