// Sum, minimum and maximum of x, one partial result for each workgroup.
//
// Invocations reduce their share in registers, subgroups by subgroup operations, the subgroups' results go through
// shared memory. Run a second time over the partial results (reduce_partials.comp) it ends in one.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#include "types.glsl"
#include "grid.glsl"

layout(local_size_x = 256) in;

layout(push_constant, scalar) uniform Args {
    f32_in x;
    Extent_out partial;
    uint n;
    uint groups;
};

#include "extent.glsl"

void main() {
    if (!grid_takes_part() || gl_WorkGroupID.x >= groups) {
        return;
    }
    Extent mine = Extent(0.0, INFINITE, -INFINITE);
    uint fours = ALIGNED_16(x) ? n / 4u : 0u;
    f32x4_in x4 = f32x4_in(x);
    vec4 sum = vec4(0.0), low = vec4(INFINITE), high = vec4(-INFINITE);
    GRID_STRIDE(i, fours) {
        vec4 value = x4.v[i];
        sum += value;
        low = min(low, value);
        high = max(high, value);
    }
    mine.sum = (sum.x + sum.y) + (sum.z + sum.w);
    mine.min = min(min(low.x, low.y), min(low.z, low.w));
    mine.max = max(max(high.x, high.y), max(high.z, high.w));
    uint done = fours * 4u;
    GRID_STRIDE(i, n - done) {
        float value = x.v[done + i];
        mine = extent_join(mine, Extent(value, value, value));
    }
    mine = extent_of_group(mine);
    if (gl_LocalInvocationIndex == 0u) {
        partial.v[gl_WorkGroupID.x] = mine;
    }
}
