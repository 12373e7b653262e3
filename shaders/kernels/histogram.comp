// Counts the byte values of x into bins[256], on top of what bins holds.
//
// Each workgroup counts in shared memory, in eight copies of the histogram that neighbouring invocations take turns
// in, so that a value that is frequent in the input is not one counter that everybody waits for.
#version 460
#extension GL_GOOGLE_include_directive : require
#define VKSVM_INT8
#include "vksvm.glsl"
#include "grid.glsl"

layout(local_size_x = 256) in;

layout(push_constant, scalar) uniform Args {
    u8_in x;
    u32_inout bins;
    uint n;
};

const uint COPIES = 8u;
shared uint counts[256u * COPIES];

void count(uint value) {
    atomicAdd(counts[value * COPIES + gl_LocalInvocationIndex % COPIES], 1u);
}

void main() {
    if (!grid_takes_part()) {
        return;
    }
    for (uint i = gl_LocalInvocationIndex; i < 256u * COPIES; i += gl_WorkGroupSize.x) {
        counts[i] = 0u;
    }
    barrier();

    uint sixteens = ALIGNED_16(x) ? n / 16u : 0u;
    u32x4_in x16 = u32x4_in(x);
    GRID_STRIDE(i, sixteens) {
        uvec4 words = x16.v[i];
        for (uint w = 0u; w < 4u; w++) {
            for (uint shift = 0u; shift < 32u; shift += 8u) {
                count((words[w] >> shift) & 255u);
            }
        }
    }
    uint done = sixteens * 16u;
    GRID_STRIDE(i, n - done) {
        count(uint(x.v[done + i]));
    }
    barrier();

    // One invocation for each bin.
    uint bin = gl_LocalInvocationIndex, total = 0u;
    for (uint c = 0u; c < COPIES; c++) {
        total += counts[bin * COPIES + c];
    }
    if (total != 0u) {
        atomicAdd(bins.v[bin], total);
    }
}
