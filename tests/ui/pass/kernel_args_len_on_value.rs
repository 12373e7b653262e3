// Only slices have a length.
use vksvm::*;

#[derive(KernelArgs)]
struct Args<'a> {
    #[len(1)]
    x: In<'a, f32>,
    n: u32,
}

fn main() {}
