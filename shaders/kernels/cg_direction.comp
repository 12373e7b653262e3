// The next direction of conjugate gradients: with beta = after / before, p = r + beta p.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "vksvm.glsl"
#include "grid.glsl"

layout(local_size_x = 256) in;

layout(push_constant, scalar) uniform Args {
    f32_in after;
    f32_in before;
    f32_in r;
    f32_inout p;
    uint n;
};

void main() {
    if (!grid_takes_part()) {
        return;
    }
    float beta = before.v[0] > 0.0 ? after.v[0] / before.v[0] : 0.0;
    uint fours = ALIGNED_16(r) && ALIGNED_16(p) ? n / 4u : 0u;
    f32x4_in r4 = f32x4_in(r);
    f32x4_inout p4 = f32x4_inout(p);
    GRID_STRIDE(i, fours) {
        p4.v[i] = r4.v[i] + beta * p4.v[i];
    }
    uint done = fours * 4u;
    GRID_STRIDE(i, n - done) {
        p.v[done + i] = r.v[done + i] + beta * p.v[done + i];
    }
}
