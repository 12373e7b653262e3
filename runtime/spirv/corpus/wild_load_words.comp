// Loads from null, from beside the heap, from the ends of the address space: all read the null page, none crashes.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "wild.glsl"

void main() {
    if (me() >= args.n) return;
    bool good = true;
    for (uint k = 0; k < WILD; k++) good = good && Words(wild(k + me())).v[0] == 0;
    // The heap's own first word, by which a form that reads zeros everywhere is found out.
    judge(good && uint64_t(Words(uint64_t(args.root)).v[0]) == (args.root.p[0] & 0xffffffffu));
}
