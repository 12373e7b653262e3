// One step of conjugate gradients: with alpha = rr / pq, x += alpha p and r -= alpha q; also r . r of the new r, one
// partial sum for each workgroup.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "vksvm.glsl"
#include "grid.glsl"
#include "sum.glsl"

layout(local_size_x = 256) in;

layout(push_constant, scalar) uniform Args {
    f32_in rr;
    f32_in pq;
    f32_in p;
    f32_in q;
    f32_inout x;
    f32_inout r;
    f32_out partial;
    uint n;
    uint groups;
};

void main() {
    if (!grid_takes_part() || gl_WorkGroupID.x >= groups) {
        return;
    }
    // pq is zero once p is: the solution is exact, and no step is to be taken.
    float alpha = pq.v[0] > 0.0 ? rr.v[0] / pq.v[0] : 0.0;
    bool aligned = ALIGNED_16(p) && ALIGNED_16(q) && ALIGNED_16(x) && ALIGNED_16(r);
    uint fours = aligned ? n / 4u : 0u;
    f32x4_in p4 = f32x4_in(p), q4 = f32x4_in(q);
    f32x4_inout x4 = f32x4_inout(x), r4 = f32x4_inout(r);
    vec4 sums = vec4(0.0);
    GRID_STRIDE(i, fours) {
        x4.v[i] += alpha * p4.v[i];
        vec4 left = r4.v[i] - alpha * q4.v[i];
        r4.v[i] = left;
        sums += left * left;
    }
    float sum = (sums.x + sums.y) + (sums.z + sums.w);
    uint done = fours * 4u;
    GRID_STRIDE(j, n - done) {
        uint i = done + j;
        x.v[i] += alpha * p.v[i];
        float left = r.v[i] - alpha * q.v[i];
        r.v[i] = left;
        sum += left * left;
    }
    sum = sum_of_group(sum);
    if (gl_LocalInvocationIndex == 0u) {
        partial.v[gl_WorkGroupID.x] = sum;
    }
}
