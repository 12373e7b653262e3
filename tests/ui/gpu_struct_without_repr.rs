// Rust reorders the fields of other structs.
use vksvm::*;

#[derive(Clone, Copy, GpuStruct)]
struct Shared {
    a: u32,
    b: f32,
}

fn main() {}
