// 64-bit integer atomics, shared and own, signed and unsigned.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_atomic_int64 : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Unsigned { uint64_t v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Signed { int64_t v[]; };

void main() {
    if (me() >= args.n) return;
    Unsigned counters = Unsigned(args.root.p[17]);
    Signed integers = Signed(args.root.p[17] + 512);
    uint64_t x = Unsigned(input_at(2, 8 * me())).v[0];
    atomicAdd(counters.v[0], x);
    atomicMax(counters.v[1 + (me() & 7)], x);
    atomicOr(counters.v[9], x);
    atomicXor(counters.v[10], x);
    atomicMin(integers.v[0], int64_t(x));
    atomicMax(integers.v[1], int64_t(x));
    Unsigned own_words = Unsigned(own(0));
    Unsigned results = Unsigned(own(2));
    results.v[0] = atomicAdd(own_words.v[0], x);
    results.v[1] = atomicMin(own_words.v[1], x);
    results.v[2] = atomicAnd(own_words.v[2 + (me() & 1)], x);
    results.v[3] = atomicExchange(own_words.v[4], x);
    results.v[4] = atomicCompSwap(own_words.v[5], own_words.v[5], x);
    results.v[5] = atomicCompSwap(own_words.v[6], x, 1ul);
}
