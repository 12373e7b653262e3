// A reference is no unified address that may change.
use vksvm::*;

#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
struct Shared<'a> {
    a: &'a u32,
}

fn main() {}
