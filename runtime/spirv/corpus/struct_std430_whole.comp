// A std430 struct stored whole: its padding is nobody's to write, and its members lie at their offsets.
// optimise: no
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

struct Inner { vec3 at; };
struct Record { uint id; vec3 normal; Inner inner[2]; uint tail; dvec2 wide; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Records { Record v; };

void main() {
    if (me() >= args.n) return;
    Record record = Records(input_at(4, 112 * me())).v;
    record.normal = record.inner[me() & 1].at.zyx;
    record.wide = dvec2(me(), 2);
    Records(own(0)).v = record;
    Records(own(0) + 128).v = Records(input_at(6, 16 * (hash(me()) & 0xff0))).v;
}
