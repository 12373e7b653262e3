#version 460
// to[first + step * i] = its old value mixed with from[i] and its place, as often as it is told.
#extension GL_GOOGLE_include_directive : require
#include "stress.glsl"
layout(local_size_x = 64) in;
layout(push_constant, scalar) uniform Args { In from; InOut to; uint n; uint first; uint step; uint seed; uint rounds; } args;
void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= args.n) return;
    uint at = args.first + args.step * i;
    args.to.at[at] = mixed_often(args.to.at[at], args.from.at[i], at + args.seed, args.rounds);
}
