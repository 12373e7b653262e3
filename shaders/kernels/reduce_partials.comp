// Joins the partial results of reduce.comp into total[0]. One workgroup does it: there are few of them.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#include "types.glsl"

layout(local_size_x = 256) in;

layout(push_constant, scalar) uniform Args {
    Extent_in partial;
    Extent_out total;
    uint n;
};

#include "extent.glsl"

void main() {
    if (gl_WorkGroupID != uvec3(0)) {
        return;
    }
    Extent mine = Extent(0.0, INFINITE, -INFINITE);
    for (uint i = gl_LocalInvocationIndex; i < n; i += gl_WorkGroupSize.x) {
        mine = extent_join(mine, partial.v[i]);
    }
    mine = extent_of_group(mine);
    if (gl_LocalInvocationIndex == 0u) {
        total.v[0] = mine;
    }
}
