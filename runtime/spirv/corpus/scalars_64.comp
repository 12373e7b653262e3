// Loads and stores of 64-bit scalars: int64, uint64, double. Half of one must not be lost or come from elsewhere.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Unsigned { uint64_t v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Signed { int64_t v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Doubles { double v[]; };

void main() {
    if (me() >= args.n) return;
    Unsigned from = Unsigned(input_at(0, 248 * me()));
    Signed signed_from = Signed(input_at(2, 0));
    Floats whole = Floats(input_at(4, 4 * me()));
    Unsigned to = Unsigned(own(0));
    Signed signed_to = Signed(own(2));
    Doubles doubles = Doubles(own(4));
    for (uint k = 0; k < 8; k++) {
        to.v[k] = from.v[k] * 3;
        signed_to.v[k * 2] = signed_from.v[hash(me() * 8 + k) & 0x1fff] >> 3;
        doubles.v[k] = double(whole.v[k]) * 0.5;
    }
    for (uint k = 0; k < 8; k++) doubles.v[16 + k] = doubles.v[7 - k] + 1.0;
}
