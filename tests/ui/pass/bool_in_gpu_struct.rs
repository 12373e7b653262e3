// Not every byte is a bool.
use vksvm::*;

#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
struct Flag {
    on: u32,
}

fn main() {}
