// Float atomics: exchange, and add of whole numbers, whose sum does not depend on the order.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_atomic_float : require
#include "corpus.glsl"

void main() {
    if (me() >= args.n) return;
    Floats counters = Floats(args.root.p[17]);
    float x = Floats(input_at(4, 4 * me())).v[0];
    atomicAdd(counters.v[0], x);
    atomicAdd(counters.v[64 + (me() & 15)], 1.0);
    Floats own_words = Floats(own(1));
    own_words.v[0] = x;
    own_words.v[1] = atomicAdd(own_words.v[0], 2.0);
    own_words.v[2] = atomicExchange(own_words.v[3], x);
}
