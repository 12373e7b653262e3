// An alias of Reach would make following pointers safe.
use vksvm::*;

type Far<'a> = Reach<'a>;

#[derive(KernelArgs)]
struct Args<'a> {
    x: In<'a, f32>,
    far: Far<'a>,
}

fn main() {}
