// Only slices have a length.
use vksvm::*;

#[derive(KernelArgs)]
struct Args<'a> {
    x: In<'a, f32>,
    #[len(1)]
    n: u32,
}

fn main() {}
