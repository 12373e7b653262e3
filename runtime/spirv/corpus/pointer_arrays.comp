// Structs full of pointers, arrays of pointers and pointers to pointers in memory, loaded whole and one by one.
// optimise: no
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Links { Words to; Words all[3]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Indirect { Links links; Floats floats; };
struct Copy { Words all[3]; };

void main() {
    if (me() >= args.n) return;
    Links links = Links(own(0));
    links.to = Words(own(2));
    for (uint k = 0; k < 3; k++) links.all[k] = Words(input_at(k, 4 * me()));
    Indirect indirect = Indirect(own(0) + 64);
    indirect.links = links;
    indirect.floats = Floats(input_at(5, 4 * me()));
    Copy copied;
    copied.all = indirect.links.all;
    for (uint k = 0; k < 9; k++) {
        indirect.links.to.v[k] = copied.all[k % 3].v[k] ^ links.all[(k + me()) % 3].v[0];
        Floats(own(2) + 64).v[k] = indirect.floats.v[2 * k];
    }
}
