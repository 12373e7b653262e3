//! Where the heap's pages are and how the device gets at them. Unified placement: they stay where they are.

mod probe;
mod translation;
mod unified;

pub(crate) use probe::{Findings, unified as probe_unified};
pub(crate) use translation::{Shown, Translator, choose as choose_translation};
pub(crate) use unified::{Unified, Views};
