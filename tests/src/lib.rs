//! vksvm-tests.
