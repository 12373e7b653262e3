// With k = num / den: y += k x (mode 0), y -= k x (mode 1), y = x + k y (mode 2).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "vksvm.glsl"
#include "grid.glsl"

layout(local_size_x = 128) in;

layout(push_constant, scalar) uniform Args {
    f32_in num;
    f32_in den;
    f32_in x;
    f32_inout y;
    uint n;
    uint mode;
};

void main() {
    if (!grid_takes_part()) {
        return;
    }
    // Both are squares of lengths: nothing is left to do when they vanish.
    float k = den.v[0] > 0.0 ? num.v[0] / den.v[0] : 0.0;
    GRID_STRIDE(i, n) {
        float old = y.v[i];
        y.v[i] = mode == 2u ? x.v[i] + k * old : old + (mode == 0u ? k : -k) * x.v[i];
    }
}
