//! Every Vulkan call and every system call of discrete placement, made to fail: what a program is told is what failed, what it was not told of was
//! made up for, memory is what it was, and the same `Svm` works on.
//!
//! Where a call fails in service, on behalf of a CPU touch, there is nobody to be told: the process ends with a message. [`life`] therefore runs in
//! processes of its own, which go on where the last one ended.

pub mod life;
mod opening;
mod round;

use libtest_mimic::Trial;

pub fn tests() -> Vec<Trial> {
    opening::tests().into_iter().chain(life::tests()).collect()
}
