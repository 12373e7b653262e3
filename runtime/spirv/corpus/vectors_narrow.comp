// Vectors of 8- and 16-bit components in scalar layout, sizes 2 to 8 bytes at any multiple of the component.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int16 : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#include "corpus.glsl"

struct Mixed {
    u8vec3 three_bytes;
    i8vec2 two_bytes;
    u8vec4 four_bytes;
    uint8_t pad;
    u16vec3 three_words;
    i16vec2 two_words;
    f16vec4 four_halves;
};
layout(buffer_reference, scalar, buffer_reference_align = 2) buffer Mixtures { Mixed v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 1) buffer Triples { u8vec3 v[]; };

void main() {
    if (me() >= args.n) return;
    Mixtures from = Mixtures(input_at(1, 2));
    Mixtures to = Mixtures(own(1) + 2);
    Triples triples = Triples(input_at(0, 0));
    uint at = hash(me());
    for (uint k = 0; k < 3; k++) {
        uint j = (at + k) & 0x7ff;
        to.v[k].three_bytes = from.v[j].three_bytes.zyx;
        to.v[k].two_bytes = from.v[j].two_bytes;
        to.v[k].four_bytes = from.v[j].four_bytes + uint8_t(1);
        to.v[k].three_words = from.v[j].three_words;
        to.v[k].two_words = from.v[j].two_words.yx;
        to.v[k].four_halves = f16vec4(k, j & 0xff, 2, 3);
        Triples(own(2) + 1).v[k * 2] = triples.v[(at * 3 + k) & 0x3fff];
    }
}
