// Vectors of 2, 3 and 4 32-bit components, naturally aligned. A vec3 store must not touch a fourth component.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, std430, buffer_reference_align = 16) buffer Twos { vec2 v[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Threes { vec3 v[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Fours { vec4 v[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Integers { ivec3 v[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Unsigned { uvec4 v[]; };

void main() {
    if (me() >= args.n) return;
    Twos twos = Twos(input_at(4, 0));
    Threes threes = Threes(input_at(6, 0));
    Fours fours = Fours(input_at(4, 0));
    Integers integers = Integers(input_at(0, 0));
    Unsigned words = Unsigned(input_at(2, 0));
    uint at = hash(me());
    for (uint k = 0; k < 4; k++) {
        Twos(own(0)).v[k] = twos.v[(at + k) & 0x1fff].yx;
        Threes(own(2)).v[k] = threes.v[(at + 5 * k) & 0xfff] * 2.0;
        Fours(own(4)).v[k] = fours.v[(at + 7 * k) & 0xfff].wzyx;
        Integers(own(6)).v[k] = integers.v[(at + 9 * k) & 0xfff] + 1;
        Unsigned(own(0) + 128).v[k] = words.v[(at + 11 * k) & 0xfff];
    }
}
