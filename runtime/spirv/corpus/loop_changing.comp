// A loop whose base moves on by a fixed step and crosses pages: last round's translation is of no use.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Item { uint a; uint b; };

void main() {
    if (me() >= args.n) return;
    Item from = Item(input_at(1, 4 * me()));
    Words to = Words(own(1));
    uint a = 0, b = 0;
    for (uint k = 0; k < 60; k++) {
        a += from.a * k;
        b ^= from.b + a;
        from = from + 133;
        if ((k & 3) == 0) to.v[k / 4] = a;
    }
    to.v[20] = b;
}
