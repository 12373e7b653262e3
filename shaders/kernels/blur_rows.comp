// The brightness of each pixel, 0 to 1, blurred along the rows. Beyond its ends a row goes on with its last pixel.
#version 460
#extension GL_GOOGLE_include_directive : require
#define VKSVM_INT64
#define VKSVM_INT8
#include "vksvm.glsl"

const uint SPAN = 256u;  // pixels of a row that a workgroup computes
const uint REACH = 32u;  // the largest radius

layout(local_size_x = 256) in;

layout(push_constant, scalar) uniform Args {
    u8_in pixels;   // rows of pixels of `channels` bytes
    f32_in weights; // weights[d] for pixels at distance d, up to radius
    f32_out smooth_rows;
    uint width;
    uint height;
    uint channels;
    uint radius;
};

// The span's pixels and their neighbours on both sides.
shared float line[SPAN + 2u * REACH];

float brightness(uint64_t row, uint x) {
    u8_in pixel = u8_in(row + uint64_t(x) * channels);
    if (channels < 3u) {
        return float(uint(pixel.v[0])) / 255.0;
    }
    vec3 rgb = vec3(uint(pixel.v[0]), uint(pixel.v[1]), uint(pixel.v[2])) / 255.0;
    return dot(rgb, vec3(0.2126, 0.7152, 0.0722)); // luminance of BT.709
}

void main() {
    uint spans = width / SPAN + uint(width % SPAN != 0u);
    if (gl_WorkGroupID.x >= spans || gl_WorkGroupID.z != 0u || radius > REACH || channels == 0u) {
        return;
    }
    uint start = gl_WorkGroupID.x * SPAN;
    for (uint y = gl_WorkGroupID.y; y < height; y += gl_NumWorkGroups.y) {
        uint64_t row = uint64_t(pixels) + uint64_t(y) * width * channels;
        for (uint i = gl_LocalInvocationIndex; i < SPAN + 2u * radius; i += SPAN) {
            // The pixel is start + i - radius, held inside the row.
            uint x = start + i < radius ? 0u : min(start + i - radius, width - 1u);
            line[i] = brightness(row, x);
        }
        barrier();
        uint x = start + gl_LocalInvocationIndex;
        if (x < width) {
            uint middle = gl_LocalInvocationIndex + radius;
            float sum = weights.v[0] * line[middle];
            for (uint d = 1u; d <= radius; d++) {
                sum += weights.v[d] * (line[middle - d] + line[middle + d]);
            }
            f32_out(uint64_t(smooth_rows) + uint64_t(y) * width * 4ul).v[x] = sum;
        }
        barrier();
    }
}
