// The device copies values without asking.
use vksvm::*;

#[derive(GpuStruct)]
#[repr(C)]
struct Shared {
    a: u32,
    b: f32,
}

fn main() {}
