// A shader struct has members.
use vksvm::*;

#[derive(Clone, Copy, GpuStruct)]
#[repr(C)]
struct Shared {}

fn main() {}
