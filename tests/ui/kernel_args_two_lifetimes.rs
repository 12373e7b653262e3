// All slices of a launch are lent for one lifetime.
use vksvm::*;

#[derive(KernelArgs)]
struct Args<'a, 'b> {
    x: In<'a, f32>,
    y: In<'b, f32>,
}

fn main() {}
