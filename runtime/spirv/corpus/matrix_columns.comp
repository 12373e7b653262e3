// Single columns of matrices, constant and dynamic index, both majors: a row-major column lies scattered.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Matrices {
    layout(column_major) mat4x3 column; layout(row_major) mat4x3 row;
};

void main() {
    if (me() >= args.n) return;
    Matrices from = Matrices(input_at(5, 4 * (hash(me()) & 0x3f00)));
    Matrices to = Matrices(own(3) + 8);
    to.column[0] = from.row[3];
    to.row[1] = from.column[2];
    for (uint k = 0; k < 2; k++) {
        uint c = (me() + k) & 3;
        to.column[c] = from.row[c] + vec3(1, 2, 3);
        to.row[c] = from.row[3 - c] + from.column[k];
    }
}
