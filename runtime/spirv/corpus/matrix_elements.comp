// Single elements of matrices, constant and dynamic indices, both majors, written one by one.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, std430, buffer_reference_align = 16) buffer Matrices {
    layout(column_major) mat3 column; layout(row_major) mat3 row; layout(row_major) mat2x4 small;
};

void main() {
    if (me() >= args.n) return;
    Matrices from = Matrices(input_at(4, 16 * (hash(me()) & 0xf00)));
    Matrices to = Matrices(own(4));
    for (uint c = 0; c < 3; c++)
        for (uint r = 0; r < 3; r++) {
            to.column[c][r] = from.row[r][c];
            to.row[(c + me()) % 3][r] = from.column[c][r] + 0.5;
        }
    to.small[1].z = from.small[me() & 1][3];
    to.small[me() & 1].w = from.row[2].x;
}
