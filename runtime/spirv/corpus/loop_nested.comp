// Nested loops, the inner one often not executed, with bases that change in the outer, in the inner, or in neither.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Row { uint count; uint next; uint cells[6]; };

void main() {
    if (me() >= args.n) return;
    Words to = Words(own(1));
    Words still = Words(input_at(3, 4 * me()));
    uint64_t rows = args.root.p[1];
    uint at = hash(me()) & 0x3f00;
    uint sum = 0;
    for (uint outer = 0; outer < 6; outer++) {
        Row row = Row(rows + 4 * at);
        for (uint k = 0; k < row.count % 7; k++) {
            sum = sum * 3 + row.cells[k % 6] + still.v[k];
            Words inner = Words(rows + 4 * (row.cells[k % 6] & 0x3fff));
            if ((inner.v[0] & 1) != 0) sum ^= inner.v[0] + still.v[0];
            to.v[1 + outer] = sum;
        }
        at = row.next & 0x3f00;
    }
    to.v[0] = sum;
}
