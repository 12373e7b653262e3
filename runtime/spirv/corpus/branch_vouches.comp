// An access of 16 bytes vouches for an alignment in the branch that asked for it, and for nothing after it: there the same address may lie anywhere.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Loose { vec4 v; uint tail[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Tight { uvec4 v; };

void main() {
    if (me() >= args.n) return;
    uint64_t address = input_at(4, 4 * (hash(me()) & 0x3ff0) + 4 * (me() & 3));
    Words to = Words(own(1));
    if ((address & 15) == 0) {
        uvec4 v = Tight(address).v;
        to.v[0] = v.x ^ v.y * 3 ^ v.z * 5 ^ v.w * 7;
    }
    for (uint k = 0; k < 4; k++) to.v[1 + k] = Words(address).v[k];
    to.v[5] = Words(address).v[1] + Words(address).v[3];
    Loose(own(3) + 16).v = Loose(address + 4).v;
}
