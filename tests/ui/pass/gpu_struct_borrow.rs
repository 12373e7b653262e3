// A reference is no unified address that may change.
use vksvm::*;

#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
struct Shared {
    a: Ptr<u32>,
}

fn main() {}
