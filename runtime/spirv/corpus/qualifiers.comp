// Members that are coherent, volatile, restrict, readonly, writeonly: rebuilt pointers must keep their decorations.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Mixed {
    coherent uint shared_word;
    volatile uint moving;
    restrict uvec2 alone;
    coherent volatile vec3 both;
    readonly uint fixed_word;
    writeonly uint sink;
    coherent uint tail[];
};
layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer Source { uint v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) writeonly buffer Sink { uint v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) coherent restrict buffer Whole { mat2 m; uvec3 v; };

void main() {
    if (me() >= args.n) return;
    Mixed from = Mixed(input_at(5, 4 * (hash(me()) & 0x3f00)));
    Mixed to = Mixed(own(1));
    to.shared_word = from.moving;
    to.moving = from.shared_word + 1;
    to.moving = to.moving * 3;
    to.alone = from.alone.yx;
    to.both = from.both + vec3(1);
    to.sink = from.fixed_word;
    for (uint k = 0; k < 4; k++) to.tail[k] = from.tail[(k + me()) & 15];
    for (uint k = 0; k < 8; k++) Sink(own(3)).v[k] = Source(input_at(3, 0)).v[(hash(me()) + k) & 0x3fff];
    Whole whole = Whole(input_at(7, 28 * me()));
    Whole(own(3) + 64).m = whole.m;
    Whole(own(3) + 64).v = whole.v;
}
