// Not every number is a variant.
use vksvm::*;

#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
struct Shared {
    a: u32,
    b: f32,
}

fn main() {}
