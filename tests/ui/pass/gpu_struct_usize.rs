// usize has another size elsewhere.
use vksvm::*;

#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
struct Shared {
    a: u64,
    b: f32,
}

fn main() {}
