//! vksvm-samples library.
