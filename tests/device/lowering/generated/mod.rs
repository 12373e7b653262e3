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
pub use tests::tests;

/// Whether a seed's module is one that the driver compiles wrongly by itself: see [`recipe::Vectors`] and
/// [`recipe::Recipe::fences`].
pub fn is_beyond(driver: &str, seed: u64) -> bool {
    let recipe = shrink::recipe(seed, &[]);
    driver.contains("Mesa 22.") && (recipe.vectors == recipe::Vectors::Mixed || recipe.fences)
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
