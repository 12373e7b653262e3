//! The heap and the arguments that a recipe's module runs on.

use super::recipe::{COUNTER, Entry, Recipe, Region};
use super::types::{Class, Scalar, Type};

/// Where a region's objects lie, in bytes from the heap's start: those of one invocation, or all if it is shared.
fn objects(region: &Region, invocation: u32) -> impl Iterator<Item = u32> + '_ {
    let row = region.base + if region.shared { 0 } else { invocation * region.stride };
    (0..region.count).map(move |number| row + number * region.spacing)
}

/// Random bytes, with a right pointer wherever a type says that one is.
pub fn image(recipe: &Recipe, heap: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(recipe.seed ^ 0x9E37_79B9_7F4A_7C15);
    let mut image = vec![0; recipe.length as usize];
    random.fill(&mut image);
    for region in &recipe.regions {
        let mut pointers = Vec::new();
        recipe.types.pointers(&region.object, 0, &mut pointers);
        if pointers.is_empty() {
            continue;
        }
        let rows = if region.shared { 1 } else { recipe.invocations };
        for invocation in 0..rows {
            for object in objects(region, invocation) {
                for (offset, block) in &pointers {
                    let targets = targets(recipe, *block, invocation);
                    let target = targets[random.usize(..targets.len())];
                    put(&mut image, object + offset, heap + u64::from(target));
                }
            }
        }
    }
    clear_floats(recipe, &mut image);
    for (number, region) in recipe.regions.iter().enumerate() {
        put(&mut image, recipe.root + 8 * number as u32, heap + u64::from(region.base));
    }
    image
}

/// The objects of a block that an invocation may be led to.
fn targets(recipe: &Recipe, block: usize, invocation: u32) -> Vec<u32> {
    let shared = recipe.types.0[block].class == Class::Shared;
    recipe
        .regions
        .iter()
        .filter(|region| region.object == Type::Struct(block) && region.shared == shared)
        .flat_map(|region| objects(region, invocation))
        .collect()
}

/// Sums of floats start from zero: of random bits they would depend on the order, or be no numbers.
fn clear_floats(recipe: &Recipe, image: &mut [u8]) {
    let base = recipe.regions[COUNTER].base;
    for member in &recipe.types.0[COUNTER].members {
        if let Type::Array { element, length, stride, .. } = &member.ty
            && **element == Type::Scalar(Scalar::F32)
        {
            let start = (base + member.offset) as usize;
            image[start..start + (length * stride) as usize].fill(0);
        }
    }
}

/// The push constants.
pub fn arguments(recipe: &Recipe, heap: u64) -> Vec<u8> {
    let mut arguments = Vec::new();
    for region in &recipe.regions {
        let value = match region.entry {
            // Found in the root block instead. What lies here is not used, and must not be taken for an address.
            Entry::Root => 0,
            _ => heap + u64::from(region.base),
        };
        arguments.extend(value.to_le_bytes());
    }
    arguments.extend((heap + u64::from(recipe.root)).to_le_bytes());
    arguments.extend(recipe.invocations.to_le_bytes());
    arguments.extend(0u32.to_le_bytes());
    arguments
}

fn put(image: &mut [u8], at: u32, value: u64) {
    image[at as usize..at as usize + 8].copy_from_slice(&value.to_le_bytes());
}
