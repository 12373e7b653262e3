// Atomics on wild addresses: they act on the null page.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_atomic_int64 : require
#include "wild.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Longs { uint64_t v[]; };

void main() {
    if (me() >= args.n) return;
    for (uint k = 0; k < WILD; k++) {
        uint64_t address = wild(k);
        atomicAdd(Words(address).v[0], me());
        atomicExchange(Words(address).v[0], k);
        atomicCompSwap(Words(address).v[0], k, k + 1);
        atomicMax(Longs(address & ~7ul).v[0], uint64_t(me()));
    }
    judge(true);
}
