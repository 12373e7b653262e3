//! Derives for vksvm.
