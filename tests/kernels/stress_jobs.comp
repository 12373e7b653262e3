#version 460
// Each workgroup does one job, which names by pointers what it copies, mixed, and where to.
#extension GL_GOOGLE_include_directive : require
#include "stress.glsl"
layout(local_size_x = 64) in;
struct Job { In from; InOut to; uint words; uint seed; };
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Jobs { Job at[]; };
layout(push_constant, scalar) uniform Args { Jobs jobs; uint n; } args;
void main() {
    if (gl_WorkGroupID.x >= args.n) return;
    Job job = args.jobs.at[gl_WorkGroupID.x];
    for (uint i = gl_LocalInvocationID.x; i < job.words; i += 64) {
        job.to.at[i] = mixed(job.to.at[i], job.from.at[i], i + job.seed);
    }
}
