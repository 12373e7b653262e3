// Arrays of vec3 with stride 12 and stride 16, dynamic index. Strides come from ArrayStride, never from the type.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Tight { uint head; vec3 v[16]; uint tail; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Loose { uint head; vec3 v[12]; uint tail; };

void main() {
    if (me() >= args.n) return;
    Tight tight = Tight(input_at(5, 200 * me()));
    Loose loose = Loose(input_at(4, 208 * me()));
    Tight to = Tight(own(1));
    Loose into = Loose(own(0));
    for (uint k = 0; k < 12; k++) {
        to.v[k] = loose.v[11 - k] + tight.v[(k + me()) & 15];
        into.v[(k * 5) % 12] = tight.v[k];
    }
    to.tail = loose.head;
    into.tail = tight.tail;
}
