// A plain reference does not keep launches apart.
use vksvm::*;

#[derive(KernelArgs)]
struct Args<'a> {
    x: In<'a, f32>,
}

fn main() {}
