#version 460
// to[i] = from[i], from[i + n], from[i + 2 n], … of `of` words mixed in this order: reads much, writes little.
#extension GL_GOOGLE_include_directive : require
#include "stress.glsl"
layout(local_size_x = 64) in;
layout(push_constant, scalar) uniform Args { In from; Out to; uint n; uint of; uint seed; } args;
void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= args.n) return;
    uint x = args.seed;
    for (uint at = i; at < args.of; at += args.n) x = mixed(x, args.from.at[at], at);
    args.to.at[i] = x;
}
