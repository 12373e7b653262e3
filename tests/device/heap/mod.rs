//! The heap, through the public API and on a device.

mod launches;
mod memory;
pub mod system;

pub fn tests() -> Vec<libtest_mimic::Trial> {
    [memory::tests(), launches::tests(), system::tests()].into_iter().flatten().collect()
}
