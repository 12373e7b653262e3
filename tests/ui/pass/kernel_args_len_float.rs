// A length is made of integers.
use vksvm::*;

#[derive(KernelArgs)]
struct Args<'a> {
    #[len(n)]
    x: In<'a, f32>,
    n: u32,
    scale: f32,
}

fn main() {}
