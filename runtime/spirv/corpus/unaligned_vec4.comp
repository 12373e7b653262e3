// vec4 aligned to 4 bytes: it straddles pages. Translated once, its end would come from the wrong page.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Fours { vec4 v[]; };

void main() {
    if (me() >= args.n) return;
    uint at = hash(me());
    for (uint k = 0; k < 12; k++) {
        Fours from = Fours(input_at(5 + (k & 2), 4 * ((at + 1021 * k) % 16380)));
        Fours(own(1) + 12).v[k] = from.v[0].yzwx;
    }
    // Every offset of the border of a small page, in order.
    for (uint k = 0; k < 12; k++) Fours(own(3) + 4).v[k] = Fours(input_at(7, 256 * me() + 4 * k)).v[0];
}
