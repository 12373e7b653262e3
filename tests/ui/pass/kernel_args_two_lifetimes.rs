// All slices of a launch are lent for one lifetime.
use vksvm::*;

#[derive(KernelArgs)]
struct Args<'a> {
    x: In<'a, f32>,
    y: In<'a, f32>,
}

fn main() {}
