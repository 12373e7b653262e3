// x[i] = x[i] * x[i]. The smallest kernel that does something.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "vksvm.glsl"
#include "grid.glsl"

layout(local_size_x = 128) in;

// The members are the Rust struct's fields, in the same order.
layout(push_constant, scalar) uniform Args {
    u32_inout x;
    uint n;
};

void main() {
    if (!grid_takes_part()) {
        return;
    }
    GRID_STRIDE(i, n) {
        x.v[i] = x.v[i] * x.v[i];
    }
}
