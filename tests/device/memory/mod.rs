//! Device memory by itself: copies there and back, in both ways, what launches see of them, failures, and what else a device
//! says of its memory and its threads.

mod copies;
mod failures;
mod order;
mod pages;
mod table;
pub mod threads;

pub fn tests() -> Vec<libtest_mimic::Trial> {
    [copies::tests(), order::tests(), failures::tests(), table::tests(), threads::tests()]
        .into_iter()
        .flatten()
        .collect()
}
