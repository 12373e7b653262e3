// result[0] = a . b, by one workgroup whose size is specialization constant 0 (at most 1024).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "vksvm.glsl"
#include "sum.glsl"

layout(local_size_x_id = 0) in;

layout(push_constant, scalar) uniform Args {
    f32_in a;
    f32_in b;
    f32_out result;
    uint n;
};

void main() {
    if (gl_WorkGroupID != uvec3(0)) {
        return;
    }
    float sum = 0.0;
    for (uint i = gl_LocalInvocationIndex; i < n; i = n - i > gl_WorkGroupSize.x ? i + gl_WorkGroupSize.x : n) {
        sum += a.v[i] * b.v[i];
    }
    sum = sum_of_group(sum);
    if (gl_LocalInvocationIndex == 0u) {
        result.v[0] = sum;
    }
}
