// Vectors of 2 and 3 components, of 4, 8 and 16 bits more than their alignment; each part has its own page.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int16 : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Twos { uvec2 v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Threes { uvec3 v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 1) buffer Bytes { u8vec4 v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 2) buffer Shorts { u16vec3 v[]; };

void main() {
    if (me() >= args.n) return;
    uint at = hash(me()) & 0x3fff;
    for (uint k = 0; k < 5; k++) {
        uint offset = 256 * me() + 4 * k;
        Twos(own(1)).v[k] = Twos(input_at(1, (offset + 4 * at) % 65500)).v[1];
        Threes(own(3)).v[k] = Threes(input_at(3, offset)).v[0].zxy;
        Bytes(own(5) + 3).v[k] = Bytes(input_at(1, offset + k)).v[0];
        Shorts(own(7) + 2).v[k] = Shorts(input_at(3, offset + 2 * k)).v[0];
    }
}
