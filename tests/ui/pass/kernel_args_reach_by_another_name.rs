// An alias of Reach would make following pointers safe.
use vksvm::*;

#[derive(KernelArgs)]
struct Args<'a> {
    x: In<'a, f32>,
    far: Reach<'a>,
}

fn main() {}
