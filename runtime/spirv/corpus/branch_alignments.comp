// The same address accessed with different alignments in different branches: what one branch promises is no truth in the other.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Loose { vec4 v; uint tail[]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Tight { vec4 v; uint tail[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Middle { dvec2 v; uint tail[]; };

void main() {
    if (me() >= args.n) return;
    bool tight = (hash(me()) & 64) != 0;
    bool loose = (hash(me()) & 128) != 0;
    uint64_t address = input_at(4, 16 * (hash(me()) & 0xff0)) + (tight ? 0 : 4);
    uint64_t other = input_at(6, 16 * (hash(me() + 256) & 0xff0)) + (loose ? 12 : 0);
    uint64_t to = own(2);
    // The tight branch comes first here and last below: whichever is looked at before the other.
    if (tight) {
        Tight(to).v = Tight(address).v;
        if ((hash(me()) & 256) != 0) Loose(to).tail[0] = Loose(address).tail[1];
    } else {
        Loose(to).v = Loose(address).v;
        Loose(to).tail[0] = Loose(address).tail[3];
    }
    if (loose) {
        Loose(to + 32).v = Loose(other).v;
        Loose(to + 32).tail[1] = 3;
    } else {
        Middle(to + 32).v = Middle(other).v;
        Tight(to + 32).tail[1] = Tight(other).tail[0];
    }
    Words(to + 64).v[0] = Words(address).v[0];
    Words(to + 64).v[1] = Loose(address).tail[2];
    Words(to + 64).v[2] = Loose(other).tail[3];
}
