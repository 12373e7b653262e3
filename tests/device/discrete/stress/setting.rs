//! What the operations of a life share, and what a launch may be told.

use super::record::Record;
use crate::discrete::{Mode, kernels::Kernels};
use std::{collections::BTreeSet, ops::Range, sync::Arc};
use vksvm::{Error, PAGE, Svm};

/// A heap, its kernels, and how it was opened.
pub struct Setting {
    pub mode: &'static Mode,
    /// Bytes of device memory.
    pub budget: u64,
    pub svm: Svm,
    pub kernels: Kernels,
    pub record: Arc<Record>,
}

impl Setting {
    /// Whether the launch, which uses these bytes, was accepted. It must have been, unless it can never have the memory that it needs.
    pub fn accepted<T>(&self, launched: vksvm::Result<T>, spans: &[Range<usize>]) -> Option<T> {
        let pages: BTreeSet<usize> = spans
            .iter()
            .filter(|span| !span.is_empty())
            .flat_map(|span| span.start / PAGE..span.end.div_ceil(PAGE))
            .collect();
        let bytes = (pages.len() * PAGE) as u64;
        let fits = bytes <= self.budget || self.mode.in_place;
        match launched {
            Ok(launch) => {
                assert!(fits, "a launch on {bytes} bytes was accepted, device memory may take {}", self.budget);
                Some(launch)
            }
            Err(Error::BudgetExceeded { needed, budget }) if !fits => {
                assert_eq!((needed, budget), (bytes, self.budget), "the figures of BudgetExceeded");
                self.record.count("BudgetExceeded", 1);
                None
            }
            Err(error) => panic!("a launch on {bytes} bytes of {}: {error}", self.budget),
        }
    }
}
