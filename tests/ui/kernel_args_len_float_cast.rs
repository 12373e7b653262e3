// A cast to a float loses bits.
use vksvm::*;

#[derive(KernelArgs)]
struct Args<'a> {
    #[len(n as f32)]
    x: In<'a, f32>,
    n: u32,
    scale: f32,
}

fn main() {}
