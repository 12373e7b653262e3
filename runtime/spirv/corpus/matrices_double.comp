// Matrices of doubles: columns of 16 to 32 bytes at multiples of 8, both majors.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Matrices {
    dmat3 three; layout(row_major) dmat2x3 row; dmat2 two;
};

void main() {
    if (me() >= args.n) return;
    Matrices to = Matrices(own(0) + 8);
    Floats whole = Floats(input_at(4, 4 * me()));
    for (uint c = 0; c < 3; c++) to.three[c] = dvec3(whole.v[c], whole.v[c + 3], c);
    to.row = dmat2x3(to.three[1], to.three[0].zxy);
    to.two = dmat2(to.row[0].xy, to.row[1].yz);
    Matrices into = Matrices(own(2));
    into.three = transpose(to.three) * 2.0lf;
    into.row[me() & 1][2] = to.two[1][me() & 1];
    into.two = Matrices(own(0) + 8).two;
}
