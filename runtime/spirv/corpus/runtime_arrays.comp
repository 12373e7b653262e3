// Runtime arrays: of structs, of arrays, after other members; dynamic indices on every level.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

struct Item { uint key; vec3 value; uint tags[3]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Items { uint count; vec2 centre; Item v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Rows { uint v[][5]; };

void main() {
    if (me() >= args.n) return;
    Items items = Items(input_at(5, 8));
    Rows rows = Rows(input_at(1, 0));
    Items to = Items(own(1));
    uint at = hash(me());
    to.count = items.count;
    for (uint k = 0; k < 6; k++) {
        uint j = (at + k) % 2300;
        to.v[k].key = items.v[j].key;
        to.v[k].value = items.v[j].value;
        to.v[k].tags[k % 3] = items.v[j].tags[at % 3] + items.v[j].tags[2];
        Rows(own(3)).v[k][k % 5] = rows.v[j][at % 5];
    }
}
