// A computed index could be out of bounds in the launch.
use vksvm::*;

#[derive(KernelArgs)]
struct Args<'a> {
    #[len(size[n])]
    x: In<'a, f32>,
    n: u32,
    size: [u32; 2],
}

fn main() {}
