// A call could panic in the launch.
use vksvm::*;

#[derive(KernelArgs)]
struct Args<'a> {
    #[len(2 << n)]
    x: In<'a, f32>,
    n: u32,
    scale: f32,
}

fn main() {}
