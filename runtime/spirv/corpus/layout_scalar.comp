// One struct in scalar layout: members follow each other at their component's alignment, a vec3 has 12 bytes.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int16 : require
#include "corpus.glsl"

struct Inner { vec3 at; uint id; vec3 colour; };
struct Record { uint first; vec3 direction; uint8_t flag; uint16_t count; Inner inner; vec2 ends[3]; uint64_t key; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Records { Record v[]; };

void main() {
    if (me() >= args.n) return;
    Records from = Records(input_at(4, 0));
    Records to = Records(own(4));
    for (uint k = 0; k < 2; k++) {
        uint j = (hash(me()) + k) % 680;
        to.v[k].first = from.v[j].first;
        to.v[k].direction = from.v[j].direction;
        to.v[k].flag = from.v[j].flag;
        to.v[k].count = from.v[j].count + uint16_t(1);
        to.v[k].inner.at = from.v[j].inner.colour;
        to.v[k].inner.id = j;
        to.v[k].ends[me() % 3] = from.v[j].ends[k];
        to.v[k].key = from.v[j].key;
    }
}
