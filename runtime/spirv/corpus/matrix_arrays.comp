// Arrays of matrices in both majors, dynamic index into array, column and row; structs of matrices loaded whole.
// optimise: no
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

struct Pose { mat3x4 turn; mat2 scale; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Matrices {
    layout(row_major) mat2x3 row[3]; mat2x3 column[2]; layout(row_major) Pose row_pose; Pose column_pose;
};

void main() {
    if (me() >= args.n) return;
    Matrices from = Matrices(input_at(7, 4 * (hash(me()) & 0x3f00)));
    Matrices to = Matrices(own(1));
    uint k = me() % 3;
    to.row[k] = from.row[2 - k];
    to.row[(k + 1) % 3][me() & 1] = from.column[k & 1][1];
    to.column[me() & 1][1][k] = from.row[1][0][k];
    Pose pose = from.row_pose;
    pose.scale[0].y = 7.0;
    to.column_pose = pose;
    Matrices(own(3)).row_pose = from.column_pose;
    Matrices(own(3)).row_pose.turn[k].z = 3.0;
    Matrices(own(3)).column[0] = from.row[k];
}
