// Not every byte is a bool.
use vksvm::*;

#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
struct Flag {
    on: bool,
}

fn main() {}
