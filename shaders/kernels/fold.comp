// total[0] = the sum of `partial`. One workgroup does it: partial sums are few.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "vksvm.glsl"
#include "sum.glsl"

layout(local_size_x = 256) in;

layout(push_constant, scalar) uniform Args {
    f32_in partial;
    f32_out total;
    uint n;
};

void main() {
    if (gl_WorkGroupID != uvec3(0)) {
        return;
    }
    float sum = 0.0;
    for (uint i = gl_LocalInvocationIndex; i < n; i += gl_WorkGroupSize.x) {
        sum += partial.v[i];
    }
    sum = sum_of_group(sum);
    if (gl_LocalInvocationIndex == 0u) {
        total.v[0] = sum;
    }
}
