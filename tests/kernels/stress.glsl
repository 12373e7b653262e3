// Shared by the kernels of the stress test: results that depend on what was there, on where, and on the launch, so that a page that is
// lost, stale, zeroed, doubled or misplaced shows.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer In { uint at[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Out { uint at[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer InOut { uint at[]; };

// One to one in each argument when the others are fixed. `kernels.rs` has the same in Rust.
uint mixed(uint a, uint b, uint c) {
    uint x = a * 0x9e3779b1u + (b ^ (c * 0x85ebca6bu));
    x ^= x >> 15;
    x *= 0x2c1b3c6du;
    x ^= x >> 13;
    return x + c;
}

uint mixed_often(uint x, uint by, uint at, uint rounds) {
    for (uint round = 0; round < rounds; round++) x = mixed(x, by, at + round);
    return x;
}
