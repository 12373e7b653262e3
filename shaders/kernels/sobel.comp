// The gradient of a plane by the Sobel operator, drawn: how bright says how steep, the hue says which way it rises.
#version 460
#extension GL_GOOGLE_include_directive : require
#define VKSVM_INT64
#include "vksvm.glsl"

layout(local_size_x = 32, local_size_y = 8) in;

layout(push_constant, scalar) uniform Args {
    f32_in plane;
    u32_out picture; // red in the lowest byte, then green, blue, alpha
    uint width;
    uint height;
    float gain;
};

float at(uint x, uint y) {
    return f32_in(uint64_t(plane) + uint64_t(y) * width * 4ul).v[x];
}

void main() {
    uint x = gl_GlobalInvocationID.x;
    uint across = width / gl_WorkGroupSize.x + uint(width % gl_WorkGroupSize.x != 0u);
    if (gl_WorkGroupID.x >= across || gl_WorkGroupID.z != 0u || x >= width) {
        return;
    }
    uint left = max(x, 1u) - 1u, right = min(x + 1u, width - 1u);
    uint step_down = gl_NumWorkGroups.y * gl_WorkGroupSize.y;
    for (uint y = gl_GlobalInvocationID.y; y < height; y += step_down) {
        uint above = max(y, 1u) - 1u, below = min(y + 1u, height - 1u);
        float dx = (at(right, above) + 2.0 * at(right, y) + at(right, below))
                 - (at(left, above) + 2.0 * at(left, y) + at(left, below));
        float dy = (at(left, below) + 2.0 * at(x, below) + at(right, below))
                 - (at(left, above) + 2.0 * at(x, above) + at(right, above));
        // Hue by projection on three directions 120 degrees apart: no arctangent, and smooth where the slope vanishes.
        float steep = length(vec2(dx, dy));
        vec3 along = vec3(dx, -0.5 * dx + 0.8660254 * dy, -0.5 * dx - 0.8660254 * dy);
        vec3 colour = 0.5 * gain * (vec3(steep) + along);
        u32_out(uint64_t(picture) + uint64_t(y) * width * 4ul).v[x] = packUnorm4x8(vec4(colour, 1.0));
    }
}
