// q = A p, where A is the Laplacian (4 on the diagonal, -1 for each neighbour) of a grid of n points in rows of `width`,
// with zeros around it. Also p . q, one partial sum for each workgroup: q is at hand here, a dot product of its own
// would load both again.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "vksvm.glsl"
#include "grid.glsl"
#include "sum.glsl"

layout(local_size_x = 256) in;

layout(push_constant, scalar) uniform Args {
    f32_in p;
    f32_out q;
    f32_out partial;
    uint n;
    uint width;
    uint groups;
};

void main() {
    if (!grid_takes_part() || gl_WorkGroupID.x >= groups || width == 0u) {
        return;
    }
    float sum = 0.0;
    GRID_STRIDE(i, n) {
        uint column = i % width;
        float here = p.v[i];
        float around = 0.0;
        if (column > 0u) {
            around += p.v[i - 1u];
        }
        if (column < width - 1u && n - i > 1u) {
            around += p.v[i + 1u];
        }
        if (i >= width) {
            around += p.v[i - width];
        }
        if (n - i > width) {
            around += p.v[i + width];
        }
        float value = 4.0 * here - around;
        q.v[i] = value;
        sum += here * value;
    }
    sum = sum_of_group(sum);
    if (gl_LocalInvocationIndex == 0u) {
        partial.v[gl_WorkGroupID.x] = sum;
    }
}
