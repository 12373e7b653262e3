// Loads and stores of 16-bit scalars, integer and float, at odd multiples of 2. The wrong width reaches the neighbour.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_explicit_arithmetic_types_int16 : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 2) buffer Unsigned { uint16_t v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 2) buffer Signed { int16_t v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 2) buffer Halves { float16_t v[]; };

void main() {
    if (me() >= args.n) return;
    Unsigned from = Unsigned(input_at(0, 254 * me()));
    Signed signed_from = Signed(input_at(3, 2 * (hash(me()) & 0x7fff)));
    Floats whole = Floats(input_at(4, 4 * me()));
    Unsigned to = Unsigned(own(0) + 2);
    Signed signed_to = Signed(own(1));
    Halves halves = Halves(own(2));
    for (uint k = 0; k < 7; k++) {
        to.v[k * 2] = from.v[k] + uint16_t(k);
        signed_to.v[k * 3] = signed_from.v[0] >> int16_t(k);
        halves.v[k] = float16_t(whole.v[k]);
    }
    for (uint k = 0; k < 7; k++) halves.v[16 + 2 * k] = halves.v[6 - k];
}
