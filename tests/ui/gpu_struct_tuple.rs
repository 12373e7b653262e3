// Members of a shader struct have names.
use vksvm::*;

#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
struct Shared(u32, f32);

fn main() {}
