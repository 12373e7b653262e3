// Row-major matrices, whole, next to column-major ones: read with the wrong majority they are transposed.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, std430, buffer_reference_align = 16, row_major) buffer Matrices {
    mat4 four; mat3 three; mat2 two; layout(column_major) mat3 column; mat2x4 tall;
};
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Tight {
    layout(row_major) mat3x2 three; layout(column_major) mat3x2 column; layout(row_major) mat2x3 two;
};

void main() {
    if (me() >= args.n) return;
    Matrices from = Matrices(input_at(6, 16 * (hash(me()) & 0xf00)));
    Tight tight = Tight(input_at(5, 4 * (hash(me()) & 0x3f00)));
    Matrices to = Matrices(own(0));
    to.four = from.four;
    to.three = from.column + from.three;
    to.two = from.two * 2.0;
    to.column = from.three;
    Tight(own(1)).three = tight.column;
    Tight(own(1)).column = tight.three + tight.column;
    Tight(own(1)).two = transpose(tight.three);
    Matrices(own(2)).tall = from.tall;
}
