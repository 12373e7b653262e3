//! The Khronos validation layer: switched on by `VKSVM_VALIDATION=1`, with synchronization validation.
//!
//! Messages outside [`ALLOWED`] go to the `tracing` log and to standard error. With the feature `seam` they are also
//! kept, so that a test program can fail on them.

use ash::vk;
use std::ffi::{CStr, c_void};
#[cfg(feature = "seam")]
use std::sync::{Mutex, PoisonError};

/// The layer's name.
pub(crate) const LAYER: &CStr = c"VK_LAYER_KHRONOS_validation";

/// Messages that are known and harmless, by a part of their text, each with its reason.
const ALLOWED: &[(&str, &str)] = &[(
    "UNASSIGNED-VkSemaphore-state-timeout",
    "the layer's own bookkeeping gave up after ten seconds, and says that this is most likely a bug of its own: it comes \
     up where two threads wait on one timeline at once, which Vulkan allows (1.3.239)",
)];

#[cfg(feature = "seam")]
static MESSAGES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The messages outside the allow-list that the layer has sent to this process so far.
#[cfg(feature = "seam")]
pub fn messages() -> Vec<String> {
    MESSAGES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// What the messenger reports: everything that the layer finds, and errors of the loader.
pub(crate) fn messenger_info() -> vk::DebugUtilsMessengerCreateInfoEXT<'static> {
    vk::DebugUtilsMessengerCreateInfoEXT::default()
        .message_severity(vk::DebugUtilsMessageSeverityFlagsEXT::WARNING | vk::DebugUtilsMessageSeverityFlagsEXT::ERROR)
        .message_type(vk::DebugUtilsMessageTypeFlagsEXT::VALIDATION | vk::DebugUtilsMessageTypeFlagsEXT::PERFORMANCE)
        .pfn_user_callback(Some(on_message))
}

unsafe extern "system" fn on_message(
    _severity: vk::DebugUtilsMessageSeverityFlagsEXT,
    _types: vk::DebugUtilsMessageTypeFlagsEXT,
    data: *const vk::DebugUtilsMessengerCallbackDataEXT<'_>,
    _user: *mut c_void,
) -> vk::Bool32 {
    // SAFETY: the layer passes a valid pointer for the length of the call (VK_EXT_debug_utils), or none.
    let text = unsafe { data.as_ref() }.map(|data| data.p_message).filter(|text| !text.is_null());
    let Some(text) = text else { return vk::FALSE };
    // SAFETY: p_message is a null-terminated string that lives as long as the callback data.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
    if !ALLOWED.iter().any(|(part, _)| text.contains(part)) {
        tracing::error!(target: "vksvm::validation", "{text}");
        eprintln!("validation: {text}");
        #[cfg(feature = "seam")]
        MESSAGES.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }
    vk::FALSE
}
