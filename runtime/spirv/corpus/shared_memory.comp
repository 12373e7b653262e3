// Shared memory and barriers beside dereferences, with atomics on shared memory, which are not to be lowered.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

shared uint tile[64];
shared uint total;

void main() {
    uint l = gl_LocalInvocationID.x;
    Words from = Words(input_at(1, 0));
    if (l == 0) total = 0;
    tile[l] = from.v[me()];
    barrier();
    atomicAdd(total, tile[63 - l]);
    for (uint step = 32; step > 0; step /= 2) {
        barrier();
        if (l < step) tile[l] += tile[l + step];
    }
    barrier();
    if (me() >= args.n) return;
    Words to = Words(own(1));
    to.v[0] = total;
    to.v[1] = tile[0];
    to.v[2] = from.v[me() + 1] + tile[l];
}
