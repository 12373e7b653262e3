// The same base accessed with different alignments in different branches and after them: no sharing of what only one made.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Loose { vec4 v; uint tail[]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Tight { vec4 v; uint tail[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Middle { dvec2 v; uint tail[]; };

void main() {
    if (me() >= args.n) return;
    uint64_t address = input_at(4, 16 * (hash(me()) & 0xff0));
    uint64_t to = own(2);
    if ((hash(me()) & 64) != 0) {
        Tight(to).v = Tight(address).v;
        if ((hash(me()) & 128) != 0) Loose(to).tail[0] = Loose(address).tail[1];
    } else if ((hash(me()) & 256) != 0) {
        Loose(to).v = Loose(address + 4).v;
        Middle(to).tail[1] = 3;
    } else {
        Middle(to).v = Middle(address + 8).v;
    }
    Words(to + 32).v[0] = Words(address).v[0];
    Words(to + 32).v[1] = Tight(address).tail[2];
    Words(to + 32).v[2] = Middle(address).tail[3];
}
