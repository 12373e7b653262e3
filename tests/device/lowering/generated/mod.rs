//! Random modules: a seed makes a recipe, a recipe makes a module and its heap, and one that fails is made smaller.

mod counters;
mod evaluate;
mod image;
mod invent;
mod picks;
mod recipe;
mod shrink;
mod tests;
mod types;
mod write;

use super::case::{Case, HEAP};
pub use evaluate::evaluate;
use shrink::Cut;
pub use tests::tests;

/// The cuts that take out of a seed's module what the driver compiles wrongly by itself: see what [`recipe::Vectors`],
/// [`recipe::Recipe::fences`] and [`recipe::Recipe::outlive`] say of Mesa 22.
pub fn cuts_for(driver: &str, seed: u64) -> Vec<u32> {
    if driver.contains("Mesa 22.") {
        shrink::without(seed, &[Cut::Whole, Cut::NoFences, Cut::NoOutlive])
    } else {
        vec![]
    }
}

/// The case of a seed after cuts: see [`shrink`].
pub fn case(seed: u64, cuts: &[u32]) -> Case {
    let recipe = shrink::recipe(seed, cuts);
    Case {
        name: format!("generated {seed}"),
        words: write::write(&recipe).words,
        image: image::image(&recipe, HEAP),
        arguments: image::arguments(&recipe, HEAP),
        groups: [recipe.groups, 1, 1],
    }
}
