// Not every number is a variant.
use vksvm::*;

#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
enum Shared {
    A,
    B,
}

fn main() {}
