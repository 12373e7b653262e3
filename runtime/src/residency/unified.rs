//! Unified placement: the device works on the heap's own memory, imported segment by segment.
//!
//! Where it can be, what is imported is the user view, on first use. Where an offset is what kernels translate by, all
//! segments are imported at once, since the offset must be known, and agree, before the first kernel is lowered.

use super::{Imports, Translator};
use crate::{
    addr::{PAGE, Span},
    config::Translation,
    error::Result,
    gpu::{Device, DeviceInfo, plan::Use},
    trace::{Entry, Trace},
};
use std::sync::Arc;

/// The heap as the device sees it.
pub(crate) struct Unified {
    device: Arc<Device>,
    imports: Imports,
    translator: Translator,
    trace: Trace,
}

impl Unified {
    /// # Errors
    /// `TranslationUnavailable` where the translation does not work out; as Vulkan's.
    pub fn new(device: &Arc<Device>, imports: Imports, translation: Translation, trace: Trace) -> Result<Self> {
        let pages = (imports.heap().len() / PAGE as u64) as usize;
        let translator = Translator::new(translation, device, pages)?;
        let unified = Unified { device: device.clone(), imports, translator, trace };
        if unified.translator.is_eager() {
            unified.prepare(unified.imports.heap())?;
        }
        Ok(unified)
    }

    /// Makes sure that the device can reach `span`, which lies in the heap.
    pub fn prepare(&self, span: Span) -> Result<()> {
        let DeviceInfo { name, .. } = &self.device.info;
        let base = self.imports.heap().start;
        self.imports.prepare(span, |segment, address| self.translator.note(base, segment, address, name))
    }

    /// A launch was issued: logs what it uses, all of it in place.
    pub fn issued(&self, uses: impl Iterator<Item = Use>, point: u64) {
        if !self.trace.is_on() {
            return;
        }
        for Use { span, write } in uses.filter(|used| !used.span.is_empty()) {
            let pages = span.units(self.imports.heap().start, PAGE);
            self.trace.note(|| Entry::Used { point, first: pages.start, pages: pages.len(), write, in_place: true });
        }
    }

    /// How kernels are lowered; `None` where they run untouched.
    pub fn lowering(&self) -> Option<vksvm_spirv::Translation> {
        self.translator.lowering(self.imports.heap().start)
    }

    /// What the translation takes, for the reasons that a program is told.
    pub fn translation_cost(&self) -> String {
        self.translator.cost()
    }

    /// Segments imported so far, and all of them.
    pub fn imported(&self) -> (usize, usize) {
        self.imports.imported()
    }
}
