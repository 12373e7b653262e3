// Dereferences in conditions, loop headers, continue blocks and switch cases, with breaks and returns: each in its own block.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "corpus.glsl"

layout(buffer_reference) buffer Node;
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Node { Node next; Node other; uint value; uint index; };

uint classified(Node node, Words to) {
    switch (node.value & 7) {
        case 0: return node.next.value;
        case 1:
        case 2: to.v[40] = node.index; break;
        case 3: to.v[41] = node.other.index;
        case 4: return node.other.value ^ to.v[41];
        default: if (node.next.index > 512) return 5;
    }
    return to.v[0] + node.index;
}

void main() {
    if (me() >= args.n) return;
    Words to = Words(own(1));
    for (uint k = 0; k < 4; k++) to.v[40 + k] = k;
    Node node = Node(args.root.p[16] + 64 * me());
    to.v[0] = node.value;
    uint steps = 0;
    for (Node at = node; (at.value & 15) != 3 && steps < 30; at = at.next) {
        steps++;
        if (at.other.value % 5 == 0) continue;
        if (at.next.value % 31 == 7) break;
        do {
            to.v[1 + steps % 8] = at.index;
        } while ((to.v[1 + steps % 8] ^ at.other.index) == 0 && steps++ < 40);
    }
    to.v[20] = classified(node, to);
    to.v[21] = classified(node.next, to);
    to.v[22] = steps;
}
