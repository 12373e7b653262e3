// A struct loaded and stored whole, unoptimised: one OpLoad of a struct, which must be split into its members.
// optimise: no
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

struct Record { uint id; float weight; vec3 at; uvec2 pair; uint64_t key; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Records { Record v[]; };

void main() {
    if (me() >= args.n) return;
    Records from = Records(input_at(4, 0));
    Records to = Records(own(4));
    for (uint k = 0; k < 3; k++) {
        Record record = from.v[(hash(me()) + k) % 1600];
        record.id += k;
        record.weight = record.at.y;
        to.v[k] = record;
    }
    to.v[3] = to.v[0];
}
