// The same members in std430: vec3 at multiples of 16, structs padded. An offset computed from sizes would be wrong.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

struct Inner { vec3 at; uint id; vec3 colour; };
struct Record { uint first; vec3 direction; uint flag; Inner inner; vec2 ends[3]; uint64_t key; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Records { Record v[]; };

void main() {
    if (me() >= args.n) return;
    Records from = Records(input_at(6, 0));
    Records to = Records(own(6));
    uint j = hash(me()) % 480;
    to.v[0].first = from.v[j].first;
    to.v[0].direction = from.v[j].direction;
    to.v[0].flag = from.v[j].flag ^ 1;
    to.v[0].inner.at = from.v[j].inner.colour;
    to.v[0].inner.id = j;
    to.v[0].inner.colour = vec3(from.v[j].ends[me() % 3], 1);
    to.v[0].ends[me() % 3] = from.v[j].ends[1];
    to.v[0].key = from.v[j].key;
}
