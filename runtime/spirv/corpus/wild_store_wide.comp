// Structs, vectors and matrices stored over the heap's borders and to null: only the part that is in the heap is written.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "wild.glsl"

struct Record { vec3 at; uint id; uvec4 tags[2]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Records { Record v; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Fours { uvec4 v; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Matrices { layout(row_major) mat3x2 v; };

void main() {
    if (me() >= args.n) return;
    // The part in the heap is written with what is there.
    Fours(uint64_t(args.root) - 8).v = uvec4(me(), 7, unpackUint2x32(args.root.p[0]));
    Records nowhere = Records(wild(0));
    nowhere.v = Record(vec3(me()), me(), uvec4[](uvec4(1), uvec4(me())));
    Records(uint64_t(args.root) - 48).v = Record(vec3(1), 2, uvec4[](uvec4(3), uvec4(4)));
    Records(uint64_t(args.root) + (4ul << 20)).v = Record(vec3(1), 2, uvec4[](uvec4(3), uvec4(4)));
    Matrices(wild(6) - 20).v = mat3x2(me());
    Matrices(wild(6) - 4).v = mat3x2(me());
    judge(true);
}
