// Column-major matrices, whole: a load needs the MatrixStride of the member, which a bare matrix pointer lacks.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, std430, buffer_reference_align = 16, column_major) buffer Matrices {
    mat4 four; mat3 three; mat2 two; mat2x4 tall; mat4x2 wide; mat3x2 small;
};

void main() {
    if (me() >= args.n) return;
    Matrices from = Matrices(input_at(4, 16 * (hash(me()) & 0xf00)));
    Matrices to = Matrices(own(0));
    to.four = from.four * 2.0;
    to.three = transpose(from.three);
    to.two = from.two + mat2(1);
    to.tall = from.tall;
    Matrices into = Matrices(own(2));
    into.wide = from.wide;
    into.small = from.small;
    into.four = transpose(from.four);
}
