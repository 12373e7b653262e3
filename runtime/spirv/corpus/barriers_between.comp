// Memory written by one invocation of a group and read by another after a barrier: no translation's load may move it.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) coherent buffer Exchange { uint v[]; };

void main() {
    if (me() >= args.n) return;
    uint l = gl_LocalInvocationID.x;
    Exchange mine = Exchange(own(1));
    Exchange other = Exchange(args.root.p[9] + 256 * (me() ^ 63));
    for (uint k = 0; k < 6; k++) {
        mine.v[k] = me() * 16 + k + (k > 0 ? mine.v[k - 1 + 8] : 0);
        memoryBarrierBuffer();
        barrier();
        mine.v[k + 8] = other.v[k] * 3;
        memoryBarrierBuffer();
        barrier();
    }
}
