//! How one `Svm`'s kernels are lowered, and those that were.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use vksvm_spirv::{Error, Lowered, Options, lower};

/// Lowers modules for one `Svm`, each once: programs load one module for several entry points and constants, on which lowering
/// does not depend.
pub(crate) struct Lowering {
    options: Options,
    known: Mutex<HashMap<Vec<u32>, Arc<Lowered>>>,
}

/// Most modules that are kept. Past that all are forgotten: who loads so many different ones does not load them again.
const KEPT: usize = 64;

impl Lowering {
    pub fn new(options: Options) -> Self {
        Lowering { options, known: Mutex::default() }
    }

    /// The module with its addresses translated.
    ///
    /// # Errors
    /// As for [`vksvm_spirv::lower`].
    pub fn lower(&self, words: Vec<u32>) -> Result<Arc<Lowered>, Error> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lowered) = known().get(&words) {
            return Ok(lowered.clone());
        }
        let lowered = Arc::new(lower(&words, &self.options)?);
        let mut known = known();
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(words, lowered.clone());
        Ok(lowered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vksvm_spirv::{Offset, Translation};

    #[test]
    fn a_module_is_lowered_once_and_errors_are_not_kept() {
        let lowering = Lowering::new(Options::new(Translation::Offset(Offset(4096))));
        let words: Vec<u32> =
            crate::gpu::PROBE_SPIRV.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        let (first, second) = (lowering.lower(words.clone()).unwrap(), lowering.lower(words.clone()).unwrap());
        assert!(Arc::ptr_eq(&first, &second));
        assert_ne!(first.words, words);
        assert!(lowering.lower(vec![1, 2, 3]).is_err() && lowering.lower(vec![1, 2, 3]).is_err());
        for unused in 0..KEPT as u32 {
            // A word behind the bound makes no other program.
            let mut other = words.clone();
            other[2] = unused;
            lowering.lower(other).unwrap();
        }
        assert!(!Arc::ptr_eq(&first, &lowering.lower(words).unwrap()), "a bounded number is kept");
    }
}
