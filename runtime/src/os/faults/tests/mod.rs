//! Tests of the backends against the system itself.

use super::*;
use crate::{
    config::Faults,
    os::{
        call::SystemCalls,
        mapping::{Backing, Mapping},
    },
};
use std::sync::Arc;

#[test]
fn opens() {
    for kind in [Faults::Auto, Faults::Userfaultfd, Faults::Sigbus, Faults::Signal] {
        let mapping = Arc::new(Mapping::new(crate::BLOCK, crate::BLOCK, Backing::Memfd).unwrap());
        let access = Access::open(kind, mapping, &SystemCalls::default()).unwrap();
        println!("{:?}", access.tried());
    }
}
