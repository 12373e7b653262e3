// Loops over 0..n that are right for every grid: more elements than invocations, or the other way round.
//
// A kernel whose launch is safe must be free of races for whatever grid the caller passes, so only workgroups of the
// grid's first row take part, and of these at most GRID_GROUPS: the least maximum that Vulkan allows a device to have.
#ifndef GRID_GLSL
#define GRID_GLSL
#ifndef VKSVM_INT64
#define VKSVM_INT64
#endif
#include "vksvm.glsl"

const uint GRID_GROUPS = 65535u;

// Whether the workgroup takes part. The same for all of its invocations, so returning on false before a barrier is fine.
bool grid_takes_part() {
    return gl_WorkGroupID.x < GRID_GROUPS && gl_WorkGroupID.y == 0u && gl_WorkGroupID.z == 0u;
}

uint grid_groups() {
    return min(gl_NumWorkGroups.x, GRID_GROUPS);
}

// for i in this invocation's share of 0..n; neighbours take neighbouring elements. No step runs past 2^32.
#define GRID_STRIDE(i, n)                                                                     \
    for (uint i = gl_GlobalInvocationID.x, i##_step = grid_groups() * gl_WorkGroupSize.x;     \
         i < (n); i = (n) - i > i##_step ? i + i##_step : (n))

// Whether 16-byte loads through the address are aligned. The same for all invocations when the address is an argument.
#define ALIGNED_16(reference) ((uint64_t(reference) & 15ul) == 0ul)
#endif
