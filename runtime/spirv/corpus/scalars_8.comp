// Loads and stores of 8-bit scalars. Widened to 32 bits they would read and overwrite their neighbours.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 1) buffer Unsigned { uint8_t v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 1) buffer Signed { int8_t v[]; };

void main() {
    if (me() >= args.n) return;
    Unsigned from = Unsigned(input_at(1, 251 * me()));
    Signed signed_from = Signed(input_at(2, hash(me()) & 0xffff));
    Unsigned to = Unsigned(own(1) + 3);
    Signed signed_to = Signed(own(2));
    for (uint k = 0; k < 9; k++) {
        to.v[k * 2] = from.v[k] + uint8_t(k);
        signed_to.v[k * 3] = signed_from.v[0] >> int8_t(k & 7);
    }
}
