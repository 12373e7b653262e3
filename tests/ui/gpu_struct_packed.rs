// Packed fields are not aligned as shaders access them.
use vksvm::*;

#[derive(Clone, Copy, GpuStruct)]
#[repr(C, packed)]
struct Shared {
    a: u32,
    b: f32,
}

fn main() {}
