// A switch in a loop whose cases fall through, continue and leave: what one case promises or computes, the next one may be entered without.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Loose { uint v[8]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Tight { uvec4 v; uvec4 w; };

void main() {
    if (me() >= args.n) return;
    uint64_t to = own(0);
    Words result = Words(own(3));
    for (uint round = 0; round < 6; round++) {
        uint choice = hash(me() + 256 * round) & 7;
        // Aligned to 16 only where the first case is entered by its own label.
        uint64_t from = input_at(0, 16 * (hash(me() * 7 + round) & 0xff0)) + (choice == 0 ? 0 : 4 * choice);
        uint sum = 0;
        switch (choice) {
        case 0:
            sum += Tight(from).v.y + Tight(from).w.z;
            Tight(to + 16 * round).v = Tight(from).v;
        case 1:
            sum += Loose(from).v[3];
        case 2:
            sum += Loose(from).v[0] * 3 + Loose(from).v[7];
            break;
        case 3:
            result.v[round] = Loose(from).v[1];
            continue;
        case 4:
            sum = Loose(from).v[4];
            if ((sum & 1) != 0) break;
            sum ^= Loose(from).v[5];
        case 5:
            sum += Loose(from).v[6];
        default:
            sum ^= Loose(from).v[2] + Loose(from).v[3];
        }
        result.v[round] = sum + Words(from).v[0];
        result.v[8 + round] = Words(from).v[7];
    }
}
