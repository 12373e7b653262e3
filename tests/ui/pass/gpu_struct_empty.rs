// A shader struct has members.
use vksvm::*;

#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
struct Shared {
    a: u32,
    b: f32,
}

fn main() {}
