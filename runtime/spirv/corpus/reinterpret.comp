// One pointer seen as different types: words, halves, bytes, vectors, a struct, a matrix; also written as another.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int16 : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 1) buffer Bytes { uint8_t v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 2) buffer Shorts { uint16_t v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Threes { uvec3 v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Mixed { uint a; layout(row_major) mat2 m; uvec2 b; };

void main() {
    if (me() >= args.n) return;
    Words words = Words(input_at(5, 200 * me()));
    Words to = Words(own(1));
    Bytes bytes = Bytes(to);
    for (uint k = 0; k < 8; k++) to.v[k] = words.v[k];
    bytes.v[me() & 31] = uint8_t(me());
    Shorts(bytes).v[20] = Shorts(words).v[me() & 31];
    Mixed mixed = Mixed(own(3));
    mixed.m = Mixed(words).m;
    mixed.a = Threes(to).v[1].y;
    mixed.b = Threes(mixed).v[0].zy;
    Words(mixed).v[8] = uint(Bytes(words).v[5]) + Shorts(Bytes(words)).v[1];
}
