// A loop in which two pointers change places every round: a cached translation would belong to the other one.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

void main() {
    if (me() >= args.n) return;
    Words a = Words(own(0));
    Words b = Words(own(5));
    Words from = Words(input_at(1, 128 * me()));
    for (uint k = 0; k < 8; k++) { a.v[k] = from.v[k]; b.v[k] = ~from.v[k + 8]; }
    for (uint round = 0; round < 5; round++) {
        for (uint k = 0; k < 8; k++) b.v[k] = a.v[(k + 1) & 7] + b.v[k] * 3;
        Words c = a;
        a = b;
        b = c;
    }
    a.v[9] = b.v[0];
}
