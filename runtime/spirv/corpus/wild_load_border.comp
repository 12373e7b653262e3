// A load that straddles the heap's first byte: what lies before it is the null page's, what lies behind is the heap's.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "wild.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Fours { uvec4 v; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Mixed { uint before[3]; uvec2 over; uint64_t pad; };

void main() {
    if (me() >= args.n) return;
    uvec2 first = unpackUint2x32(args.root.p[0]);
    uint64_t heap = uint64_t(args.root);
    bool good = Fours(heap - 8).v == uvec4(0, 0, first) && Fours(heap - 12).v == uvec4(0, 0, 0, first.x);
    good = good && Mixed(heap - 16).over == uvec2(0, first.x);
    judge(good);
}
