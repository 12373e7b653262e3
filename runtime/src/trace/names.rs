//! What kernels and memory are called.

use crate::addr::Span;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Names that were given. Allocates and locks: not for service.
#[derive(Default)]
pub(super) struct Names(Mutex<Given>);

/// All of them.
#[derive(Clone, Default)]
pub(super) struct Given {
    /// By number.
    pub kernels: Vec<String>,
    /// In the order in which they were given.
    pub regions: Vec<NamedRegion>,
}

/// Memory that has had a name since some time.
#[derive(Clone, Debug)]
pub(super) struct NamedRegion {
    pub span: Span,
    pub name: String,
    /// In ns.
    pub since: u64,
}

impl Names {
    /// The number of the kernels of this name.
    pub fn kernel(&self, name: &str) -> u32 {
        let kernels = &mut self.given().kernels;
        let known = kernels.iter().position(|known| known == name);
        known.unwrap_or_else(|| {
            kernels.push(name.into());
            kernels.len() - 1
        }) as u32
    }

    pub fn region(&self, span: Span, name: &str, since: u64) {
        self.given().regions.push(NamedRegion { span, name: name.into(), since });
    }

    pub fn all(&self) -> Given {
        self.given().clone()
    }

    fn given(&self) -> MutexGuard<'_, Given> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
