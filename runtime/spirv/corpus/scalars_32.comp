// Loads and stores of 32-bit scalars: int, uint, float. The plainest access there is.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Signed { int v[]; };

void main() {
    if (me() >= args.n) return;
    Words from = Words(input_at(0, 252 * me()));
    Floats whole = Floats(input_at(5, 0));
    Words to = Words(own(0));
    Floats floats = Floats(own(1));
    Signed integers = Signed(own(2));
    for (uint k = 0; k < 16; k++) {
        to.v[k] = from.v[k] ^ k;
        floats.v[k] = whole.v[hash(me() + k) & 0x3fff] + 1.0;
        integers.v[2 * k + 1] = int(from.v[k]) >> k;
    }
}
