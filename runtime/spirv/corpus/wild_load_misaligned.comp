// Addresses that break their declared alignment: the offset in the page is rounded down, so no access leaves its page.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "wild.glsl"

layout(buffer_reference, std430, buffer_reference_align = 16) buffer Tight { uvec4 v; };

void main() {
    if (me() >= args.n) return;
    uint64_t address = input_at(2, 16 * me());
    uint wrong = 1 + me() % 3;
    bool good = Words(address + wrong).v[0] == Words(address).v[0];
    good = good && Tight(address + 4 * wrong).v == Tight(address).v;
    good = good && Tight(address + 15).v == Tight(address).v;
    judge(good);
}
