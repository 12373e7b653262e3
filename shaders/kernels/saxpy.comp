// y[i] += a * x[i], four elements at a time where both slices are aligned for it.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "vksvm.glsl"
#include "grid.glsl"

layout(local_size_x = 256) in;

layout(push_constant, scalar) uniform Args {
    f32_in x;
    f32_inout y;
    uint n;
    float a;
};

void main() {
    if (!grid_takes_part()) {
        return;
    }
    uint fours = ALIGNED_16(x) && ALIGNED_16(y) ? n / 4u : 0u;
    f32x4_in x4 = f32x4_in(x);
    f32x4_inout y4 = f32x4_inout(y);
    GRID_STRIDE(i, fours) {
        y4.v[i] += a * x4.v[i];
    }
    uint done = fours * 4u;
    GRID_STRIDE(i, n - done) {
        y.v[done + i] += a * x.v[done + i];
    }
}
