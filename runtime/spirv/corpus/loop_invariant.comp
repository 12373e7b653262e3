// A loop whose base does not change: a translation may be hoisted, yet never executed where no access would be.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Head { uint count; uint scale; uvec3 v; };

void main() {
    if (me() >= args.n) return;
    Head head = Head(input_at(3, 20 * me()));
    Words to = Words(own(1));
    uint sum = 0;
    for (uint k = 0; k < (head.count & 15); k++) {
        sum += head.scale ^ head.v[k % 3];
        to.v[0] = sum;
        if (k == 7) to.v[2] = head.v.x;
    }
    to.v[1] = head.count;
}
