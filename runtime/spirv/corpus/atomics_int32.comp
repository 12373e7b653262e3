// Every 32-bit integer atomic, on shared counters where order does not show and on the invocation's own words.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Signed { int v[]; };

void main() {
    if (me() >= args.n) return;
    Words counters = Words(args.root.p[17]);
    Signed integers = Signed(args.root.p[17] + 256);
    uint x = Words(input_at(0, 4 * me())).v[0];
    atomicAdd(counters.v[0], x);
    atomicMin(counters.v[1 + (me() & 3)], ~x);
    atomicMax(counters.v[5], x);
    atomicAnd(counters.v[6], x);
    atomicOr(counters.v[7 + (x & 7)], 1u << (x >> 27));
    atomicXor(counters.v[15], x);
    atomicMin(integers.v[0], int(x));
    atomicMax(integers.v[1], int(x));
    atomicAdd(integers.v[2 + (x & 15)], -5);

    // What atomics return, on words that nobody else has.
    Words own_words = Words(own(1));
    Words results = Words(own(3));
    results.v[0] = atomicAdd(own_words.v[0], 5);
    results.v[1] = atomicMin(own_words.v[1], x);
    results.v[2] = atomicMax(own_words.v[2], x);
    results.v[3] = atomicAnd(own_words.v[3], x);
    results.v[4] = atomicOr(own_words.v[me() & 3], x);
    results.v[5] = atomicXor(own_words.v[5], x);
    results.v[6] = atomicExchange(own_words.v[6], x);
    results.v[7] = atomicCompSwap(own_words.v[7], own_words.v[7], x);
    results.v[8] = atomicCompSwap(own_words.v[8], ~own_words.v[8], x);
    results.v[9] = uint(atomicMin(Signed(own(1)).v[9], int(x)));
    results.v[10] = uint(atomicMax(Signed(own(1)).v[10], int(x)));
}
