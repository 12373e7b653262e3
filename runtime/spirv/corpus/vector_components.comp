// Single components of vectors in memory, constant and dynamic index. A rebuilt vector store would race with neighbours.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Vectors { vec4 fours[8]; uvec3 threes[]; };

void main() {
    if (me() >= args.n) return;
    Vectors from = Vectors(input_at(5, 128 * (me() & 0xff)));
    Vectors to = Vectors(own(1));
    for (uint k = 0; k < 8; k++) {
        to.fours[k].y = from.fours[7 - k].z;
        to.fours[k][(k + me()) & 1u] = 1.0 + from.fours[k][me() & 3];
        to.threes[k][k % 3] = from.threes[k][(k + me()) % 3];
    }
}
