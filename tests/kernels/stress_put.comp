#version 460
// to[first + step * i] = something made of its place; what lies between keeps its value.
#extension GL_GOOGLE_include_directive : require
#include "stress.glsl"
layout(local_size_x = 64) in;
layout(push_constant, scalar) uniform Args { Out to; uint n; uint first; uint step; uint seed; uint rounds; } args;
void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= args.n) return;
    uint at = args.first + args.step * i;
    args.to.at[at] = mixed_often(args.seed, i, at, args.rounds);
}
