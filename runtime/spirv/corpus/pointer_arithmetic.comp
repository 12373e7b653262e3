// Arithmetic on references (buffer_reference2): p + n, p[n], negative n, differences through integers.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Item { uint key; vec2 at; };

void main() {
    if (me() >= args.n) return;
    Item items = Item(input_at(5, 12 * 100));
    Item mine = Item(own(1));
    int step = int(me() % 7) - 3;
    for (int k = 0; k < 8; k++) {
        mine[k].key = items[step * k].key;
        (mine + k).at = (items + step).at;
        Item next = items - (k - 3);
        next += 2;
        mine[k + 8].key = next.key + uint(uint64_t(next) - uint64_t(items));
    }
}
