//! Scopes, lent slices, launches that own their buffers, waits.

pub mod gate;
mod grids;
mod owned;
mod scopes;
mod waits;

pub fn tests() -> Vec<libtest_mimic::Trial> {
    [scopes::tests(), owned::tests(), waits::tests(), grids::tests()].into_iter().flatten().collect()
}
