// Blurs along the columns. Beyond its ends a column goes on with its last pixel.
#version 460
#extension GL_GOOGLE_include_directive : require
#define VKSVM_INT64
#include "vksvm.glsl"

const uint TILE = 32u;  // columns and rows that a workgroup computes
const uint REACH = 32u; // the largest radius

layout(local_size_x = 32, local_size_y = 8) in;

layout(push_constant, scalar) uniform Args {
    f32_in plane;
    f32_in weights; // weights[d] for pixels at distance d, up to radius
    f32_out smooth_plane;
    uint width;
    uint height;
    uint radius;
};

// The tile's rows and their neighbours above and below.
shared float tile[TILE + 2u * REACH][TILE];

void main() {
    uint across = width / TILE + uint(width % TILE != 0u);
    if (gl_WorkGroupID.x >= across || gl_WorkGroupID.z != 0u || radius > REACH) {
        return;
    }
    uint x = gl_WorkGroupID.x * TILE + gl_LocalInvocationID.x;
    uint down = height / TILE + uint(height % TILE != 0u);
    for (uint part = gl_WorkGroupID.y; part < down; part += gl_NumWorkGroups.y) {
        uint start = part * TILE;
        if (x < width) {
            for (uint i = gl_LocalInvocationID.y; i < TILE + 2u * radius; i += gl_WorkGroupSize.y) {
                // The row is start + i - radius, held inside the picture.
                uint y = start + i < radius ? 0u : min(start + i - radius, height - 1u);
                tile[i][gl_LocalInvocationID.x] = f32_in(uint64_t(plane) + uint64_t(y) * width * 4ul).v[x];
            }
        }
        barrier();
        for (uint i = gl_LocalInvocationID.y; i < TILE; i += gl_WorkGroupSize.y) {
            uint y = start + i;
            if (x < width && y < height) {
                uint middle = i + radius;
                float sum = weights.v[0] * tile[middle][gl_LocalInvocationID.x];
                for (uint d = 1u; d <= radius; d++) {
                    sum += weights.v[d] * (tile[middle - d][gl_LocalInvocationID.x] + tile[middle + d][gl_LocalInvocationID.x]);
                }
                f32_out(uint64_t(smooth_plane) + uint64_t(y) * width * 4ul).v[x] = sum;
            }
        }
        barrier();
    }
}
