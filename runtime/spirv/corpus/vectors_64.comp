// Vectors of 64-bit components: 16 to 32 bytes, of which an access of 8-byte alignment can straddle a page.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_explicit_arithmetic_types_float64 : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Wide { u64vec4 four; i64vec3 three; u64vec2 two; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Doubles { dvec3 three; dvec4 four; dvec2 two; };

void main() {
    if (me() >= args.n) return;
    Wide from = Wide(input_at(0, 8 * (hash(me()) & 0x1fff) % 65400));
    Wide to = Wide(own(0) + 8);
    to.four = from.four.yxwz;
    to.three = from.three + 1l;
    to.two = from.two;
    Floats whole = Floats(input_at(6, 4 * me()));
    Doubles doubles = Doubles(own(2) + 8 * (me() & 3));
    doubles.three = dvec3(whole.v[0], whole.v[1], whole.v[2]);
    doubles.four = dvec4(doubles.three.zyx, whole.v[3]) * 2.0lf;
    doubles.two = doubles.four.wx;
}
