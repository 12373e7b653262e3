#version 460
// Addresses as numbers: a 64-bit integer and two of 32 bits, plus one that comes from memory.
#extension GL_GOOGLE_include_directive : require
#define VKSVM_INT64
#include "vksvm.glsl"
#extension GL_EXT_buffer_reference_uvec2 : require
layout(local_size_x = 64) in;
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer f64_inout_t { double v[]; };
layout(push_constant, scalar) uniform Args {
    uint64_t fours;
    uvec2 ones;
    u64_in table;
    uint n;
} args;
void main() {
    uint i = gl_GlobalInvocationID.x;
    vec4 four = f32x4_in(args.fours + uint64_t(i) * 16ul).v[0];
    f32_inout ones = f32_inout(args.ones);
    ones.v[i] += four.x + four.y + four.z + four.w;
    f64_inout_t(args.table.v[i]).v[0] = double(args.n);
}
