//! .
pub fn push_until_exhausted() {}
pub fn fork_and_touch() {}
